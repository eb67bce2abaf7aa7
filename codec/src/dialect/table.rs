//! The table of dialects (spec 12.1).

use super::Version;
use super::layouts::MagicPfn::{Bufioreq, Bufpioreq, Ioreq, Store};
use super::layouts::MappedRegsLayout::{M1, M2, M3, M4, M5};
use super::layouts::SharedInfoLayout::{S0, S1, S2};
use super::layouts::StartInfoLayout::{I0, I1, I2};
use super::layouts::{
    ArchSetupLayout as Setup, ContextLayout, MagicPfn, MappedRegsLayout, P2mSizeMeaning,
    SharedInfoLayout, StartInfoLayout, VcpumapRule,
};

/// Everything that sets a dialect apart.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // a row of a table, not a state
pub struct Spec {
    /// Short name of the dialect's row in spec 12.1: `"D11"`.
    pub id: &'static str,
    /// The name users see: the release that wrote it, or the date of the development tree.
    pub name: &'static str,
    /// Releases that wrote it, for people.
    pub releases: &'static str,
    /// Other names accepted on input.
    pub aliases: &'static [&'static str],
    /// First and last day on which a tree wrote this dialect.
    pub era: (&'static str, &'static str),
    /// The version word.
    pub version: Version,
    /// Domain setup record.
    pub arch_setup: Setup,
    /// Vcpu context.
    pub context: ContextLayout,
    /// Meaning of `p2m_size`.
    pub p2m_size: P2mSizeMeaning,
    /// `privregs_pfn` holds a machine frame rather than a gpfn.
    pub privregs_is_machine_frame: bool,
    /// HVM domains exist in this dialect.
    pub hvm: bool,
    /// PV domains carry a vcpumap and every online vcpu; otherwise vcpu 0 alone.
    pub pv_vcpumap: bool,
    /// Length rule of the vcpumap.
    pub vcpumap: VcpumapRule,
    /// Magic pfns in their order (HVM).
    pub magic_pfns: &'static [MagicPfn],
    /// Bytes of all HVM records that are there once per domain, descriptors and END included: 528
    /// without record 8, 608 with it. Each vcpu adds 65656.
    pub hvm_fixed_bytes: &'static [u64],
    /// Privregs layouts in use while this dialect was written, oldest first.
    pub mapped_regs: &'static [MappedRegsLayout],
    /// Shared_info layouts in use, oldest first.
    pub shared_info: &'static [SharedInfoLayout],
    /// Start_info layouts in use, oldest first.
    pub start_info: &'static [StartInfoLayout],
    /// A Remus save could append further checkpoints (from 22af01be29, Xen 4.0).
    pub checkpoints: bool,
}

const OLD_MAGIC: &[MagicPfn] = &[Ioreq, Bufioreq, Store];
const NEW_MAGIC: &[MagicPfn] = &[Store, Ioreq, Bufioreq, Bufpioreq];

/// What most dialects of version 1 share; the rows below name only what differs.
const BASE: Spec = Spec {
    id: "",
    name: "",
    releases: "none",
    aliases: &[],
    era: ("", ""),
    version: Version::V1,
    arch_setup: Setup::Plain,
    context: ContextLayout::A,
    p2m_size: P2mSizeMeaning::MaximumGpfn,
    privregs_is_machine_frame: false,
    hvm: false,
    pv_vcpumap: false,
    vcpumap: VcpumapRule::ByteSlack,
    magic_pfns: &[],
    hvm_fixed_bytes: &[],
    mapped_regs: &[M3],
    shared_info: &[S2],
    start_info: &[I1],
    checkpoints: false,
};

pub(super) static SPECS: [Spec; 14] = [
    Spec {
        id: "D0",
        name: "dev-20060711",
        era: ("2006-07-11", "2006-08-25"),
        arch_setup: Setup::Dom0Op,
        p2m_size: P2mSizeMeaning::MaxMem,
        privregs_is_machine_frame: true,
        mapped_regs: &[M1],
        shared_info: &[S0, S1],
        start_info: &[I0, I1],
        ..BASE
    },
    Spec {
        id: "D1",
        name: "xen-3.0.3",
        releases: "3.0.3",
        era: ("2006-08-25", "2006-12-07"),
        p2m_size: P2mSizeMeaning::MaxMem,
        privregs_is_machine_frame: true,
        mapped_regs: &[M1],
        shared_info: &[S1],
        ..BASE
    },
    Spec {
        id: "D1b",
        name: "xen-3.0.4",
        releases: "3.0.4, 3.1",
        aliases: &["xen-3.1", "xen-3.1.0"],
        era: ("2006-12-07", "2007-05-07"),
        p2m_size: P2mSizeMeaning::MaxMem,
        mapped_regs: &[M1, M2, M3],
        shared_info: &[S1],
        ..BASE
    },
    Spec {
        id: "D2",
        name: "dev-20070507",
        era: ("2007-05-07", "2007-05-24"),
        context: ContextLayout::B,
        p2m_size: P2mSizeMeaning::MaxMem,
        shared_info: &[S1, S2],
        ..BASE
    },
    Spec {
        id: "D3",
        name: "dev-20070524",
        era: ("2007-05-24", "2007-05-31"),
        context: ContextLayout::B,
        ..BASE
    },
    Spec {
        id: "D4",
        name: "dev-20070531",
        era: ("2007-05-31", "2007-06-15"),
        context: ContextLayout::B2,
        ..BASE
    },
    Spec {
        id: "D5",
        name: "dev-20070615",
        era: ("2007-06-15", "2007-07-02"),
        context: ContextLayout::C,
        ..BASE
    },
    Spec {
        id: "D6",
        name: "dev-20070702",
        era: ("2007-07-02", "2007-09-06"),
        context: ContextLayout::D,
        mapped_regs: &[M3, M4],
        ..BASE
    },
    Spec {
        id: "D7",
        name: "dev-20070906",
        era: ("2007-09-06", "2007-10-21"),
        version: Version::V2,
        context: ContextLayout::D,
        mapped_regs: &[M4],
        ..BASE
    },
    Spec {
        id: "D8",
        name: "dev-20071021",
        era: ("2007-10-21", "2007-10-30"),
        version: Version::V2,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::D,
        hvm: true,
        magic_pfns: OLD_MAGIC,
        hvm_fixed_bytes: &[528],
        mapped_regs: &[M4],
        ..BASE
    },
    Spec {
        id: "D9",
        name: "dev-20071030",
        era: ("2007-10-30", "2007-11-07"),
        version: Version::V2,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::E,
        hvm: true,
        magic_pfns: OLD_MAGIC,
        hvm_fixed_bytes: &[528],
        mapped_regs: &[M4],
        ..BASE
    },
    Spec {
        id: "D10",
        name: "xen-3.2",
        releases: "3.2",
        aliases: &["xen-3.2.0"],
        era: ("2007-11-07", "2008-06-10"),
        version: Version::V2,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::F,
        hvm: true,
        magic_pfns: NEW_MAGIC,
        // Record 8 came on 2007-11-20 (69a6f6d074), within this dialect.
        hvm_fixed_bytes: &[608, 528],
        mapped_regs: &[M4],
        ..BASE
    },
    Spec {
        id: "D11",
        name: "xen-3.3",
        releases: "3.3, 3.4, 4.0, 4.1",
        aliases: &["xen-3.4", "xen-4.0", "xen-4.1"],
        era: ("2008-06-10", "2011-06-10"),
        version: Version::V3,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::F,
        hvm: true,
        pv_vcpumap: true,
        magic_pfns: NEW_MAGIC,
        hvm_fixed_bytes: &[608],
        mapped_regs: &[M4, M5],
        start_info: &[I1, I2],
        checkpoints: true,
        ..BASE
    },
    Spec {
        id: "D12",
        name: "dev-20110610",
        releases: "none (source of 4.2, never built)",
        aliases: &["xen-4.2"],
        era: ("2011-06-10", "2012-09-12"),
        version: Version::V3,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::F,
        hvm: true,
        pv_vcpumap: true,
        vcpumap: VcpumapRule::Words,
        magic_pfns: NEW_MAGIC,
        hvm_fixed_bytes: &[608],
        mapped_regs: &[M5],
        start_info: &[I2],
        checkpoints: true,
        ..BASE
    },
];
