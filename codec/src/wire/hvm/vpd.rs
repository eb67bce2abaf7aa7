//! Record 3: the virtual processor descriptor, the 64 KiB page that the processor's firmware works
//! on while the guest runs. A restore takes eight fields of its first 4096 bytes.

use alloc::boxed::Box;

use crate::dialect::MappedRegsLayout;
use crate::wire::declare::{Wire, layout};
use crate::wire::layout::Layout;
use crate::wire::privregs::{MappedRegsM4, MappedRegsM5};
use crate::wire::words::Words;

/// Declares one era: they differ in their first 4096 bytes alone.
macro_rules! vpd {
    ($(#[$meta:meta])* $record:ident, $vpd:ident, $low:ident) => {
        layout! {
            $(#[$meta])*
            pub struct $record: 65536 {
                @0 vpd: $vpd, Hex, "the descriptor; a restore takes vgr, vbgr, vnat, vbnat, vcpuid, vpsr, vpr and vcr";
            }
        }

        layout! {
            #[doc = concat!("The descriptor in [`", stringify!($record), "`].")]
            pub struct $vpd: 65536 {
                @0     vpd_low: $low, Hex, "registers that the guest sees";
                @4096  reserved6: Words<3456>, Pad, "reserved";
                @31744 vmm_avail: [u64; 128], Hex, "private to the hypervisor";
                @32768 reserved7: Words<4096>, Pad, "reserved";
            }
        }
    };
}

vpd! {
    /// The record of 3.2 and 3.3.
    HvmHwIa64VpdM4, VpdM4, MappedRegsM4
}

vpd! {
    /// The record from 3.4 on.
    HvmHwIa64VpdM5, VpdM5, MappedRegsM5
}

/// The record in either of its eras.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vpd {
    /// 3.2, 3.3.
    M4(Box<HvmHwIa64VpdM4>),
    /// From 3.4.
    M5(Box<HvmHwIa64VpdM5>),
}

/// The fields of the record of each era, as data; `None` for the layouts that were gone before HVM
/// domains could be saved.
pub fn layout_of(layout: MappedRegsLayout) -> Option<&'static Layout> {
    match layout {
        MappedRegsLayout::M1 | MappedRegsLayout::M2 | MappedRegsLayout::M3 => None,
        MappedRegsLayout::M4 => Some(HvmHwIa64VpdM4::LAYOUT),
        MappedRegsLayout::M5 => Some(HvmHwIa64VpdM5::LAYOUT),
    }
}

macro_rules! any {
    ($self:ident, $low:ident => $value:expr) => {
        match $self {
            Vpd::M4(record) => {
                let $low = &record.vpd.vpd_low;
                $value
            }
            Vpd::M5(record) => {
                let $low = &record.vpd.vpd_low;
                $value
            }
        }
    };
}

impl Vpd {
    /// Bytes of the record.
    pub const SIZE: usize = 65536;

    /// Reads the record of that era; `None` if there are too few bytes or it had no HVM domains.
    pub fn parse(layout: MappedRegsLayout, bytes: &[u8]) -> Option<Self> {
        match layout {
            MappedRegsLayout::M1 | MappedRegsLayout::M2 | MappedRegsLayout::M3 => None,
            MappedRegsLayout::M4 => Wire::parse(bytes).map(Vpd::M4),
            MappedRegsLayout::M5 => Wire::parse(bytes).map(Vpd::M5),
        }
    }

    /// The era by which this was read and will be written.
    pub fn layout(&self) -> MappedRegsLayout {
        match self {
            Vpd::M4(_) => MappedRegsLayout::M4,
            Vpd::M5(_) => MappedRegsLayout::M5,
        }
    }

    /// Appends the bytes that this was read from.
    pub fn write_to(&self, out: &mut alloc::vec::Vec<u8>) {
        match self {
            Vpd::M4(record) => record.write_to(out),
            Vpd::M5(record) => record.write_to(out),
        }
    }

    /// The bytes that this was read from.
    pub fn to_bytes(&self) -> alloc::vec::Vec<u8> {
        let mut out = alloc::vec::Vec::with_capacity(Self::SIZE);
        self.write_to(&mut out);
        out
    }

    /// r16 to r31 of bank 1 while bank 0 is active.
    pub fn vgr(&self) -> &[u64; 16] {
        any!(self, low => &low.vgr)
    }

    /// r16 to r31 of bank 0 while bank 1 is active.
    pub fn vbgr(&self) -> &[u64; 16] {
        any!(self, low => &low.vbgr)
    }

    /// NaT bits of [`vgr`](Self::vgr).
    pub fn vnat(&self) -> u64 {
        any!(self, low => low.vnat)
    }

    /// NaT bits of [`vbgr`](Self::vbgr).
    pub fn vbnat(&self) -> u64 {
        any!(self, low => low.vbnat)
    }

    /// CPUID registers 0 to 4 that the guest sees.
    pub fn vcpuid(&self) -> &[u64; 5] {
        any!(self, low => &low.vcpuid)
    }

    /// psr that the guest sees.
    pub fn vpsr(&self) -> u64 {
        any!(self, low => low.vpsr)
    }

    /// Predicates that the guest sees.
    pub fn vpr(&self) -> u64 {
        any!(self, low => low.vpr)
    }

    /// CR.IVA that the guest sees: interruption vector address.
    pub fn iva(&self) -> u64 {
        any!(self, low => low.iva)
    }

    /// CR.IRR0 to CR.IRR3 that the guest sees: pending vectors.
    pub fn irr(&self) -> &[u64; 4] {
        any!(self, low => &low.irr)
    }
}
