//! A row of the table of eras: everything that sets one apart (spec 12.4).

use super::meaning::{
    ControlFill, DcrSet, HvmPrivregsPfn, HvmRegionSet, NatsForm, NatsSet, PsrForm, RbsImage,
    RegionDefaults, RegionFill, RegionSet, StackForm, StackSet, Unset, VhptByte,
};
use crate::dialect::{Dialect, MagicPfn, MappedRegsLayout};

/// Everything that sets an era apart.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // a row of a table, not a state
pub struct Spec {
    /// Its name: that of the dialect, with a letter where the dialect has several.
    pub id: &'static str,
    /// The commit of Xen that began it.
    pub from: &'static str,
    /// The commit that ended it; that of the removal for the last one.
    pub until: &'static str,
    /// First and last day.
    pub dates: (&'static str, &'static str),
    /// Releases, for people; empty for trees between them.
    pub releases: &'static str,
    /// What its tools wrote.
    pub dialect: Dialect,
    /// What set it apart from the one before, for people.
    pub news: &'static str,

    /// get-context cleared the structure first; what it does not assign is 0.
    pub cleared: bool,
    /// What stands in fields that get-context does not assign.
    pub unset: Unset,
    /// How the dirty part of the register stack is counted.
    pub stack: StackForm,
    /// What `rbs` holds.
    pub rbs: RbsImage,
    /// The word of the hypervisor's backing store at which `rbs` begins, where it was fixed by the
    /// source and stands in no field.
    pub rbs_voff: Option<u64>,
    /// NaT bits of a PV vcpu.
    pub nats_pv: NatsForm,
    /// NaT bits of an HVM vcpu.
    pub nats_hvm: NatsForm,
    /// psr of a PV vcpu.
    pub psr: PsrForm,
    /// psr.dfh of a PV guest is that of the machine's psr, not a byte of the privregs page.
    pub dfh_in_psr: bool,
    /// The level at which the kernel of a PV guest runs; the guest sees 0.
    pub kernel_level: u64,
    /// A vcpu in a hypercall (one that suspends itself is) leaves most of its trap frame as the entry
    /// before had it, and bit 63 of cfm clear.
    pub stale_frame: bool,
    /// lc, ec, f2 to f5, f12 to f127 and `rbs_rnat` are given and taken.
    pub whole: bool,
    /// Control registers of a PV vcpu that are given.
    pub control: ControlFill,
    /// Region registers that are given.
    pub regions: RegionFill,
    /// dbr and ibr are given and taken.
    pub breakpoints: bool,
    /// ar.itc of a PV vcpu is given and taken.
    pub itc: bool,
    /// `privregs_pfn` of a PV vcpu is a machine frame, not 0x4000001 + vcpu.
    pub machine_frame: bool,
    /// `privregs_pfn` of an HVM vcpu.
    pub hvm_privregs_pfn: HvmPrivregsPfn,
    /// Layout of the privregs page and of the head of the VPD.
    pub privregs: MappedRegsLayout,
    /// Region registers that nobody has set.
    pub region_defaults: RegionDefaults,
    /// cr.pta of a vcpu that has not set it; 0 before bccead27ff.
    pub default_pta: u64,
    /// `evtchn_upcall_mask` of a vcpu that has not set it is 0xff (from 9810e8cdd8).
    pub mask_is_ff: bool,
    /// Where a PV guest sees shared_info unless it moved it.
    pub xsi_va: u64,
    /// Magic pfns in their order (HVM).
    pub magic_pfns: &'static [MagicPfn],
    /// What the records of an HVM context take without those of vcpus: 80 bytes more since the record
    /// of the identity mappings (69a6f6d074, on 2007-11-20).
    pub hvm_fixed_bytes: &'static [u64],
    /// What byte 36 of the domain setup record is.
    pub vhpt: VhptByte,

    /// A restore sets each context with the flags of the image first, then with `context_flags`.
    pub set_twice: bool,
    /// The flags with which a restore sets a context (spec 8.4).
    pub context_flags: u64,
    /// set-context: the register stack.
    pub stack_set: StackSet,
    /// set-context: `nats` of a PV vcpu.
    pub nats_set: NatsSet,
    /// set-context: region registers of a PV vcpu.
    pub regions_set: RegionSet,
    /// set-context: region registers of an HVM vcpu.
    pub hvm_regions_set: HvmRegionSet,
    /// set-context: cr.dcr of a PV vcpu.
    pub dcr_set: DcrSet,
    /// set-context clears the low bits of cr.iva.
    pub iva_masked: bool,
    /// The machine's psr.pp is forced to 1 for a PV guest.
    pub pp_forced: bool,
    /// cr.irr of an HVM vcpu is loaded only where the flags ask for it.
    pub irr_flag: bool,
    /// Vcpus other than 0 come up where the flags ask for it.
    pub online_flag: bool,
    /// A foreign `num_phys_stacked` is refused.
    pub checks_stacked: bool,
}
