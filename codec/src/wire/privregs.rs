//! The registers that a PV guest shares with the hypervisor: the first 4096 bytes of a privregs
//! page (spec 8.10). The same structure begins the VPD of an HVM vcpu.

use alloc::boxed::Box;

use super::declare::layout;
use super::eras::eras;
use crate::dialect::MappedRegsLayout;

/// Gpfn of the privregs page of vcpu 0 of a PV domain; those of the others follow (from 3.0.4).
pub const PRIVREGS_GPFN: u64 = 0x400_0001;
/// What an HVM context has instead of a gpfn: meant to be another number, but for a slip in a macro
/// (from 34070c37f5).
pub const PRIVREGS_HVM: u64 = 1;

/// Whether a hypervisor takes a value for a region register of a PV guest: its reserved bits are 0, and
/// its page size is one of the hypervisor's own list (spec 8.8). The id is not looked at.
pub const fn is_region(rr: u64) -> bool {
    let log2 = rr >> 2 & 0x3f;
    rr & 2 == 0 && rr >> 32 == 0 && matches!(log2, 12..=16 | 18 | 20 | 22 | 24 | 26 | 28)
}

/// Declares one layout. All five agree up to byte 3108 and between 3144 and 3280.
macro_rules! mapped_regs {
    (
        $(#[$meta:meta])* $name:ident,
        flags { $($flags:tt)* }
        tail { $($tail:tt)* }
    ) => {
        layout! {
            $(#[$meta])*
            pub struct $name: 4096 {
                @0    vac as "vac.value": u64, Hex, "virtualisation acceleration control: which instructions PAL runs without leaving the guest";
                @8    vdc as "vdc.value": u64, Hex, "virtualisation disable control: which registers the guest reaches itself";
                @16   virt_env_vaddr: u64, Hex, "host address of the buffer that the hypervisor gave to PAL";
                @24   reserved1: [u64; 29], Pad, "reserved";
                @256  vhpi: u64, Hex, "highest priority pending interrupt";
                @264  reserved2: [u64; 95], Pad, "reserved";
                @1024 vgr: [u64; 16], Hex, "r16 to r31 of bank 1 while bank 0 is active";
                @1152 vbgr: [u64; 16], Hex, "r16 to r31 of bank 0 while bank 1 is active";
                @1280 vnat: u64, Hex, "NaT bits of vgr";
                @1288 vbnat: u64, Hex, "NaT bits of vbgr";
                @1296 vcpuid: [u64; 5], Hex, "CPUID registers 0 to 4 that the guest sees";
                @1336 reserved3: [u64; 11], Pad, "reserved";
                @1424 vpsr: u64, Hex, "psr that the guest sees (HVM)";
                @1432 vpr: u64, Hex, "predicates that the guest sees";
                @1440 reserved4: [u64; 76], Pad, "reserved";
                @2048 dcr: u64, Hex, "CR.DCR that the guest sees: default control";
                @2056 itm: u64, Hex, "CR.ITM that the guest sees: interval timer match, cycles";
                @2064 iva: u64, Hex, "CR.IVA that the guest sees: interruption vector address";
                @2072 rsv1: [u64; 5], Pad, "unassigned control register numbers";
                @2112 pta: u64, Hex, "CR.PTA that the guest sees: page table address and format";
                @2120 rsv2: [u64; 7], Pad, "unassigned control register numbers";
                @2176 ipsr: u64, Hex, "CR.IPSR that the guest sees: psr at the interruption";
                @2184 isr: u64, Hex, "CR.ISR that the guest sees: interruption status";
                @2192 rsv3: u64, Pad, "unassigned control register numbers";
                @2200 iip: u64, Hex, "CR.IIP that the guest sees: instruction pointer at the interruption";
                @2208 ifa: u64, Hex, "CR.IFA that the guest sees: address that faulted";
                @2216 itir: u64, Hex, "CR.ITIR that the guest sees: page size and key for the next TLB insertion";
                @2224 iipa: u64, Hex, "CR.IIPA that the guest sees: address of the last bundle that completed";
                @2232 ifs: u64, Hex, "CR.IFS that the guest sees: frame marker at the interruption";
                @2240 iim: u64, Hex, "CR.IIM that the guest sees: immediate of the break instruction";
                @2248 iha: u64, Hex, "CR.IHA that the guest sees: hash address for the faulting address";
                @2256 rsv4: [u64; 38], Pad, "unassigned control register numbers";
                @2560 lid: u64, Hex, "CR.LID that the guest sees: local interrupt id";
                @2568 ivr: u64, Hex, "CR.IVR that the guest sees: highest pending vector";
                @2576 tpr: u64, Hex, "CR.TPR that the guest sees: task priority";
                @2584 eoi: u64, Hex, "CR.EOI that the guest sees: end of interrupt";
                @2592 irr: [u64; 4], Hex, "CR.IRR that the guest sees: pending vectors, 256 bits";
                @2624 itv: u64, Hex, "CR.ITV that the guest sees: vector of the interval timer";
                @2632 pmv: u64, Hex, "CR.PMV that the guest sees: vector of the performance monitor";
                @2640 cmcv: u64, Hex, "CR.CMCV that the guest sees: vector of corrected machine checks";
                @2648 rsv5: [u64; 5], Pad, "unassigned control register numbers";
                @2688 lrr0: u64, Hex, "CR.LRR0 that the guest sees: local redirection 0";
                @2696 lrr1: u64, Hex, "CR.LRR1 that the guest sees: local redirection 1";
                @2704 rsv6: [u64; 46], Pad, "unassigned control register numbers";
                @3072 precover_ifs: u64, Hex, "PV: frame marker before a cover";
                @3080 unat: u64, Hex, "PV: AR.UNAT";
                @3088 interrupt_collection_enabled: i32, Dec, "PV: psr.ic that the guest sees";
                @3092 pad3092: [u8; 4], Pad, "padding";
                @3096 interrupt_mask_addr: u64, Hex, "guest virtual address of the evtchn_upcall_mask of the vcpu";
                @3104 pending_interruption: i32, Dec, "PV: an interruption waits";
                $($flags)*
                @3144 metaphysical_mode: i32, Dec, "1 while the guest uses physical addresses";
                @3148 banknum: i32, Dec, "active register bank";
                @3152 rrs: [u64; 8], Hex, "PV: region registers that the guest sees";
                @3216 krs: [u64; 8], Hex, "PV: kernel registers that the guest sees";
                $($tail)*
            }
            aliases {
                @1024 "bank1_regs": [u64; 16], Hex, "vgr by its other name";
                @1152 "bank0_regs": [u64; 16], Hex, "vbgr by its other name";
                @2048 "vcr": [u64; 128], Hex, "control registers that the guest sees, by number";
                @3072 "reserved5": [u64; 128], Pad, "the part that the processor manual leaves to software";
            }
        }
    };
}

mapped_regs! {
    /// mapped_regs of 3.0.3 and 3.0.4.
    MappedRegsM1,
    flags {
        @3108 incomplete_regframe: i32, Dec, "PV: the register frame is incomplete";
        @3112 vpsr_pp: u8, Dec, "psr.pp that the guest sees";
        @3113 reserved5_2: [u8; 7], Pad, "reserved";
        @3120 reserved5_1: [u64; 3], Pad, "reserved";
    }
    tail {
        @3280 pkrs: [u64; 8], Hex, "PV: protection keys";
        @3344 tmp: [u64; 8], Hex, "scratch of the hypervisor";
        @3408 pad3408: [u8; 688], Pad, "unused rest of the 4096 bytes";
    }
}

mapped_regs! {
    /// mapped_regs of the development tree of January 2007.
    MappedRegsM2,
    flags {
        @3108 vpsr_pp: u8, Dec, "psr.pp that the guest sees";
        @3109 reserved5_2: [u8; 3], Pad, "reserved";
        @3112 reserved5_1: [u64; 4], Pad, "reserved";
    }
    tail {
        @3280 pkrs: [u64; 8], Hex, "PV: protection keys";
        @3344 tmp: [u64; 8], Hex, "scratch of the hypervisor";
        @3408 pad3408: [u8; 688], Pad, "unused rest of the 4096 bytes";
    }
}

mapped_regs! {
    /// mapped_regs of 3.1.
    MappedRegsM3,
    flags {
        @3108 vpsr_pp: u8, Dec, "psr.pp that the guest sees";
        @3109 vpsr_dfh: u8, Dec, "psr.dfh that the guest sees";
        @3110 hpsr_dfh: u8, Dec, "psr.dfh of the machine";
        @3111 hpsr_mfh: u8, Dec, "psr.mfh of the machine";
        @3112 reserved5_1: [u64; 4], Pad, "reserved";
    }
    tail {
        @3280 pkrs: [u64; 8], Hex, "PV: protection keys";
        @3344 tmp: [u64; 8], Hex, "scratch of the hypervisor";
        @3408 pad3408: [u8; 688], Pad, "unused rest of the 4096 bytes";
    }
}

mapped_regs! {
    /// mapped_regs of 3.2 and 3.3.
    MappedRegsM4,
    flags {
        @3108 vpsr_pp: u8, Dec, "psr.pp that the guest sees";
        @3109 vpsr_dfh: u8, Dec, "psr.dfh that the guest sees";
        @3110 hpsr_dfh: u8, Dec, "psr.dfh of the machine";
        @3111 hpsr_mfh: u8, Dec, "psr.mfh of the machine";
        @3112 reserved5_1: [u64; 4], Pad, "reserved";
    }
    tail {
        @3280 tmp: [u64; 16], Hex, "scratch of the hypervisor";
        @3408 pad3408: [u8; 688], Pad, "unused rest of the 4096 bytes";
    }
}

mapped_regs! {
    /// mapped_regs from 3.4 on.
    MappedRegsM5,
    flags {
        @3108 vpsr_pp: u8, Dec, "psr.pp that the guest sees";
        @3109 vpsr_dfh: u8, Dec, "psr.dfh that the guest sees";
        @3110 hpsr_dfh: u8, Dec, "psr.dfh of the machine";
        @3111 hpsr_mfh: u8, Dec, "psr.mfh of the machine";
        @3112 reserved5_1: [u64; 4], Pad, "reserved";
    }
    tail {
        @3280 tmp: [u64; 16], Hex, "scratch of the hypervisor";
        @3408 itc_offset: u64, Hex, "PV: cycles between the machine's counter and the guest's";
        @3416 itc_last: u64, Hex, "PV: counter last shown to the guest, cycles";
        @3424 pad3424: [u8; 672], Pad, "unused rest of the 4096 bytes";
    }
}

eras! {
    /// mapped_regs in any of its layouts.
    pub enum MappedRegs by MappedRegsLayout {
        M1(Box<MappedRegsM1>), "3.0.3, 3.0.4.";
        M2(Box<MappedRegsM2>), "Development tree of January 2007.";
        M3(Box<MappedRegsM3>), "3.1.";
        M4(Box<MappedRegsM4>), "3.2, 3.3.";
        M5(Box<MappedRegsM5>), "3.4 to 4.2.";
    }
}

macro_rules! any {
    ($self:ident, $regs:ident => $value:expr) => {
        match $self {
            MappedRegs::M1($regs) => $value,
            MappedRegs::M2($regs) => $value,
            MappedRegs::M3($regs) => $value,
            MappedRegs::M4($regs) => $value,
            MappedRegs::M5($regs) => $value,
        }
    };
}

/// Getters of plain numbers that every layout has.
macro_rules! getters {
    ($( $name:ident: $ty:ty, $doc:literal; )*) => {
        impl MappedRegs {
            $(
                #[doc = $doc]
                pub fn $name(&self) -> $ty {
                    any!(self, regs => regs.$name)
                }
            )*
        }
    };
}

getters! {
    vac: u64, "Virtualisation acceleration control.";
    vdc: u64, "Virtualisation disable control.";
    virt_env_vaddr: u64, "Host address of the buffer that the hypervisor gave to PAL.";
    vhpi: u64, "Highest priority pending interrupt.";
    vnat: u64, "NaT bits of [`vgr`](Self::vgr).";
    vbnat: u64, "NaT bits of [`vbgr`](Self::vbgr).";
    vpsr: u64, "psr that the guest sees (HVM).";
    vpr: u64, "Predicates that the guest sees.";
    dcr: u64, "CR.DCR that the guest sees: default control.";
    itm: u64, "CR.ITM that the guest sees: interval timer match, cycles.";
    iva: u64, "CR.IVA that the guest sees: interruption vector address.";
    pta: u64, "CR.PTA that the guest sees: page table address and format.";
    ipsr: u64, "CR.IPSR that the guest sees: psr at the interruption.";
    isr: u64, "CR.ISR that the guest sees: interruption status.";
    iip: u64, "CR.IIP that the guest sees: instruction pointer at the interruption.";
    ifa: u64, "CR.IFA that the guest sees: address that faulted.";
    itir: u64, "CR.ITIR that the guest sees: page size and key for the next TLB insertion.";
    iipa: u64, "CR.IIPA that the guest sees: address of the last bundle that completed.";
    ifs: u64, "CR.IFS that the guest sees: frame marker at the interruption.";
    iim: u64, "CR.IIM that the guest sees: immediate of the break instruction.";
    iha: u64, "CR.IHA that the guest sees: hash address for the faulting address.";
    lid: u64, "CR.LID that the guest sees: local interrupt id.";
    ivr: u64, "CR.IVR that the guest sees: highest pending vector.";
    tpr: u64, "CR.TPR that the guest sees: task priority.";
    eoi: u64, "CR.EOI that the guest sees: end of interrupt.";
    itv: u64, "CR.ITV that the guest sees: vector of the interval timer.";
    pmv: u64, "CR.PMV that the guest sees: vector of the performance monitor.";
    cmcv: u64, "CR.CMCV that the guest sees: vector of corrected machine checks.";
    lrr0: u64, "CR.LRR0 that the guest sees: local redirection 0.";
    lrr1: u64, "CR.LRR1 that the guest sees: local redirection 1.";
    precover_ifs: u64, "PV: frame marker before a cover.";
    unat: u64, "PV: AR.UNAT.";
    interrupt_collection_enabled: i32, "PV: psr.ic that the guest sees.";
    interrupt_mask_addr: u64, "Guest virtual address of the `evtchn_upcall_mask` of the vcpu.";
    pending_interruption: i32, "PV: an interruption waits.";
    vpsr_pp: u8, "psr.pp that the guest sees.";
    metaphysical_mode: i32, "1 while the guest uses physical addresses.";
    banknum: i32, "Active register bank.";
}

impl MappedRegs {
    /// r16 to r31 of bank 1 while bank 0 is active.
    pub fn vgr(&self) -> &[u64; 16] {
        any!(self, regs => &regs.vgr)
    }

    /// r16 to r31 of bank 0 while bank 1 is active.
    pub fn vbgr(&self) -> &[u64; 16] {
        any!(self, regs => &regs.vbgr)
    }

    /// CPUID registers 0 to 4 that the guest sees.
    pub fn vcpuid(&self) -> &[u64; 5] {
        any!(self, regs => &regs.vcpuid)
    }

    /// CR.IRR0 to CR.IRR3 that the guest sees: pending vectors.
    pub fn irr(&self) -> &[u64; 4] {
        any!(self, regs => &regs.irr)
    }

    /// PV: region registers that the guest sees.
    pub fn rrs(&self) -> &[u64; 8] {
        any!(self, regs => &regs.rrs)
    }

    /// PV: kernel registers that the guest sees.
    pub fn krs(&self) -> &[u64; 8] {
        any!(self, regs => &regs.krs)
    }

    /// Scratch of the hypervisor: 8 words up to 3.1, then 16.
    pub fn tmp(&self) -> &[u64] {
        any!(self, regs => &regs.tmp)
    }

    /// PV: protection keys (up to 3.1).
    pub fn pkrs(&self) -> Option<&[u64; 8]> {
        match self {
            MappedRegs::M1(regs) => Some(&regs.pkrs),
            MappedRegs::M2(regs) => Some(&regs.pkrs),
            MappedRegs::M3(regs) => Some(&regs.pkrs),
            MappedRegs::M4(_) | MappedRegs::M5(_) => None,
        }
    }

    /// PV: the register frame is incomplete (3.0.3, 3.0.4).
    pub fn incomplete_regframe(&self) -> Option<i32> {
        match self {
            MappedRegs::M1(regs) => Some(regs.incomplete_regframe),
            _ => None,
        }
    }

    /// psr.dfh that the guest sees (from 3.1).
    pub fn vpsr_dfh(&self) -> Option<u8> {
        match self {
            MappedRegs::M1(_) | MappedRegs::M2(_) => None,
            MappedRegs::M3(regs) => Some(regs.vpsr_dfh),
            MappedRegs::M4(regs) => Some(regs.vpsr_dfh),
            MappedRegs::M5(regs) => Some(regs.vpsr_dfh),
        }
    }

    /// psr.dfh and psr.mfh of the machine (from 3.1).
    pub fn hpsr_dfh_mfh(&self) -> Option<(u8, u8)> {
        match self {
            MappedRegs::M1(_) | MappedRegs::M2(_) => None,
            MappedRegs::M3(regs) => Some((regs.hpsr_dfh, regs.hpsr_mfh)),
            MappedRegs::M4(regs) => Some((regs.hpsr_dfh, regs.hpsr_mfh)),
            MappedRegs::M5(regs) => Some((regs.hpsr_dfh, regs.hpsr_mfh)),
        }
    }

    /// PV: cycles between the machine's counter and the guest's (from 3.4).
    pub fn itc_offset(&self) -> Option<u64> {
        match self {
            MappedRegs::M5(regs) => Some(regs.itc_offset),
            _ => None,
        }
    }

    /// PV: counter last shown to the guest, cycles (from 3.4).
    pub fn itc_last(&self) -> Option<u64> {
        match self {
            MappedRegs::M5(regs) => Some(regs.itc_last),
            _ => None,
        }
    }
}
