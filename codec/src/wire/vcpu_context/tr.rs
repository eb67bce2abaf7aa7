//! The translation registers: pinned entries of the TLB.

use crate::wire::declare::layout;

layout! {
    /// One translation register.
    pub struct TrEntry: 32 {
        @0  pte: u64, Hex, "page table entry: present bit 0, memory attribute 2 to 4, accessed 5, dirty 6, privilege 7 to 8, rights 9 to 11, frame 12 to 49";
        @8  itir: u64, Hex, "log2 of the page size in bits 2 to 7, protection key in 8 to 31";
        @16 vadr: u64, Hex, "virtual address";
        @24 rid: u64, Hex, "region id; an HVM restore computes it anew from the region register";
    }
}

layout! {
    /// The translation registers up to dialect D8: eight of each kind.
    pub struct TrRegs8: 512 {
        @0   itrs: [TrEntry; 8], Hex, "instruction translation registers";
        @256 dtrs: [TrEntry; 8], Hex, "data translation registers";
    }
}

layout! {
    /// The translation registers from dialect D9 on: twelve of each kind.
    pub struct TrRegs12: 768 {
        @0   itrs: [TrEntry; 12], Hex, "instruction translation registers";
        @384 dtrs: [TrEntry; 12], Hex, "data translation registers";
    }
}
