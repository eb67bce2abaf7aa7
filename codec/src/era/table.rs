//! The table of eras (spec 12.4).

use super::meaning::{
    ControlFill, DcrSet, HvmPrivregsPfn, HvmRegionSet, NatsForm, NatsSet, PsrForm, RbsImage,
    RegionDefaults, RegionFill, RegionSet, StackForm, StackSet, Unset, VhptByte,
};
use super::spec::Spec;
use crate::dialect::MagicPfn::{Bufioreq, Bufpioreq, Ioreq, Store};
use crate::dialect::MappedRegsLayout::{M1, M2, M3, M4, M5};
use crate::dialect::{Dialect, MagicPfn};
use crate::wire::vcpu_context::{VGCF_EXTRA_REGS, VGCF_ONLINE, VGCF_SET_AR_ITC, VGCF_SET_CR_IRR};

const OLD_MAGIC: &[MagicPfn] = &[Ioreq, Bufioreq, Store];
const NEW_MAGIC: &[MagicPfn] = &[Store, Ioreq, Bufioreq, Bufpioreq];

const D0: Spec = Spec {
    id: "D0",
    from: "89b0862b3a",
    until: "1df421476a",
    dates: ("2006-07-11", "2006-08-25"),
    releases: "",
    dialect: Dialect::D0,
    news: "the first save and restore",
    cleared: false,
    unset: Unset::Piece,
    stack: StackForm::Loadrs,
    rbs: RbsImage::Absent,
    rbs_voff: None,
    nats_pv: NatsForm::Spilled,
    nats_hvm: NatsForm::Spilled,
    psr: PsrForm::Machine,
    dfh_in_psr: true,
    kernel_level: 2,
    stale_frame: false,
    whole: false,
    control: ControlFill::Two,
    regions: RegionFill::None,
    breakpoints: false,
    itc: false,
    machine_frame: true,
    hvm_privregs_pfn: HvmPrivregsPfn::Gpfn,
    privregs: M1,
    region_defaults: RegionDefaults::Sentinels,
    default_pta: 0,
    mask_is_ff: false,
    xsi_va: 0xf100_0000_0000_0000,
    magic_pfns: &[],
    hvm_fixed_bytes: &[],
    vhpt: VhptByte::Padding,
    set_twice: true,
    context_flags: VGCF_EXTRA_REGS,
    stack_set: StackSet::Loadrs,
    nats_set: NatsSet::Spilled,
    regions_set: RegionSet::Ignored,
    hvm_regions_set: HvmRegionSet::Panics,
    dcr_set: DcrSet::Own,
    iva_masked: false,
    pp_forced: true,
    irr_flag: false,
    online_flag: false,
    checks_stacked: false,
};

const D1: Spec = Spec {
    id: "D1",
    from: "1df421476a",
    until: "da1a7d7fba",
    dates: ("2006-08-25", "2006-12-07"),
    releases: "3.0.3",
    dialect: Dialect::D1,
    news: "nothing in contexts",
    ..D0
};

const D1B_A: Spec = Spec {
    id: "D1b.a",
    from: "da1a7d7fba",
    until: "68fa1896bb",
    dates: ("2006-12-07", "2007-01-11"),
    releases: "3.0.4",
    dialect: Dialect::D1b,
    news: "privregs_pfn is a gpfn",
    machine_frame: false,
    ..D1
};

const D1B_B: Spec = Spec {
    id: "D1b.b",
    from: "68fa1896bb",
    until: "ee74bcacd5",
    dates: ("2007-01-11", "2007-01-12"),
    releases: "",
    news: "a vcpu in a hypercall keeps part of an older trap frame",
    stale_frame: true,
    ..D1B_A
};

const D1B_C: Spec = Spec {
    id: "D1b.c",
    from: "ee74bcacd5",
    until: "3bfc06d3e5",
    dates: ("2007-01-12", "2007-01-23"),
    news: "privregs layout M2",
    privregs: M2,
    ..D1B_B
};

const D1B_D: Spec = Spec {
    id: "D1b.d",
    from: "3bfc06d3e5",
    until: "8f3bd63696",
    dates: ("2007-01-23", "2007-02-05"),
    news: "privregs layout M3; psr.dfh of the machine is no longer the guest's",
    privregs: M3,
    dfh_in_psr: false,
    ..D1B_C
};

const D1B_E: Spec = Spec {
    id: "D1b.e",
    from: "8f3bd63696",
    until: "6abd9271a3",
    dates: ("2007-02-05", "2007-02-12"),
    news: "cr.dcr is in the privregs page",
    dcr_set: DcrSet::Privregs,
    ..D1B_D
};

const D1B_F: Spec = Spec {
    id: "D1b.f",
    from: "6abd9271a3",
    until: "2360010187",
    dates: ("2007-02-12", "2007-05-07"),
    releases: "3.1.0",
    news: "set-context ignores cr.dcr",
    dcr_set: DcrSet::Ignored,
    // Both came within the era: bccead27ff on 2007-04-05, 9810e8cdd8 on 2007-05-03, the latter after
    // 3.1.0.
    default_pta: 15 << 2,
    ..D1B_E
};

const D2: Spec = Spec {
    id: "D2",
    from: "2360010187",
    until: "c811f1fa77",
    dates: ("2007-05-07", "2007-05-24"),
    releases: "",
    dialect: Dialect::D2,
    news: "context B, filled field by field",
    unset: Unset::Pages,
    stack: StackForm::HostBytes,
    rbs: RbsImage::Unset,
    mask_is_ff: true,
    stack_set: StackSet::Size,
    nats_set: NatsSet::Ignored,
    ..D1B_F
};

const D3: Spec = Spec {
    id: "D3",
    from: "c811f1fa77",
    until: "949f46eb2b",
    dates: ("2007-05-24", "2007-05-31"),
    dialect: Dialect::D3,
    news: "nothing in contexts",
    ..D2
};

const D4A: Spec = Spec {
    id: "D4a",
    from: "949f46eb2b",
    until: "e588d94efc",
    dates: ("2007-05-31", "2007-06-12"),
    dialect: Dialect::D4,
    news: "context B2, without rbs",
    unset: Unset::Piece,
    rbs: RbsImage::Absent,
    ..D3
};

const D4B: Spec = Spec {
    id: "D4b",
    from: "e588d94efc",
    until: "0a15e93927",
    dates: ("2007-06-12", "2007-06-15"),
    news: "psr is that which the guest sees; shared_info moves (3d6a2e5147, a minute later)",
    psr: PsrForm::Virtual,
    xsi_va: 0xf500_0000_0000_0000,
    set_twice: false,
    ..D4A
};

const D5: Spec = Spec {
    id: "D5",
    from: "0a15e93927",
    until: "821d1e6115",
    dates: ("2007-06-15", "2007-07-02"),
    dialect: Dialect::D5,
    news: "context C: the lower half of the spilled NaT bits, and rbs, which begins at word 56",
    unset: Unset::Pages,
    rbs: RbsImage::Dirty,
    rbs_voff: Some(56),
    nats_pv: NatsForm::SpilledHalf,
    stack_set: StackSet::Copied,
    ..D4B
};

const D6A: Spec = Spec {
    id: "D6a",
    from: "821d1e6115",
    until: "7d4d684419",
    dates: ("2007-07-02", "2007-07-02"),
    dialect: Dialect::D6,
    news: "context D: rbs_voff",
    rbs_voff: None,
    ..D5
};

const D6B: Spec = Spec {
    id: "D6b",
    from: "7d4d684419",
    until: "46867b9c10",
    news: "dbr, ibr and rr0 to rr6 are given",
    regions: RegionFill::Seven,
    breakpoints: true,
    ..D6A
};

const D6C: Spec = Spec {
    id: "D6c",
    from: "46867b9c10",
    until: "a22225dc19",
    dates: ("2007-07-02", "2007-07-30"),
    news: "a PV kernel runs at level 1",
    kernel_level: 1,
    ..D6B
};

const D6D: Spec = Spec {
    id: "D6d",
    from: "a22225dc19",
    until: "567b053811",
    dates: ("2007-07-30", "2007-09-06"),
    news: "privregs layout M4",
    privregs: M4,
    ..D6C
};

const D7A: Spec = Spec {
    id: "D7a",
    from: "567b053811",
    until: "7685cc708e",
    dates: ("2007-09-06", "2007-09-17"),
    dialect: Dialect::D7,
    news: "nothing in contexts",
    ..D6D
};

const D7B: Spec = Spec {
    id: "D7b",
    from: "7685cc708e",
    until: "e31f395496",
    dates: ("2007-09-17", "2007-10-02"),
    news: "most control registers are given",
    control: ControlFill::Most,
    ..D7A
};

const D7C: Spec = Spec {
    id: "D7c",
    from: "e31f395496",
    until: "0f93dc4f98",
    dates: ("2007-10-02", "2007-10-21"),
    news: "rr7, cr.itir, cr.iha and cr.iim are given",
    vhpt: VhptByte::Either,
    control: ControlFill::All,
    regions: RegionFill::All,
    // From 1812330211 on (2007-10-12).
    iva_masked: true,
    ..D7B
};

const D7D: Spec = Spec {
    id: "D7d",
    from: "0f93dc4f98",
    until: "44d78108bf",
    dates: ("2007-10-21", "2007-10-21"),
    news: "contexts are cleared first; bsp by the guest's slots; NaT bits as a bitmap; lc, ec, f2 to f127; the stack is laid out anew",
    vhpt: VhptByte::Size,
    cleared: true,
    unset: Unset::Zero,
    stack: StackForm::GuestSlots,
    nats_pv: NatsForm::Bitmap,
    nats_hvm: NatsForm::Halves,
    whole: true,
    stack_set: StackSet::Relaid,
    nats_set: NatsSet::Bitmap,
    regions_set: RegionSet::Stored,
    ..D7C
};

const D8A: Spec = Spec {
    id: "D8a",
    from: "44d78108bf",
    until: "34070c37f5",
    dates: ("2007-10-21", "2007-10-22"),
    dialect: Dialect::D8,
    news: "HVM images",
    magic_pfns: OLD_MAGIC,
    hvm_fixed_bytes: &[528],
    ..D7D
};

const D8B: Spec = Spec {
    id: "D8b",
    from: "34070c37f5",
    until: "3ddb3a23d8",
    dates: ("2007-10-22", "2007-10-30"),
    news: "privregs_pfn of an HVM vcpu is 1",
    hvm_privregs_pfn: HvmPrivregsPfn::One,
    ..D8A
};

const D9A: Spec = Spec {
    id: "D9a",
    from: "3ddb3a23d8",
    until: "800b18726c",
    dates: ("2007-10-30", "2007-11-07"),
    dialect: Dialect::D9,
    news: "context E: twelve translation registers of each kind",
    ..D8B
};

const D9B: Spec = Spec {
    id: "D9b",
    from: "800b18726c",
    until: "90c0baa8e8",
    dates: ("2007-11-07", "2007-11-07"),
    news: "region registers are checked and have valid defaults",
    region_defaults: RegionDefaults::Valid,
    regions_set: RegionSet::Skipped,
    hvm_regions_set: HvmRegionSet::Skipped,
    ..D9A
};

const D10A: Spec = Spec {
    id: "D10a",
    from: "90c0baa8e8",
    until: "f0ed01dec3",
    dialect: Dialect::D10,
    news: "context F: num_phys_stacked; bad region registers are refused, those that are 0 skipped",
    regions_set: RegionSet::Refused,
    hvm_regions_set: HvmRegionSet::Refused,
    checks_stacked: true,
    ..D9B
};

const D10B: Spec = Spec {
    id: "D10b",
    from: "f0ed01dec3",
    until: "8d604f8b23",
    dates: ("2007-11-07", "2007-11-28"),
    news: "four magic pfns, the store first",
    magic_pfns: NEW_MAGIC,
    // The record came within the era.
    hvm_fixed_bytes: &[608, 528],
    ..D10A
};

const D10C: Spec = Spec {
    id: "D10c",
    from: "8d604f8b23",
    until: "22ac8aab98",
    dates: ("2007-11-28", "2008-02-19"),
    releases: "3.2",
    news: "cr.irr of an HVM vcpu is loaded by a flag",
    hvm_fixed_bytes: &[608],
    context_flags: VGCF_EXTRA_REGS | VGCF_SET_CR_IRR,
    // From 5ba35dee5b on (2007-12-17), in 3.2.0-rc2.
    pp_forced: false,
    irr_flag: true,
    ..D10B
};

const D10D: Spec = Spec {
    id: "D10d",
    from: "22ac8aab98",
    until: "2b0d50e685",
    dates: ("2008-02-19", "2008-06-10"),
    releases: "",
    news: "NaT bits of an HVM vcpu as a bitmap",
    nats_hvm: NatsForm::Bitmap,
    ..D10C
};

const D10E: Spec = Spec {
    id: "D10e",
    from: "2b0d50e685",
    until: "006dff9e04",
    dates: ("2008-06-10", "2008-06-10"),
    news: "vcpus come up by a flag",
    context_flags: VGCF_EXTRA_REGS | VGCF_SET_CR_IRR | VGCF_ONLINE,
    online_flag: true,
    ..D10D
};

const D11A: Spec = Spec {
    id: "D11a",
    from: "006dff9e04",
    until: "658c654a05",
    dates: ("2008-06-10", "2009-01-05"),
    releases: "3.3",
    dialect: Dialect::D11,
    news: "nothing in contexts",
    ..D10E
};

const D11B: Spec = Spec {
    id: "D11b",
    from: "658c654a05",
    until: "aa1355f971",
    dates: ("2009-01-05", "2011-06-10"),
    releases: "3.4, 4.0, 4.1",
    news: "ar.itc of a PV vcpu; privregs layout M5",
    itc: true,
    privregs: M5,
    context_flags: VGCF_EXTRA_REGS | VGCF_SET_CR_IRR | VGCF_ONLINE | VGCF_SET_AR_ITC,
    ..D11A
};

const D12: Spec = Spec {
    id: "D12",
    from: "aa1355f971",
    until: "e567964a54",
    dates: ("2011-06-10", "2012-09-12"),
    releases: "",
    dialect: Dialect::D12,
    news: "nothing in contexts",
    ..D11B
};

pub(super) static SPECS: [Spec; 33] = [
    D0, D1, D1B_A, D1B_B, D1B_C, D1B_D, D1B_E, D1B_F, D2, D3, D4A, D4B, D5, D6A, D6B, D6C, D6D,
    D7A, D7B, D7C, D7D, D8A, D8B, D9A, D9B, D10A, D10B, D10C, D10D, D10E, D11A, D11B, D12,
];
