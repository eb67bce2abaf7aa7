//! `memory_op`.

use ia64save_codec::layout;

layout! {
    /// `populate_physmap`, `decrease_reservation` up to 3.2.
    pub struct ReservationOld: 32 {
        @0  extent_start as "extent_start.p": u64, Hex, "address of the frames";
        @8  nr_extents: u64, Dec, "how many";
        @16 extent_order: u32, Dec, "log2 of the pages of each: 0";
        @20 address_bits: u32, Dec, "0";
        @24 domid: u16, Dec, "domain";
        @26 pad26: [u8; 6], Pad, "padding";
    }
}

layout! {
    /// `populate_physmap`, `decrease_reservation` from 3.3 on: one field has another name.
    pub struct Reservation: 32 {
        @0  extent_start as "extent_start.p": u64, Hex, "address of the frames";
        @8  nr_extents: u64, Dec, "how many";
        @16 extent_order: u32, Dec, "log2 of the pages of each: 0";
        @20 mem_flags: u32, Hex, "0";
        @24 domid: u16, Dec, "domain";
        @26 pad26: [u8; 6], Pad, "padding";
    }
}

layout! {
    /// `maximum_gpfn`: a domid, in 8 bytes as recorded callers pass it.
    pub struct MaximumGpfn: 8 {
        @0 domid: u16, Dec, "domain";
        @2 pad2: [u8; 6], Pad, "padding";
    }
}
