//! One translation register.

use core::fmt;

use crate::size::place;
use crate::wire::vcpu_context::TrEntry;

/// Bits of a page's frame in a page table entry.
const FRAME: u64 = 0x0003_ffff_ffff_f000;
/// The smallest and the largest page that a processor could have, as powers of two.
const SIZES: core::ops::RangeInclusive<u32> = 12..=32;

/// Which register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Data translation register of that number.
    Data(usize),
    /// Instruction translation register of that number.
    Code(usize),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::Data(number) => write!(f, "dtr[{number}]"),
            Slot::Code(number) => write!(f, "itr[{number}]"),
        }
    }
}

/// A translation register that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Which one.
    pub slot: Slot,
    /// First virtual address.
    pub first: u64,
    /// Log2 of the size.
    pub size_log2: u32,
    /// Guest physical address of the first byte.
    pub physical: u64,
    /// The region id that it is for, where it stands in a region register: `rr & 0xffffff00`, in every
    /// era, PV and HVM (spec 8.8).
    pub rid: u64,
}

/// Bits of the region id within a region register, and within `tr.rid`.
pub(super) const RID: u64 = 0xffff_ff00;

impl Register {
    /// Decodes an entry. `None` where the register is empty or has no page size: Xen returns an empty
    /// one with a `pte` of 0x80 or 0x100.
    pub fn decode(slot: Slot, entry: &TrEntry) -> Option<Self> {
        let size_log2 = (entry.itir >> 2) as u32 & 0x3f;
        if entry.pte & 1 == 0 || !SIZES.contains(&size_log2) {
            return None;
        }
        let mask = !((1u64 << size_log2) - 1);
        Some(Register {
            slot,
            first: entry.vadr & mask,
            size_log2,
            physical: entry.pte & FRAME & mask,
            rid: entry.rid & RID,
        })
    }

    /// Last virtual address.
    pub fn last(&self) -> u64 {
        self.first + ((1 << self.size_log2) - 1)
    }

    /// The region of its addresses.
    pub fn region(&self) -> usize {
        place(self.first >> 61)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_pinned_in_64_mib() {
        let entry = TrEntry {
            pte: 0x0010_0000_0400_0661,
            itir: 0x68,
            vadr: 0xa000_0001_0000_4000,
            rid: 0x10500,
        };
        let register = Register::decode(Slot::Code(0), &entry).unwrap();
        assert_eq!(
            (register.first, register.last(), register.physical),
            (0xa000_0001_0000_0000, 0xa000_0001_03ff_ffff, 0x400_0000)
        );
        assert_eq!((register.region(), register.rid), (5, 0x10500));
        let empty = TrEntry { pte: 0x80, ..entry };
        assert_eq!(Register::decode(Slot::Data(0), &empty), None);
        let odd = TrEntry {
            itir: 63 << 2,
            ..entry
        };
        assert_eq!(Register::decode(Slot::Data(0), &odd), None);
    }
}
