//! Entries of the physical-to-machine table.

/// One entry of a domain's p2m, as the hypervisor exposes it: the page table entry.
///
/// Source: the bits of `pte[gpfn]` that dom0vp operation 12 exposes (Xen 3.1 on).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct P2mEntry(pub u64);

impl P2mEntry {
    /// Bit 0: something is there.
    pub const PRESENT: u64 = 1;
    /// Bit 59: the page is allocated to the domain.
    pub const ALLOCATED: u64 = 1 << 59;
    /// Bit 60: an I/O frame, not memory.
    pub const IO: u64 = 1 << 60;
    /// Nothing.
    pub const EMPTY: P2mEntry = P2mEntry(0);

    /// Something is there, memory or I/O: what version 1 sends (spec 5.2).
    pub fn is_mapped(self) -> bool {
        self.0 & Self::PRESENT != 0
    }

    /// Memory is there.
    pub fn is_present(self) -> bool {
        self.is_mapped() && self.0 & Self::IO == 0
    }

    /// Memory is there and belongs to the domain: what version 2 and 3 send.
    pub fn is_allocated(self) -> bool {
        self.is_present() && self.0 & Self::ALLOCATED != 0
    }

    /// The machine frame, 16 KiB frames.
    pub fn frame(self) -> u64 {
        (self.0 & 0x0003_ffff_ffff_f000) >> 14
    }
}
