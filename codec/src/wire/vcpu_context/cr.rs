//! The control registers.
//!
//! All are given for HVM. For PV there are `dcr` and `iva` always, most others from 7685cc708e on, `itir`,
//! `iha` and `iim` from e31f395496 on, and never `iipa`, `ifs`, `lid`, `eoi`, `lrr0` and `lrr1`; it has its own in
//! the privregs page, and a restore takes nothing but `iva` from here (spec 8.9).

use crate::wire::declare::layout;

layout! {
    /// Control registers by name; `cr[n]` by number.
    pub struct CrRegs: 1024 {
        @0   dcr: u64, Hex, "default control";
        @8   itm: u64, Hex, "interval timer match, cycles";
        @16  iva: u64, Hex, "interruption vector address";
        @24  rsv1: [u64; 5], Pad, "unassigned numbers";
        @64  pta: u64, Hex, "page table address and format";
        @72  rsv2: [u64; 7], Pad, "unassigned numbers";
        @128 ipsr: u64, Hex, "psr at the interruption";
        @136 isr: u64, Hex, "interruption status";
        @144 rsv3: u64, Pad, "unassigned numbers";
        @152 iip: u64, Hex, "instruction pointer at the interruption";
        @160 ifa: u64, Hex, "address that faulted";
        @168 itir: u64, Hex, "page size and key for the next TLB insertion";
        @176 iipa: u64, Hex, "address of the last bundle that completed";
        @184 ifs: u64, Hex, "frame marker at the interruption";
        @192 iim: u64, Hex, "immediate of the break instruction";
        @200 iha: u64, Hex, "hash address for the faulting address";
        @208 rsv4: [u64; 38], Pad, "unassigned numbers";
        @512 lid: u64, Hex, "local interrupt id";
        @520 ivr: u64, Hex, "highest pending vector";
        @528 tpr: u64, Hex, "task priority";
        @536 eoi: u64, Hex, "end of interrupt";
        @544 irr: [u64; 4], Hex, "pending vectors, 256 bits";
        @576 itv: u64, Hex, "vector of the interval timer";
        @584 pmv: u64, Hex, "vector of the performance monitor";
        @592 cmcv: u64, Hex, "vector of corrected machine checks";
        @600 rsv5: [u64; 5], Pad, "unassigned numbers";
        @640 lrr0: u64, Hex, "local redirection 0";
        @648 lrr1: u64, Hex, "local redirection 1";
        @656 rsv6: [u64; 46], Pad, "unassigned numbers";
    }
    aliases {
        @0 "cr": [u64; 128], Hex, "control registers by number";
    }
}
