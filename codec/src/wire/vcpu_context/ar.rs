//! The application registers.

use crate::wire::declare::layout;

layout! {
    /// Application registers by name; `ar[n]` by number.
    pub struct ArRegs: 1024 {
        @0   kr: [u64; 8], Hex, "kernel registers; HVM only, a PV domain has them in its privregs page";
        @64  rsv1: [u64; 8], Pad, "unassigned numbers";
        @128 rsc: u64, Hex, "register stack configuration";
        @136 bsp: u64, Hex, "end of the backing store: bspstore and the dirty registers, counted as the hypervisor of the time did";
        @144 bspstore: u64, Hex, "backing store address of the next register to spill";
        @152 rnat: u64, Hex, "NaT bits of the registers being spilled";
        @160 rsv2: u64, Pad, "unassigned numbers";
        @168 fcr: u64, Hex, "IA-32 floating-point control";
        @176 rsv3: [u64; 2], Pad, "unassigned numbers";
        @192 eflag: u64, Hex, "IA-32 EFLAG";
        @200 csd: u64, Hex, "IA-32 code segment; high half of 16-byte atomics";
        @208 ssd: u64, Hex, "IA-32 stack segment";
        @216 cflg: u64, Hex, "IA-32 CR0 and CR4";
        @224 fsr: u64, Hex, "IA-32 floating-point status";
        @232 fir: u64, Hex, "IA-32 floating-point instruction";
        @240 fdr: u64, Hex, "IA-32 floating-point data";
        @248 rsv4: u64, Pad, "unassigned numbers";
        @256 ccv: u64, Hex, "compare-and-exchange compare value";
        @264 rsv5: [u64; 3], Pad, "unassigned numbers";
        @288 unat: u64, Hex, "NaT bits of spilled general registers";
        @296 rsv6: [u64; 3], Pad, "unassigned numbers";
        @320 fpsr: u64, Hex, "floating-point status";
        @328 rsv7: [u64; 3], Pad, "unassigned numbers";
        @352 itc: u64, Hex, "interval counter, cycles; PV from 3.4 on";
        @360 rsv8: [u64; 3], Pad, "unassigned numbers";
        @384 ign1: [u64; 16], Pad, "unassigned numbers";
        @512 pfs: u64, Hex, "frame marker and ec of the caller";
        @520 lc: u64, Hex, "loop count; filled from 0f93dc4f98 on";
        @528 ec: u64, Hex, "epilogue count, 6 bits; filled from 0f93dc4f98 on";
        @536 rsv9: [u64; 45], Pad, "unassigned numbers";
        @896 ign2: [u64; 16], Pad, "unassigned numbers";
    }
    aliases {
        @0 "ar": [u64; 128], Hex, "application registers by number";
    }
}
