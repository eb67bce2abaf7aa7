//! set-context: what it refuses, and what it makes of the rest.

use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::vcpu_context::{
    VGCF_EXTRA_REGS, VGCF_ONLINE, VGCF_SET_AR_ITC, VGCF_SET_CR_IRR,
};
use ia64save_codec::wire::{layout_of_context, layout_of_mapped_regs, layout_of_shared_info};
use ia64save_codec::{Dialect, Guest};

use super::stack::{self, Stack};
use super::{CONTROL, Frame, Registers, Shared, Vcpu, Vpd, psr};
use crate::fields::Fields;

pub(super) const EXTRA_REGS: u64 = VGCF_EXTRA_REGS;
/// The hypervisor's own part of the address space, to which no breakpoint may point.
const XEN: std::ops::RangeInclusive<u64> = 0xf000_0000_0000_0000..=0xf800_0000_0000_0000;
/// The frame in a page table entry.
const PPN: u64 = 0x0003_ffff_ffff_f000;
/// Bits of a page table entry that the architecture reserves: 1 and 50, 51.
const PTE_RESERVED: u64 = 1 << 1 | 3 << 50;
/// psr of the machine while a PV guest runs, whatever the guest asks for: ic i dt rt it bn. (From D5 on
/// di as well, but there nobody sees it.)
const MACHINE: u64 = psr::IC | psr::I | psr::DT | psr::RT | psr::IT | psr::BN;
/// psr bits that a restored HVM guest does not get back.
const HVM_DROPPED: u64 = psr::ID | psr::DA | psr::DD | psr::ED | psr::IA;
/// Application registers that are taken as they are.
const APPLICATION: [&str; 8] = [
    "unat", "pfs", "rnat", "bspstore", "csd", "ssd", "fpsr", "ccv",
];

/// Why a context was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The call fails and nothing else happens.
    Fails(Errno),
    /// The call fails, and the next look at the vcpu is the hypervisor's last.
    Wedges(Errno),
    /// The domain is killed.
    Kills,
}

impl Vcpu {
    /// Sets the context. The pages that a PV vcpu shares with the hypervisor change with it.
    pub(crate) fn set_context(
        &mut self,
        frame: Frame<'_>,
        input: &[u8],
        shared: Option<&mut Shared>,
    ) -> Result<(), Refusal> {
        let era = frame.machine.era;
        let layout = era.dialect().spec().context;
        if input.len() != layout.size() {
            return Err(Refusal::Fails(Errno::EINVAL));
        }
        let given = Fields::new(layout_of_context(layout), input);
        let flags = given.word("flags");
        let stack = if layout == ContextLayout::A {
            None
        } else {
            check(frame, &given)?;
            Some(register_stack(frame, &given).inspect_err(|refusal| {
                self.wedged |= matches!(refusal, Refusal::Wedges(_));
            })?)
        };
        self.initialised = true;
        self.online |= frame.vcpu == 0 || !era.has_online_flag() || flags & VGCF_ONLINE != 0;
        if frame.machine.registers == Registers::Verbatim {
            self.context.copy_from_slice(input);
            if let (Guest::Pv, Some(shared)) = (frame.guest, shared) {
                share(frame, &given, shared);
            }
            return Ok(());
        }
        if layout == ContextLayout::A {
            self.trap_frame(frame, input, flags);
            return Ok(());
        }
        match frame.guest {
            Guest::Pv => {
                self.paravirtual(frame, &given, stack, flags);
                if let Some(shared) = shared {
                    share(frame, &given, shared);
                }
            }
            Guest::Hvm => self.fully_virtual(frame, &given, stack, flags),
        }
        Ok(())
    }

    /// Layout A.
    fn trap_frame(&mut self, frame: Frame<'_>, input: &[u8], flags: u64) {
        let layout = layout_of_context(ContextLayout::A);
        let level = frame.machine.era.kernel_level();
        let before = self.context.clone();
        self.context.copy_from_slice(input);
        let mut regs = Fields::new(layout, &mut self.context);
        regs.clear("flags");
        regs.clear("pad8");
        let ipsr = machine_psr(regs.word("user_regs.cr_ipsr"), level);
        regs.set("user_regs.cr_ipsr", ipsr);
        let rsc = raised(regs.word("user_regs.ar_rsc"), 2, level);
        regs.set("user_regs.ar_rsc", rsc);
        if flags & VGCF_EXTRA_REGS == 0 {
            let old = Fields::new(layout, &before);
            if let Some(extra) = old.bytes_of("extra_regs") {
                regs.fill("extra_regs", extra);
            }
            return;
        }
        for kind in ["itrs", "dtrs"] {
            for index in 0..8 {
                translation(&mut regs, &format!("extra_regs.{kind}[{index}]"), level);
            }
        }
        let iva = regs.word("extra_regs.iva") & !0x7fff;
        regs.set("extra_regs.iva", iva);
    }

    fn paravirtual(
        &mut self,
        frame: Frame<'_>,
        given: &Fields<&[u8]>,
        stack: Option<Stack>,
        flags: u64,
    ) {
        let era = frame.machine.era;
        let level = era.kernel_level();
        let mut regs = self.common(frame, given, stack);
        let wanted = given.word("regs.psr");
        let psr = if era.shows_virtual_psr() {
            // The machine runs the guest's level 0 at another, which shows as 0 again.
            let cpl = raised(wanted, 32, level) & psr::CPL;
            let shown = if cpl >> 32 == level { 0 } else { cpl };
            let virtual_ = psr::I | psr::IC | psr::BN | psr::DFH | psr::PP;
            let translation = if wanted & psr::TRANSLATION == psr::TRANSLATION {
                psr::TRANSLATION
            } else {
                0
            };
            wanted & (psr::KEPT | virtual_) | translation | psr::DI | shown
        } else {
            machine_psr(wanted, level)
        };
        regs.set("regs.psr", psr);
        regs.set("regs.ar.rsc", raised(given.word("regs.ar.rsc"), 2, level));
        regs.set(
            "regs.nats",
            given.word("regs.nats") & if era.dialect() >= Dialect::D9 { !1 } else { !0 },
        );
        if flags & VGCF_SET_AR_ITC != 0 && era.has_itc() {
            regs.set("regs.ar.itc", given.word("regs.ar.itc"));
        }
        if flags & VGCF_EXTRA_REGS == 0 {
            return;
        }
        regs.set("regs.cr.iva", given.word("regs.cr.iva") & !0x7fff);
        regs.set("event_callback_ip", given.word("event_callback_ip"));
        for kind in ["itrs", "dtrs"] {
            let path = format!("regs.tr.{kind}");
            if let Some(entries) = given.bytes_of(&path) {
                regs.fill(&path, entries);
                for index in 0..entries.len() / 32 {
                    translation(&mut regs, &format!("{path}[{index}]"), level);
                }
            }
        }
    }

    fn fully_virtual(
        &mut self,
        frame: Frame<'_>,
        given: &Fields<&[u8]>,
        stack: Option<Stack>,
        flags: u64,
    ) {
        let era = frame.machine.era;
        let mut regs = self.common(frame, given, stack);
        let psr = given.word("regs.psr") & !HVM_DROPPED;
        regs.set("regs.psr", psr);
        regs.set("regs.ar.rsc", given.word("regs.ar.rsc"));
        regs.set("regs.nats", given.word("regs.nats"));
        for index in 0..8 {
            let path = format!("regs.ar.kr[{index}]");
            regs.set(&path, given.word(&path));
        }
        if flags & VGCF_EXTRA_REGS != 0 {
            regs.set("event_callback_ip", given.word("event_callback_ip"));
            for index in 0..8 {
                let path = format!("regs.rr[{index}]");
                if given.word(&path) != 0 {
                    regs.set(&path, given.word(&path));
                }
            }
            for kind in ["itrs", "dtrs"] {
                let path = format!("regs.tr.{kind}");
                let Some(entries) = given.bytes_of(&path) else {
                    continue;
                };
                regs.fill(&path, entries);
                for index in 0..entries.len() / 32 {
                    let entry = format!("{path}[{index}]");
                    let pte = regs.word(&format!("{entry}.pte"));
                    regs.set(&format!("{entry}.pte"), pte & !PTE_RESERVED);
                    if pte & 1 != 0 {
                        let region = regs.word(&format!("{entry}.vadr")) >> 61;
                        let rid = regs.word(&format!("regs.rr[{region}]")) >> 8 & 0xff_ffff;
                        regs.set(&format!("{entry}.rid"), rid);
                    }
                }
            }
        }
        let Some(hvm) = &mut self.hvm else { return };
        let mut vpd = Vpd::of(era, &mut hvm.vpd);
        for name in CONTROL {
            let value = given.word(&format!("regs.cr.{name}"));
            vpd.set(
                name,
                if name == "iva" {
                    value & !0x7fff
                } else {
                    value
                },
            );
        }
        if flags & VGCF_SET_CR_IRR != 0 {
            for index in 0..4 {
                vpd.set(
                    &format!("irr[{index}]"),
                    given.word(&format!("regs.cr.irr[{index}]")),
                );
            }
        }
        let (bank, nats) = if psr & psr::BN == 0 {
            ("vgr", "vnat")
        } else {
            ("vbgr", "vbnat")
        };
        for index in 0..16 {
            vpd.set(
                &format!("{bank}[{index}]"),
                given.word(&format!("regs.bank[{index}]")),
            );
        }
        vpd.set(nats, given.word("regs.bnats") >> 16);
        vpd.set("vpsr", psr);
        vpd.set("vpr", given.word("regs.pr"));
    }

    /// What both kinds of guest get.
    fn common(
        &mut self,
        frame: Frame<'_>,
        given: &Fields<&[u8]>,
        stack: Option<Stack>,
    ) -> Fields<&mut Vec<u8>> {
        let era = frame.machine.era;
        let layout = layout_of_context(era.dialect().spec().context);
        let mut regs = Fields::new(layout, &mut self.context);
        for register in 1..32 {
            let path = format!("regs.r[{register}]");
            regs.set(&path, given.word(&path));
        }
        for name in ["b[0]", "b[6]", "b[7]", "ip", "cfm", "pr"] {
            let path = format!("regs.{name}");
            regs.set(&path, given.word(&path));
        }
        for name in APPLICATION {
            let path = format!("regs.ar.{name}");
            regs.set(&path, given.word(&path));
        }
        // Until D8 get-context told less than set-context was given.
        let since_d9 = era.dialect() >= Dialect::D9;
        if since_d9 {
            regs.set("regs.ar.lc", given.word("regs.ar.lc"));
            regs.set("regs.ar.ec", given.word("regs.ar.ec") & 63);
        }
        for register in if since_d9 { 2..128 } else { 6..12 } {
            let path = format!("regs.f[{register}]");
            if let Some(bits) = given.bytes_of(&path) {
                regs.fill(&path, bits);
            }
        }
        if era.dialect() >= Dialect::D7 {
            for kind in ["dbr", "ibr"] {
                for index in 0..8 {
                    breakpoint(&mut regs, given, frame.guest, kind, index);
                }
            }
        }
        if let Some(stack) = stack {
            keep(&mut regs, frame, given, &stack);
        }
        regs
    }
}

/// The psr of the machine for a PV guest, which the contexts of up to D4 show.
fn machine_psr(wanted: u64, level: u64) -> u64 {
    (raised(wanted, 32, level) | MACHINE) & !(psr::IS | psr::VM)
}

/// Raises a privilege level of two bits to at least `least`.
fn raised(word: u64, shift: u32, least: u64) -> u64 {
    let level = (word >> shift & 3).max(least);
    word & !(3 << shift) | level << shift
}

/// An address in the hypervisor's own memory is refused, and nobody is told.
fn breakpoint(
    regs: &mut Fields<&mut Vec<u8>>,
    given: &Fields<&[u8]>,
    guest: Guest,
    kind: &str,
    index: usize,
) {
    let path = format!("regs.{kind}[{index}]");
    let value = given.word(&path);
    if index.is_multiple_of(2) {
        if !XEN.contains(&value) {
            regs.set(&path, value);
        }
    } else if guest == Guest::Pv {
        regs.set(&path, value & !(1 << 56));
    } else {
        regs.set(&path, value);
    }
}

/// A translation register of a PV guest: not more privileged than its kernel, aligned to its size.
/// One that is empty is treated alike.
fn translation(regs: &mut Fields<&mut Vec<u8>>, entry: &str, level: u64) {
    let pte = raised(regs.word(&format!("{entry}.pte")), 7, level);
    let size = regs.word(&format!("{entry}.itir")) >> 2 & 0x3f;
    let within = (1_u64 << size) - 1;
    regs.set(&format!("{entry}.pte"), pte & !(within & PPN));
    let vadr = regs.word(&format!("{entry}.vadr"));
    regs.set(&format!("{entry}.vadr"), vadr & !within);
}

/// Checks that come before anything is changed.
fn check(frame: Frame<'_>, given: &Fields<&[u8]>) -> Result<(), Refusal> {
    let fails = Err(Refusal::Fails(Errno::EINVAL));
    let psr = given.word("regs.psr");
    if frame.guest == Guest::Hvm && psr & (psr::PK | psr::IS | psr::VM) != 0 {
        return Err(Refusal::Kills);
    }
    let processors = given.word("regs.num_phys_stacked");
    if processors != 0 && processors != frame.machine.stacked_registers {
        return fails;
    }
    let extra = given.word("flags") & VGCF_EXTRA_REGS != 0;
    for index in 0..8 {
        let rr = given.word(&format!("regs.rr[{index}]"));
        let refused = match frame.guest {
            _ if rr == 0 || frame.machine.era.dialect() < Dialect::D7 => false,
            Guest::Hvm if !extra => false,
            Guest::Hvm => rr >> 8 & 0xff_ffff >= 1 << frame.machine.rid_bits,
            Guest::Pv => {
                let size = rr >> 2 & 0x3f;
                rr & 2 != 0
                    || rr >> 32 != 0
                    || !(12..=28).contains(&size)
                    || (size > 15 && !size.is_multiple_of(2))
                    || rr >> 8 >= 1 << frame.machine.rid_bits
            }
        };
        if refused {
            return fails;
        }
    }
    Ok(())
}

/// The register stack, laid out as the host has it.
fn register_stack(frame: Frame<'_>, given: &Fields<&[u8]>) -> Result<Stack, Refusal> {
    let most = stack::WORDS as u64 * 8;
    let bspstore = given.word("regs.ar.bspstore");
    let bytes = given.word("regs.ar.bsp").wrapping_sub(bspstore);
    let host = frame.machine.rbs_voff;
    let voff = given.get("regs.rbs_voff").unwrap_or(host);
    if bytes > most {
        return Err(Refusal::Fails(Errno::EINVAL));
    }
    let registers = if frame.machine.era.dialect().spec().context >= ContextLayout::E {
        stack::registers(bspstore, bspstore.wrapping_add(bytes))
    } else {
        // Up to D the difference counts the host's slots, not the guest's.
        stack::registers_in(host, bytes >> 3)
    };
    let wedge = |errno| {
        // The marker of a stack that no processor has stays behind.
        if registers > frame.machine.stacked_registers {
            Refusal::Wedges(errno)
        } else {
            Refusal::Fails(errno)
        }
    };
    let slots = stack::slots(host, registers);
    if 8 * (host + slots) > most || 8 * (voff + slots) >= most {
        return Err(wedge(Errno::EINVAL));
    }
    if registers > frame.machine.stacked_registers {
        return Err(wedge(Errno::ENOSYS));
    }
    let words: Vec<u64> = given.bytes_of("regs.rbs").map_or_else(Vec::new, |bytes| {
        let (words, _) = bytes.as_chunks();
        words.iter().map(|word| u64::from_le_bytes(*word)).collect()
    });
    let rnat = given.word("regs.rbs_rnat");
    Ok(Stack::laid_out(&words, rnat, voff, registers, host))
}

/// Puts the stack into a context, as get-context of the era shows it.
fn keep(regs: &mut Fields<&mut Vec<u8>>, frame: Frame<'_>, given: &Fields<&[u8]>, stack: &Stack) {
    let layout = frame.machine.era.dialect().spec().context;
    let bspstore = given.word("regs.ar.bspstore");
    let top = if layout >= ContextLayout::E {
        stack.top(bspstore)
    } else {
        // The bytes that the host's own layout takes.
        bspstore.wrapping_add(8 * stack.words.len() as u64)
    };
    regs.set("regs.ar.bsp", top);
    regs.clear("regs.rbs");
    if layout != ContextLayout::B || frame.guest == Guest::Hvm {
        let bytes: Vec<u8> = stack
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        regs.fill("regs.rbs", &bytes);
    }
    regs.set("regs.rbs_rnat", stack.rnat);
    regs.set("regs.rbs_voff", stack.voff);
    regs.set("regs.num_phys_stacked", frame.machine.stacked_registers);
}

/// What of a PV context goes into the pages that the guest shares with the hypervisor.
fn share(frame: Frame<'_>, given: &Fields<&[u8]>, shared: &mut Shared) {
    let era = frame.machine.era;
    let mut privregs = Fields::new(
        layout_of_mapped_regs(era.mapped_regs()),
        &mut shared.privregs,
    );
    for index in 0..8 {
        let rr = given.word(&format!("regs.rr[{index}]"));
        if rr != 0 && era.dialect() >= Dialect::D7 {
            privregs.set(&format!("rrs[{index}]"), rr);
        }
    }
    if !era.shows_virtual_psr() {
        return;
    }
    let psr = given.word("regs.psr");
    let translated = psr & psr::TRANSLATION == psr::TRANSLATION;
    privregs.set(
        "interrupt_collection_enabled",
        u64::from(psr & psr::IC != 0),
    );
    privregs.set("banknum", u64::from(psr & psr::BN != 0));
    privregs.set("vpsr_dfh", u64::from(psr & psr::DFH != 0));
    privregs.set("vpsr_pp", u64::from(psr & psr::PP != 0));
    privregs.set("metaphysical_mode", u64::from(!translated));
    let mut info = Fields::new(
        layout_of_shared_info(era.shared_info()),
        &mut shared.shared_info,
    );
    info.set(
        &format!("vcpu_info[{}].evtchn_upcall_mask", frame.vcpu),
        u64::from(psr & psr::I == 0),
    );
}
