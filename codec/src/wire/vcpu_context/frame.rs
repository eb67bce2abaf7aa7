//! Context A, of the first format: the hypervisor's own trap frame and a few virtual registers.

use super::fpreg::Fpreg;
use super::tr::TrEntry;
use crate::wire::declare::layout;

layout! {
    /// Vcpu context A. The stacked registers are not in it.
    pub struct ContextA: 1056 {
        @0    flags: u64, Hex, "set of VGCF_* bits, overwritten by a restore; uninitialised hypervisor memory";
        @8    pad8: [u8; 8], Pad, "padding";
        @16   user_regs: UserRegs, Hex, "trap frame";
        @512  extra_regs: ExtraRegs, Hex, "translation registers and a few virtual control registers";
        @1048 privregs_pfn: u64, Hex, "frame of the privregs page: machine frame in 3.0.3, later gpfn 0x4000001 + vcpu; a restore does not use it";
    }
}

layout! {
    /// The trap frame, in the order in which the hypervisor saves registers.
    pub struct UserRegs: 496 {
        @0   b6: u64, Hex, "branch register 6";
        @8   b7: u64, Hex, "branch register 7";
        @16  ar_csd: u64, Hex, "AR.CSD: IA-32 code segment; high half of 16-byte atomics";
        @24  ar_ssd: u64, Hex, "AR.SSD: IA-32 stack segment";
        @32  r8: u64, Hex, "general register 8";
        @40  r9: u64, Hex, "general register 9";
        @48  r10: u64, Hex, "general register 10";
        @56  r11: u64, Hex, "general register 11";
        @64  cr_ipsr: u64, Hex, "psr of the machine while the guest ran, not the psr that the guest sees";
        @72  cr_iip: u64, Hex, "instruction pointer";
        @80  cr_ifs: u64, Hex, "frame marker (bits 0 to 37), valid in bit 63";
        @88  ar_unat: u64, Hex, "AR.UNAT: NaT bits of spilled general registers";
        @96  ar_pfs: u64, Hex, "AR.PFS: frame marker and ec of the caller";
        @104 ar_rsc: u64, Hex, "AR.RSC: register stack configuration";
        @112 ar_rnat: u64, Hex, "AR.RNAT: NaT bits of the registers being spilled";
        @120 ar_bspstore: u64, Hex, "AR.BSPSTORE: backing store address of the next register to spill";
        @128 pr: u64, Hex, "predicate registers";
        @136 b0: u64, Hex, "branch register 0";
        @144 loadrs: u64, Hex, "bytes of the dirty stacked registers in the hypervisor's own store, shifted left by 16; the registers themselves are not saved";
        @152 r1: u64, Hex, "general register 1";
        @160 r12: u64, Hex, "general register 12";
        @168 r13: u64, Hex, "general register 13";
        @176 ar_fpsr: u64, Hex, "AR.FPSR: floating-point status";
        @184 r15: u64, Hex, "general register 15";
        @192 r14: u64, Hex, "general register 14";
        @200 r2: u64, Hex, "general register 2";
        @208 r3: u64, Hex, "general register 3";
        @216 r16: u64, Hex, "general register 16";
        @224 r17: u64, Hex, "general register 17";
        @232 r18: u64, Hex, "general register 18";
        @240 r19: u64, Hex, "general register 19";
        @248 r20: u64, Hex, "general register 20";
        @256 r21: u64, Hex, "general register 21";
        @264 r22: u64, Hex, "general register 22";
        @272 r23: u64, Hex, "general register 23";
        @280 r24: u64, Hex, "general register 24";
        @288 r25: u64, Hex, "general register 25";
        @296 r26: u64, Hex, "general register 26";
        @304 r27: u64, Hex, "general register 27";
        @312 r28: u64, Hex, "general register 28";
        @320 r29: u64, Hex, "general register 29";
        @328 r30: u64, Hex, "general register 30";
        @336 r31: u64, Hex, "general register 31";
        @344 ar_ccv: u64, Hex, "AR.CCV: compare-and-exchange compare value";
        @352 f6: Fpreg, Hex, "floating-point register 6";
        @368 f7: Fpreg, Hex, "floating-point register 7";
        @384 f8: Fpreg, Hex, "floating-point register 8";
        @400 f9: Fpreg, Hex, "floating-point register 9";
        @416 f10: Fpreg, Hex, "floating-point register 10";
        @432 f11: Fpreg, Hex, "floating-point register 11";
        @448 r4: u64, Hex, "general register 4";
        @456 r5: u64, Hex, "general register 5";
        @464 r6: u64, Hex, "general register 6";
        @472 r7: u64, Hex, "general register 7";
        @480 eml_unat: u64, Hex, "NaT bits of the general registers of this frame, at bit (address of the register / 8) modulo 64";
        @488 pad0: u64, Pad, "alignment";
    }
}

layout! {
    /// What the trap frame lacks.
    pub struct ExtraRegs: 536 {
        @0   itrs: [TrEntry; 8], Hex, "instruction translation registers";
        @256 dtrs: [TrEntry; 8], Hex, "data translation registers";
        @512 iva: u64, Hex, "CR.IVA that the guest sees: interruption vector address";
        @520 dcr: u64, Hex, "CR.DCR that the guest sees: default control";
        @528 event_callback_ip: u64, Hex, "guest entry point for events";
    }
}

impl UserRegs {
    /// General register 1 to 31.
    pub fn r(&self, n: usize) -> Option<u64> {
        Some(match n {
            1 => self.r1,
            2 => self.r2,
            3 => self.r3,
            4 => self.r4,
            5 => self.r5,
            6 => self.r6,
            7 => self.r7,
            8 => self.r8,
            9 => self.r9,
            10 => self.r10,
            11 => self.r11,
            12 => self.r12,
            13 => self.r13,
            14 => self.r14,
            15 => self.r15,
            16 => self.r16,
            17 => self.r17,
            18 => self.r18,
            19 => self.r19,
            20 => self.r20,
            21 => self.r21,
            22 => self.r22,
            23 => self.r23,
            24 => self.r24,
            25 => self.r25,
            26 => self.r26,
            27 => self.r27,
            28 => self.r28,
            29 => self.r29,
            30 => self.r30,
            31 => self.r31,
            _ => return None,
        })
    }

    /// Branch register 0, 6 or 7: the frame has no others.
    pub fn b(&self, n: usize) -> Option<u64> {
        match n {
            0 => Some(self.b0),
            6 => Some(self.b6),
            7 => Some(self.b7),
            _ => None,
        }
    }

    /// Floating-point register 6 to 11: the frame has no others.
    pub fn f(&self, n: usize) -> Option<[u64; 2]> {
        Some(match n {
            6 => self.f6.bits,
            7 => self.f7.bits,
            8 => self.f8.bits,
            9 => self.f9.bits,
            10 => self.f10.bits,
            11 => self.f11.bits,
            _ => return None,
        })
    }
}
