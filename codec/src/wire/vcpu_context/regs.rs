//! Contexts B to F: every register by number, then an image of the register stack.

use super::ar::ArRegs;
use super::cr::CrRegs;
use super::fpreg::Fpreg;
use super::tr::{TrRegs8, TrRegs12};
use crate::wire::declare::layout;
use crate::wire::words::Words;

/// Declares one context and its register image. All six agree up to the translation registers,
/// but for the width of `nats`.
macro_rules! context {
    (
        $(#[$meta:meta])* $context:ident: $size:literal,
        $regs:ident: $regs_size:literal,
        nats { $($nats:tt)* }
        tr $tr:ident
        tail { $($tail:tt)* }
        event_callback_ip @$event:literal
        privregs_pfn @$privregs:literal
    ) => {
        layout! {
            $(#[$meta])*
            pub struct $context: $size {
                @0 flags: u64, Hex, "set of VGCF_* bits; never written by a saver, and a restore uses its own";
                @8 pad8: [u8; 8], Pad, "padding";
                @16 regs: $regs, Hex, "registers";
                @$event event_callback_ip: u64, Hex, "guest entry point for events";
                @$privregs privregs_pfn: u64, Hex, "gpfn of the privregs page: 0x4000001 + vcpu for PV, 1 for HVM (that of PV in 44d78108bf); a restore does not use it";
            }
        }

        layout! {
            #[doc = concat!("The registers of [`", stringify!($context), "`].")]
            pub struct $regs: $regs_size {
                @0    r: [u64; 32], Hex, "general registers r0 to r31, r16 to r31 of the active bank; r0 unused";
                @256  b: [u64; 8], Hex, "branch registers; only b0, b6 and b7 are filled";
                @320  bank: [u64; 16], Hex, "r16 to r31 of the inactive bank; HVM only, a PV domain has them in its privregs page";
                @448  ip: u64, Hex, "instruction pointer";
                @456  psr: u64, Hex, "processor status: that of the machine up to 2007-06-12, then that which the guest sees";
                @464  cfm: u64, Hex, "current frame marker (bits 0 to 37); bit 63 set if an interruption stopped the vcpu, clear if a hypercall did";
                @472  pr: u64, Hex, "predicate registers";
                $($nats)*
                @488  ar: ArRegs, Hex, "application registers";
                @1512 cr: CrRegs, Hex, "control registers";
                @2536 pad2536: [u8; 8], Pad, "padding";
                @2544 f: [Fpreg; 128], Hex, "floating-point registers f0 to f127; f6 to f11 are filled, from 0f93dc4f98 on f2 to f127";
                @4592 dbr: [u64; 8], Hex, "data breakpoint registers; filled from 7d4d684419 on";
                @4656 ibr: [u64; 8], Hex, "instruction breakpoint registers; filled from 7d4d684419 on";
                @4720 rr: [u64; 8], Hex, "region registers: walker bit 0, log2 of the page size in 2 to 7, region id in 8 to 31; 0 is none";
                @4784 pkr: [u64; 16], Hex, "protection keys; never filled";
                @4912 xip: u64, Hex, "never filled";
                @4920 xpsr: u64, Hex, "never filled";
                @4928 xfs: u64, Hex, "never filled";
                @4936 xr: [u64; 4], Hex, "never filled";
                @4968 tr: $tr, Hex, "translation registers";
                $($tail)*
            }
        }
    };
}

context! {
    /// Vcpu context B.
    ContextB: 21904,
    RegsB: 21872,
    nats {
        @480 nats: u64, Hex, "NaT bits of the general registers as the trap frame spilled them, at bit (address / 8) modulo 64";
    }
    tr TrRegs8
    tail {
        @5480 rbs: Words<2048>, Hex, "declared for the register stack, never filled";
        @21864 pad21864: [u8; 8], Pad, "padding";
    }
    event_callback_ip @21888
    privregs_pfn @21896
}

context! {
    /// Vcpu context B2: B without the register stack.
    ContextB2: 5520,
    RegsB2: 5488,
    nats {
        @480 nats: u64, Hex, "NaT bits of the general registers as the trap frame spilled them, at bit (address / 8) modulo 64";
    }
    tr TrRegs8
    tail {
        @5480 pad5480: [u8; 8], Pad, "padding";
    }
    event_callback_ip @5504
    privregs_pfn @5512
}

context! {
    /// Vcpu context C.
    ContextC: 21904,
    RegsC: 21872,
    nats {
        @480 nats: u32, Hex, "NaT bits of the general registers as the trap frame spilled them, at bit (address / 8) modulo 64, the lower half";
        @484 bnats: u32, Hex, "NaT bits of the inactive bank, bit n for rn (HVM)";
    }
    tr TrRegs8
    tail {
        @5480 rbs: Words<2048>, Hex, "image of the dirty stacked registers with their NaT collections";
        @21864 rbs_nat: u64, Hex, "never used";
    }
    event_callback_ip @21888
    privregs_pfn @21896
}

context! {
    /// Vcpu context D.
    ContextD: 21936,
    RegsD: 21904,
    nats {
        @480 nats: u32, Hex, "NaT bits of the general registers up to D7c as the trap frame spilled them, at bit (address / 8) modulo 64, the lower half; from D7d on bit n for rn";
        @484 bnats: u32, Hex, "NaT bits of the inactive bank, bit n for rn (HVM)";
    }
    tr TrRegs8
    tail {
        @5480 excp_iipa: u64, Hex, "state of a debug exception; never filled";
        @5488 excp_isr: u64, Hex, "state of a debug exception; never filled";
        @5496 excp_vector: u32, Hex, "state of a debug exception; never filled";
        @5500 rbs_voff: u32, Dec, "place of the first word of rbs within 512 aligned bytes of backing store, in words: 0 to 63";
        @5504 rbs: Words<2048>, Hex, "image of the dirty stacked registers with their NaT collections";
        @21888 rbs_nat: u64, Hex, "never used";
        @21896 rbs_rnat: u64, Hex, "NaT bits of the registers in rbs behind its last NaT collection; filled from D7d on";
    }
    event_callback_ip @21920
    privregs_pfn @21928
}

context! {
    /// Vcpu context E.
    ContextE: 22208,
    RegsE: 22176,
    nats {
        @480 nats: u32, Hex, "NaT bits of the general registers, bit n for rn; for HVM in part as the trap frame spilled them";
        @484 bnats: u32, Hex, "NaT bits of the inactive bank, bit n for rn (HVM)";
    }
    tr TrRegs12
    tail {
        @5736 excp_iipa: u64, Hex, "state of a debug exception; never filled";
        @5744 excp_ifa: u64, Hex, "state of a debug exception; never filled";
        @5752 excp_isr: u64, Hex, "state of a debug exception; never filled";
        @5760 excp_vector: u32, Hex, "state of a debug exception; never filled";
        @5764 rbs_voff: u32, Dec, "place of the first word of rbs within 512 aligned bytes of backing store, in words: 0 to 63";
        @5768 rbs: Words<2048>, Hex, "image of the dirty stacked registers with their NaT collections";
        @22152 rbs_nat: u64, Hex, "never used";
        @22160 rbs_rnat: u64, Hex, "NaT bits of the registers in rbs behind its last NaT collection";
        @22168 pad22168: [u8; 8], Pad, "padding";
    }
    event_callback_ip @22192
    privregs_pfn @22200
}

context! {
    /// Vcpu context F, that of 3.2 to 4.2.
    ContextF: 22208,
    RegsF: 22176,
    nats {
        @480 nats: u32, Hex, "NaT bits of the general registers, bit n for rn; for HVM before 3.3 in part as the trap frame spilled them";
        @484 bnats: u32, Hex, "NaT bits of the inactive bank, bit n for rn (HVM)";
    }
    tr TrRegs12
    tail {
        @5736 excp_iipa: u64, Hex, "state of a debug exception; never filled";
        @5744 excp_ifa: u64, Hex, "state of a debug exception; never filled";
        @5752 excp_isr: u64, Hex, "state of a debug exception; never filled";
        @5760 excp_vector: u32, Hex, "state of a debug exception; never filled";
        @5764 rbs_voff: u32, Dec, "place of the first word of rbs within 512 aligned bytes of backing store, in words: 0 to 63";
        @5768 rbs: Words<2048>, Hex, "image of the dirty stacked registers with their NaT collections";
        @22152 rbs_rnat: u64, Hex, "NaT bits of the registers in rbs behind its last NaT collection";
        @22160 num_phys_stacked: u64, Dec, "stacked registers of the saving processor; 0 unknown, else the restoring one must have as many";
        @22168 pad22168: [u8; 8], Pad, "padding";
    }
    event_callback_ip @22192
    privregs_pfn @22200
}
