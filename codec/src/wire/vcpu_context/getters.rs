//! One way to ask for a register, whatever the layout.

use super::{ArRegs, Context, CrRegs, TrEntry};

/// Evaluates one expression for layout A and another for layouts B to F.
macro_rules! either {
    ($self:ident, $a:pat => $old:expr, $c:ident => $new:expr) => {
        match $self {
            Context::A($a) => $old,
            Context::B($c) => $new,
            Context::B2($c) => $new,
            Context::C($c) => $new,
            Context::D($c) => $new,
            Context::E($c) => $new,
            Context::F($c) => $new,
        }
    };
}

impl Context {
    /// Set of `VGCF_*` bits. No saver writes them (they are uninitialised up to D7c, then 0), and a restore
    /// uses its own.
    pub fn flags(&self) -> u64 {
        either!(self, a => a.flags, c => c.flags)
    }

    /// Instruction pointer.
    pub fn ip(&self) -> u64 {
        either!(self, a => a.user_regs.cr_iip, c => c.regs.ip)
    }

    /// Processor status: of a PV vcpu up to 2007-06-12 that of the machine, else what the guest sees
    /// ([`Era::psr`](crate::Era::psr)).
    pub fn psr(&self) -> u64 {
        either!(self, a => a.user_regs.cr_ipsr, c => c.regs.psr)
    }

    /// Current frame marker in bits 0 to 37. Bit 63 is set if an interruption stopped the vcpu and
    /// clear if a hypercall did.
    pub fn cfm(&self) -> u64 {
        either!(self, a => a.user_regs.cr_ifs, c => c.regs.cfm)
    }

    /// Predicate registers.
    pub fn pr(&self) -> u64 {
        either!(self, a => a.user_regs.pr, c => c.regs.pr)
    }

    /// General register 0 to 31, r16 to r31 of the active bank. A has no r0.
    pub fn r(&self, n: usize) -> Option<u64> {
        either!(self, a => a.user_regs.r(n), c => c.regs.r.get(n).copied())
    }

    /// Branch register 0 to 7. A has only 0, 6 and 7; the others leave the rest unfilled.
    pub fn b(&self, n: usize) -> Option<u64> {
        either!(self, a => a.user_regs.b(n), c => c.regs.b.get(n).copied())
    }

    /// Register 16 to 31 of the inactive bank, HVM. Of PV it is uninitialised up to D7c, then 0.
    pub fn bank(&self, n: usize) -> Option<u64> {
        let index = n.checked_sub(16)?;
        either!(self, _ => None, c => c.regs.bank.get(index).copied())
    }

    /// Floating-point register 0 to 127: significand, then exponent and sign. A has only 6 to 11.
    pub fn fpr(&self, n: usize) -> Option<[u64; 2]> {
        either!(self, a => a.user_regs.f(n), c => c.regs.f.get(n).map(|f| f.bits))
    }

    /// NaT bits of the general registers, in the form of the era ([`Era::nats`](crate::Era::nats)).
    pub fn nats(&self) -> u64 {
        match self {
            Context::A(a) => a.user_regs.eml_unat,
            Context::B(c) => c.regs.nats,
            Context::B2(c) => c.regs.nats,
            Context::C(c) => c.regs.nats.into(),
            Context::D(c) => c.regs.nats.into(),
            Context::E(c) => c.regs.nats.into(),
            Context::F(c) => c.regs.nats.into(),
        }
    }

    /// NaT bits of the inactive bank, bit n for rn (from C).
    pub fn bnats(&self) -> Option<u32> {
        match self {
            Context::A(_) | Context::B(_) | Context::B2(_) => None,
            Context::C(c) => Some(c.regs.bnats),
            Context::D(c) => Some(c.regs.bnats),
            Context::E(c) => Some(c.regs.bnats),
            Context::F(c) => Some(c.regs.bnats),
        }
    }

    /// All application registers (from B).
    pub fn ar(&self) -> Option<&ArRegs> {
        either!(self, _ => None, c => Some(&c.regs.ar))
    }

    /// All control registers (from B).
    pub fn cr(&self) -> Option<&CrRegs> {
        either!(self, _ => None, c => Some(&c.regs.cr))
    }

    /// Kernel register 0 to 7 (from B), HVM.
    pub fn ar_kr(&self, n: usize) -> Option<u64> {
        self.ar()?.kr.get(n).copied()
    }

    /// AR.BSP: end of the dirty registers (from B), counted in the hypervisor's own backing store up to D7c
    /// and in the guest's from D7d on ([`Era::dirty`](crate::Era::dirty)).
    pub fn ar_bsp(&self) -> Option<u64> {
        self.ar().map(|ar| ar.bsp)
    }

    /// AR.ITC: interval counter, cycles (from B; filled for PV from 3.4 on).
    pub fn ar_itc(&self) -> Option<u64> {
        self.ar().map(|ar| ar.itc)
    }

    /// AR.LC: loop count (from B; filled from D7d on).
    pub fn ar_lc(&self) -> Option<u64> {
        self.ar().map(|ar| ar.lc)
    }

    /// AR.EC: epilogue count (from B; filled from D7d on).
    pub fn ar_ec(&self) -> Option<u64> {
        self.ar().map(|ar| ar.ec)
    }

    /// CR.DCR: default control.
    pub fn cr_dcr(&self) -> u64 {
        either!(self, a => a.extra_regs.dcr, c => c.regs.cr.dcr)
    }

    /// CR.IVA: interruption vector address.
    pub fn cr_iva(&self) -> u64 {
        either!(self, a => a.extra_regs.iva, c => c.regs.cr.iva)
    }

    /// CR.IRR0 to CR.IRR3: pending vectors (from B).
    pub fn cr_irr(&self) -> Option<&[u64; 4]> {
        self.cr().map(|cr| &cr.irr)
    }

    /// Data breakpoint registers (from B).
    pub fn dbr(&self) -> Option<&[u64]> {
        either!(self, _ => None, c => Some(&c.regs.dbr))
    }

    /// Instruction breakpoint registers (from B).
    pub fn ibr(&self) -> Option<&[u64]> {
        either!(self, _ => None, c => Some(&c.regs.ibr))
    }

    /// Region registers (from B).
    pub fn rr(&self) -> Option<&[u64]> {
        either!(self, _ => None, c => Some(&c.regs.rr))
    }

    /// Protection keys (from B); never filled.
    pub fn pkr(&self) -> Option<&[u64]> {
        either!(self, _ => None, c => Some(&c.regs.pkr))
    }

    /// Instruction translation registers: 8 up to D, then 12.
    pub fn itrs(&self) -> &[TrEntry] {
        either!(self, a => &a.extra_regs.itrs, c => &c.regs.tr.itrs)
    }

    /// Data translation registers: 8 up to D, then 12.
    pub fn dtrs(&self) -> &[TrEntry] {
        either!(self, a => &a.extra_regs.dtrs, c => &c.regs.tr.dtrs)
    }

    /// Image of the dirty stacked registers with their NaT collections (all but A and B2).
    pub fn rbs(&self) -> Option<&[u64]> {
        match self {
            Context::A(_) | Context::B2(_) => None,
            Context::B(c) => Some(c.regs.rbs.as_slice()),
            Context::C(c) => Some(c.regs.rbs.as_slice()),
            Context::D(c) => Some(c.regs.rbs.as_slice()),
            Context::E(c) => Some(c.regs.rbs.as_slice()),
            Context::F(c) => Some(c.regs.rbs.as_slice()),
        }
    }

    /// Place of `rbs[0]` within 512 aligned bytes of backing store, in words (from D).
    pub fn rbs_voff(&self) -> Option<u32> {
        match self {
            Context::D(c) => Some(c.regs.rbs_voff),
            Context::E(c) => Some(c.regs.rbs_voff),
            Context::F(c) => Some(c.regs.rbs_voff),
            _ => None,
        }
    }

    /// A word that no Xen ever used (C, D and E); uninitialised up to D7c, then 0.
    pub fn rbs_nat(&self) -> Option<u64> {
        match self {
            Context::C(c) => Some(c.regs.rbs_nat),
            Context::D(c) => Some(c.regs.rbs_nat),
            Context::E(c) => Some(c.regs.rbs_nat),
            _ => None,
        }
    }

    /// NaT bits of the registers in `rbs` behind its last NaT collection (from D; filled from D7d on).
    pub fn rbs_rnat(&self) -> Option<u64> {
        match self {
            Context::D(c) => Some(c.regs.rbs_rnat),
            Context::E(c) => Some(c.regs.rbs_rnat),
            Context::F(c) => Some(c.regs.rbs_rnat),
            _ => None,
        }
    }

    /// Stacked registers of the saving processor (F); 0 unknown.
    pub fn num_phys_stacked(&self) -> Option<u64> {
        match self {
            Context::F(c) => Some(c.regs.num_phys_stacked),
            _ => None,
        }
    }

    /// Guest entry point for events.
    pub fn event_callback_ip(&self) -> u64 {
        either!(self, a => a.extra_regs.event_callback_ip, c => c.event_callback_ip)
    }

    /// Frame of the privregs page: 0x4000001 + vcpu for PV (a machine frame up to 3.0.3) and for HVM in D8a,
    /// then 1 for HVM.
    pub fn privregs_pfn(&self) -> u64 {
        either!(self, a => a.privregs_pfn, c => c.privregs_pfn)
    }
}

/// Application registers that every layout has.
macro_rules! common_ar {
    ($( $name:ident, $field_a:ident, $field:ident, $doc:literal; )*) => {
        impl Context {
            $(
                #[doc = $doc]
                pub fn $name(&self) -> u64 {
                    either!(self, a => a.user_regs.$field_a, c => c.regs.ar.$field)
                }
            )*
        }
    };
}

common_ar! {
    ar_rsc, ar_rsc, rsc, "AR.RSC: register stack configuration.";
    ar_bspstore, ar_bspstore, bspstore, "AR.BSPSTORE: backing store address of the next register to spill.";
    ar_rnat, ar_rnat, rnat, "AR.RNAT: NaT bits of the registers being spilled.";
    ar_csd, ar_csd, csd, "AR.CSD: IA-32 code segment; high half of 16-byte atomics.";
    ar_ssd, ar_ssd, ssd, "AR.SSD: IA-32 stack segment.";
    ar_ccv, ar_ccv, ccv, "AR.CCV: compare-and-exchange compare value.";
    ar_unat, ar_unat, unat, "AR.UNAT: NaT bits of spilled general registers.";
    ar_fpsr, ar_fpsr, fpsr, "AR.FPSR: floating-point status.";
    ar_pfs, ar_pfs, pfs, "AR.PFS: frame marker and epilogue count of the caller.";
}

/// Control registers that A lacks.
macro_rules! newer_cr {
    ($( $name:ident, $field:ident, $doc:literal; )*) => {
        impl Context {
            $(
                #[doc = $doc]
                pub fn $name(&self) -> Option<u64> {
                    self.cr().map(|cr| cr.$field)
                }
            )*
        }
    };
}

newer_cr! {
    cr_itm, itm, "CR.ITM: interval timer match, cycles (from B).";
    cr_pta, pta, "CR.PTA: page table address and format (from B).";
    cr_ipsr, ipsr, "CR.IPSR: psr at the interruption (from B).";
    cr_isr, isr, "CR.ISR: interruption status (from B).";
    cr_iip, iip, "CR.IIP: instruction pointer at the interruption (from B).";
    cr_ifa, ifa, "CR.IFA: address that faulted (from B).";
    cr_itir, itir, "CR.ITIR: page size and key for the next TLB insertion (from B).";
    cr_iipa, iipa, "CR.IIPA: address of the last bundle that completed (from B).";
    cr_ifs, ifs, "CR.IFS: frame marker at the interruption (from B).";
    cr_iim, iim, "CR.IIM: immediate of the break instruction (from B).";
    cr_iha, iha, "CR.IHA: hash address for the faulting address (from B).";
    cr_lid, lid, "CR.LID: local interrupt id (from B).";
    cr_ivr, ivr, "CR.IVR: highest pending vector (from B).";
    cr_tpr, tpr, "CR.TPR: task priority (from B).";
    cr_eoi, eoi, "CR.EOI: end of interrupt (from B).";
    cr_itv, itv, "CR.ITV: vector of the interval timer (from B).";
    cr_pmv, pmv, "CR.PMV: vector of the performance monitor (from B).";
    cr_cmcv, cmcv, "CR.CMCV: vector of corrected machine checks (from B).";
    cr_lrr0, lrr0, "CR.LRR0: local redirection 0 (from B).";
    cr_lrr1, lrr1, "CR.LRR1: local redirection 1 (from B).";
}
