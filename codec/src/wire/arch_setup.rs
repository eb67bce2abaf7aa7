//! The domain setup record, third in every stream (spec 3.3).

use super::declare::layout;
use super::eras::eras;
use crate::dialect::ArchSetupLayout;

/// `flags`: the domain is fully virtualised.
pub const HVM_GUEST: u64 = 1 << 0;
/// `flags`: the record answers a query. Stays set on the wire.
pub const QUERY: u64 = 1 << 1;
/// `flags`: the domain runs with self-I/O emulation (3.3 on). A query never reports it.
pub const SIOEMU_GUEST: u64 = 1 << 2;

layout! {
    /// The setup record of D0: an operation of the old dom0 interface, with the domain in it.
    pub struct ArchSetupDom0Op: 48 {
        @0  domain: u16, Dec, "domid the operation was meant for; the saver writes 0";
        @2  pad2: [u8; 6], Pad, "padding";
        @8  flags: u64, Hex, "set of XEN_DOMAINSETUP_* bits: 2 for PV, 3 for HVM (the query bit stays set)";
        @16 bp: u64, Hex, "boot parameter block, guest physical address; a query answers 0";
        @24 maxmem: u64, Hex, "end of conventional memory, bytes; 0 in this layout";
        @32 xsi_va: u64, Hex, "guest virtual address at which shared_info is mapped; 0xf100000000000000 unless the guest moved it";
        @40 hypercall_imm: u32, Hex, "immediate of the break instruction that makes a hypercall; usually 0x1000";
        @44 pad44: [u8; 4], Pad, "padding";
    }
}

layout! {
    /// The setup record without a VHPT size.
    pub struct ArchSetupPlain: 40 {
        @0  flags: u64, Hex, "set of XEN_DOMAINSETUP_* bits: 2 for PV, 3 for HVM (the query bit stays set)";
        @8  bp: u64, Hex, "boot parameter block, guest physical address; a query answers 0";
        @16 maxmem: u64, Hex, "end of conventional memory, bytes; 0 up to 3.1";
        @24 xsi_va: u64, Hex, "guest virtual address at which shared_info is mapped; 0xf100000000000000 up to 3.1, then 0xf500000000000000, unless the guest moved it";
        @32 hypercall_imm: u32, Hex, "immediate of the break instruction that makes a hypercall; usually 0x1000";
        @36 pad36: [u8; 4], Pad, "uninitialised stack of the saver";
    }
}

layout! {
    /// The setup record with a VHPT size.
    pub struct ArchSetupVhpt: 40 {
        @0  flags: u64, Hex, "set of XEN_DOMAINSETUP_* bits: 2 for PV, 3 for HVM (the query bit stays set)";
        @8  bp: u64, Hex, "boot parameter block, guest physical address; a query answers 0";
        @16 maxmem: u64, Hex, "end of conventional memory, bytes";
        @24 xsi_va: u64, Hex, "guest virtual address at which shared_info is mapped; 0xf500000000000000 unless the guest moved it";
        @32 hypercall_imm: u32, Hex, "immediate of the break instruction that makes a hypercall; usually 0x1000";
        @36 vhpt_size_log2: i8, Dec, "log2 of the bytes of each vcpu's own hashed page table; 0 default, -1 shared table; garbage if the hypervisor was built without such tables";
        @37 pad37: [u8; 3], Pad, "uninitialised stack of the saver";
    }
}

eras! {
    /// The setup record in any of its layouts.
    ///
    /// ```
    /// use ia64save_codec::dialect::ArchSetupLayout;
    /// use ia64save_codec::wire::ArchSetup;
    ///
    /// let mut bytes = [0; 40];
    /// bytes[0] = 3;
    /// let setup = ArchSetup::parse(ArchSetupLayout::Vhpt, &bytes).unwrap();
    /// assert!(setup.is_hvm());
    /// assert_eq!(setup.vhpt_size_log2(), Some(0));
    /// ```
    pub enum ArchSetup by ArchSetupLayout {
        Dom0Op(ArchSetupDom0Op), "48 bytes, a domid first (D0).";
        Plain(ArchSetupPlain), "40 bytes, the last four are padding (D1 to D7).";
        Vhpt(ArchSetupVhpt), "40 bytes, byte 36 is `vhpt_size_log2` (from D8).";
    }
}

macro_rules! any {
    ($self:ident, $setup:ident => $value:expr) => {
        match $self {
            ArchSetup::Dom0Op($setup) => $value,
            ArchSetup::Plain($setup) => $value,
            ArchSetup::Vhpt($setup) => $value,
        }
    };
}

impl ArchSetup {
    /// Set of [`HVM_GUEST`], [`QUERY`] and [`SIOEMU_GUEST`].
    pub fn flags(&self) -> u64 {
        any!(self, setup => setup.flags)
    }

    /// Whether the flags say that the domain is fully virtualised.
    pub fn is_hvm(&self) -> bool {
        self.flags() & HVM_GUEST != 0
    }

    /// Guest physical address of the boot parameter block; 0 in a saved image.
    pub fn bp(&self) -> u64 {
        any!(self, setup => setup.bp)
    }

    /// End of conventional memory, in bytes; 0 up to 3.1.
    pub fn maxmem(&self) -> u64 {
        any!(self, setup => setup.maxmem)
    }

    /// Guest virtual address at which shared_info is mapped.
    pub fn xsi_va(&self) -> u64 {
        any!(self, setup => setup.xsi_va)
    }

    /// Immediate of the break instruction that makes a hypercall.
    pub fn hypercall_imm(&self) -> u32 {
        any!(self, setup => setup.hypercall_imm)
    }

    /// log2 of the bytes of each vcpu's own hashed page table.
    pub fn vhpt_size_log2(&self) -> Option<i8> {
        match self {
            ArchSetup::Vhpt(setup) => Some(setup.vhpt_size_log2),
            ArchSetup::Dom0Op(_) | ArchSetup::Plain(_) => None,
        }
    }

    /// Domid the operation was meant for; the saver writes 0.
    pub fn domain(&self) -> Option<u16> {
        match self {
            ArchSetup::Dom0Op(setup) => Some(setup.domain),
            ArchSetup::Plain(_) | ArchSetup::Vhpt(_) => None,
        }
    }
}
