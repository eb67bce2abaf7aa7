//! set-context: what it loads, what it ignores, where it gives up and what stays behind then.

use ia64save_codec::Guest;
use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::era::{DcrSet, HvmRegionSet, NatsForm, NatsSet, PsrForm, RegionSet, Spec};
use ia64save_codec::wire::vcpu_context::{
    VGCF_EXTRA_REGS, VGCF_ONLINE, VGCF_SET_AR_ITC, VGCF_SET_CR_IRR,
};
use ia64save_codec::wire::{layout_of_context, layout_of_mapped_regs, layout_of_shared_info};

use super::given::{Given, INVALID, Refusal};
use super::kept::FRAME;
use super::load::{
    breakpoint, has_region_id, hvm_translation, is_region, machine_psr, raised, translates,
    translation,
};
use super::{CONTROL, Frame, Shared, Vcpu, Vpd, psr};
use crate::fields::Fields;
use crate::hypervisor::machine::Registers;

/// psr bits that a restored HVM guest does not get back.
const HVM_DROPPED: u64 = psr::ID | psr::DA | psr::DD | psr::ED | psr::IA;
/// Bits of an HVM vcpu's NaT words that the VPD has.
const VPD_NATS: u64 = 0xffff_0000;

impl Vcpu {
    /// Sets the context. The pages that a PV vcpu shares with the hypervisor change with it, also where
    /// it is refused half-way.
    pub(crate) fn set_context(
        &mut self,
        frame: Frame<'_>,
        input: &[u8],
        shared: Option<&mut Shared>,
    ) -> Result<(), Refusal> {
        let era = frame.machine.era;
        let layout = era.dialect().spec().context;
        if input.len() != layout.size() {
            return Err(INVALID);
        }
        let fields = Fields::new(layout_of_context(layout), input);
        let given = Given {
            flags: fields.word("flags"),
            fields,
            frame,
            spec: era.spec(),
        };
        if frame.machine.registers == Registers::Verbatim {
            // The same checks, on a vcpu that nobody sees.
            let mut scratch = Vcpu::new(era, frame.guest);
            let done = scratch.take(&given, layout, &mut None);
            self.wedged |= scratch.wedged;
            done?;
            self.verbatim = Some(input.to_vec());
            self.initialised = true;
            if let (Guest::Pv, Some(shared)) = (frame.guest, shared) {
                share_regions(&given, shared);
                share_psr(&given, shared);
            }
        } else {
            let mut shared = shared;
            self.take(&given, layout, &mut shared)?;
        }
        self.online |= frame.vcpu == 0 || (given.spec.online_flag && given.has(VGCF_ONLINE));
        Ok(())
    }

    fn take(
        &mut self,
        given: &Given<'_>,
        layout: ContextLayout,
        shared: &mut Option<&mut Shared>,
    ) -> Result<(), Refusal> {
        let fresh = !self.initialised;
        self.initialised = true;
        let spec = given.spec;
        if fresh && !spec.set_twice {
            self.start(given, shared);
        }
        if layout == ContextLayout::A {
            self.load_trap_frame(given, shared);
        } else {
            self.load_registers(given, shared, fresh)?;
        }
        if fresh && spec.set_twice {
            // These eras initialised a vcpu after its first context had been loaded, which is why their
            // tools set it twice.
            self.start(given, shared);
        }
        Ok(())
    }

    /// What happens to a vcpu that has had no context before.
    fn start(&mut self, given: &Given<'_>, shared: &mut Option<&mut Shared>) {
        self.kept.initialise(given.spec.kernel_level);
        if let (true, Some(shared)) = (given.spec.mask_is_ff, shared) {
            upcall_mask(given, shared, 0xff);
        }
    }

    /// Layout A, which is the trap frame itself.
    fn load_trap_frame(&mut self, given: &Given<'_>, shared: &mut Option<&mut Shared>) {
        let spec = given.spec;
        let kept = &mut self.kept;
        let user = |name: &str| given.fields.word(&format!("user_regs.{name}"));
        for (path, name) in FRAME {
            kept.set(path, user(name));
        }
        for register in 1..32 {
            kept.r[register] = user(&format!("r{register}"));
        }
        for register in 6..12 {
            let path = format!("user_regs.f{register}");
            float(&mut kept.f[register], given, &path);
        }
        kept.eml_unat = user("eml_unat");
        kept.loadrs = user("loadrs");
        kept.pad = user("pad0");
        kept.ipsr = raised(user("cr_ipsr"), 32, spec.kernel_level);
        kept.set("ar.rsc", raised(user("ar_rsc"), 2, spec.kernel_level));
        if !given.has(VGCF_EXTRA_REGS) {
            return;
        }
        for kind in ["itrs", "dtrs"] {
            self.load_translations(given, &format!("extra_regs.{kind}"), kind);
        }
        let extra = |name: &str| given.fields.word(&format!("extra_regs.{name}"));
        self.kept.iva = masked(spec, extra("iva"));
        self.kept.callback = extra("event_callback_ip");
        self.control(spec, extra("dcr"), given, shared);
    }

    /// cr.dcr of a PV vcpu.
    fn control(
        &mut self,
        spec: &Spec,
        dcr: u64,
        given: &Given<'_>,
        shared: &mut Option<&mut Shared>,
    ) {
        match spec.dcr_set {
            DcrSet::Own => self.kept.dcr = dcr,
            DcrSet::Privregs => {
                if let Some(shared) = shared {
                    privregs(given, shared).set("dcr", dcr);
                }
            }
            DcrSet::Ignored => {}
        }
    }

    /// Layouts B and later.
    fn load_registers(
        &mut self,
        given: &Given<'_>,
        shared: &mut Option<&mut Shared>,
        fresh: bool,
    ) -> Result<(), Refusal> {
        let spec = given.spec;
        let guest = given.frame.guest;
        let kept = &mut self.kept;
        for (path, _) in FRAME {
            if path != "ar.ccv" {
                kept.set(path, given.reg(path));
            }
        }
        if spec.whole {
            kept.lc = given.reg("ar.lc");
            kept.ec = given.reg("ar.ec") & 63;
        }
        for register in 8..12 {
            kept.r[register] = given.reg(&format!("r[{register}]"));
        }
        let wanted = given.reg("psr");
        match guest {
            Guest::Pv => {
                kept.set("ar.rsc", raised(given.reg("ar.rsc"), 2, spec.kernel_level));
                kept.ipsr = match spec.psr {
                    PsrForm::Machine => raised(wanted, 32, spec.kernel_level),
                    PsrForm::Virtual => machine_psr(wanted, spec.kernel_level, spec.pp_forced),
                };
                if let Some(shared) = shared {
                    share_psr(given, shared);
                    if spec.itc && given.has(VGCF_SET_AR_ITC) {
                        let mut page = privregs(given, shared);
                        page.set("itc_offset", given.reg("ar.itc"));
                        page.set("itc_last", given.reg("ar.itc"));
                    }
                }
            }
            Guest::Hvm => {
                let part = wanted & psr::TRANSLATION;
                let none = psr::PK | psr::IS | psr::VM;
                if wanted & none != 0 || (part != 0 && part != psr::TRANSLATION) {
                    return Err(Refusal::KillsCaller);
                }
                self.hvm_psr(given, wanted);
            }
        }
        self.load_stack(given, fresh)?;
        let stacked = given.reg("num_phys_stacked");
        if spec.checks_stacked && stacked != 0 && stacked != given.frame.machine.stacked_registers {
            return Err(INVALID);
        }
        let kept = &mut self.kept;
        kept.set("ar.ccv", given.reg("ar.ccv"));
        for register in (1..8).chain(12..32) {
            kept.r[register] = given.reg(&format!("r[{register}]"));
        }
        let bitmap = guest == Guest::Hvm || spec.nats_set == NatsSet::Bitmap;
        kept.eml_unat = if bitmap {
            NatsForm::Spilled
                .from_bitmap(given.reg("nats") as u32 & !1)
                .0
        } else {
            0
        };
        let whole = spec.whole;
        for register in (2..128).filter(|register| whole || (6..12).contains(register)) {
            float(&mut kept.f[register], given, &format!("regs.f[{register}]"));
        }
        if spec.breakpoints {
            for index in 0..8 {
                breakpoint(
                    &mut kept.dbr[index],
                    given.reg(&format!("dbr[{index}]")),
                    index,
                    guest,
                );
                breakpoint(
                    &mut kept.ibr[index],
                    given.reg(&format!("ibr[{index}]")),
                    index,
                    guest,
                );
            }
        }
        match guest {
            Guest::Pv => self.load_paravirtual(given, shared),
            Guest::Hvm => self.load_fully_virtual(given),
        }
    }

    fn load_paravirtual(
        &mut self,
        given: &Given<'_>,
        shared: &mut Option<&mut Shared>,
    ) -> Result<(), Refusal> {
        let spec = given.spec;
        if spec.regions_set == RegionSet::Refused {
            let bad = |rr: &u64| *rr != 0 && !is_region(given.frame, *rr);
            let rrs: [u64; 8] = given.row("rr");
            let good = rrs.iter().position(bad).unwrap_or(8);
            if let Some(shared) = shared {
                share_some_regions(given, shared, good);
            }
            if good < 8 {
                return Err(INVALID);
            }
        } else if let Some(shared) = shared {
            share_regions(given, shared);
        }
        if !given.has(VGCF_EXTRA_REGS) {
            return Ok(());
        }
        for kind in ["itrs", "dtrs"] {
            self.load_translations(given, &format!("regs.tr.{kind}"), kind);
        }
        self.kept.iva = masked(spec, given.reg("cr.iva"));
        self.kept.callback = given.fields.word("event_callback_ip");
        let dcr = given.reg("cr.dcr");
        self.control(spec, dcr, given, shared);
        Ok(())
    }

    fn load_translations(&mut self, given: &Given<'_>, path: &str, kind: &str) {
        let places = self.kept.translations_mut(kind);
        for (index, place) in places.iter_mut().enumerate() {
            if let Some(entry) = given.translation(&format!("{path}[{index}]")) {
                *place = translation(entry, given.spec.kernel_level);
            }
        }
    }

    fn hvm_psr(&mut self, given: &Given<'_>, wanted: u64) {
        let Some(hvm) = &mut self.hvm else { return };
        let mut vpd = Vpd::of(given.frame.machine.era, &mut hvm.vpd);
        vpd.set("vpsr", wanted & !HVM_DROPPED);
        let ipsr = wanted & (psr::KEPT | psr::CPL) & !HVM_DROPPED | psr::MACHINE | psr::VM;
        hvm.cpu[..8].copy_from_slice(&ipsr.to_le_bytes());
    }

    fn load_fully_virtual(&mut self, given: &Given<'_>) -> Result<(), Refusal> {
        let frame = given.frame;
        self.kept.kr = given.row("ar.kr");
        if let Some(hvm) = &mut self.hvm {
            let mut vpd = Vpd::of(frame.machine.era, &mut hvm.vpd);
            let extra = given.has(VGCF_EXTRA_REGS);
            for name in CONTROL.into_iter().filter(|name| *name != "iva") {
                vpd.set(name, given.reg(&format!("cr.{name}")));
            }
            if extra {
                vpd.set("iva", given.reg("cr.iva") & !0x7fff);
            }
            if !given.spec.irr_flag || given.has(VGCF_SET_CR_IRR) {
                for index in 0..4 {
                    let irr = given.reg(&format!("cr.irr[{index}]"));
                    vpd.set(&format!("irr[{index}]"), irr);
                }
            }
            let [mut nats, mut bnats] = ["vnat", "vbnat"];
            let mut bank = "vbgr";
            if vpd.get("vpsr") & psr::BN == 0 {
                (nats, bnats) = (bnats, nats);
                bank = "vgr";
            }
            vpd.set(nats, given.reg("nats") & VPD_NATS);
            vpd.set(bnats, given.reg("bnats") & VPD_NATS);
            for index in 0..16 {
                let value = given.reg(&format!("bank[{index}]"));
                vpd.set(&format!("{bank}[{index}]"), value);
            }
        }
        if !given.has(VGCF_EXTRA_REGS) {
            return Ok(());
        }
        self.kept.callback = given.fields.word("event_callback_ip");
        for (index, rr) in given.row::<8>("rr").into_iter().enumerate() {
            let good = has_region_id(frame, rr);
            let stored = match given.spec.hvm_regions_set {
                HvmRegionSet::Panics if !good => return Err(Refusal::KillsCaller),
                HvmRegionSet::Refused if !good => return Err(INVALID),
                HvmRegionSet::Panics => true,
                HvmRegionSet::Skipped => good,
                HvmRegionSet::Refused => rr != 0,
            };
            if stored {
                self.kept.rr[index] = rr;
            }
        }
        let rr = self.kept.rr;
        for kind in ["itrs", "dtrs"] {
            for (index, place) in self.kept.translations_mut(kind).iter_mut().enumerate() {
                if let Some(entry) = given.translation(&format!("regs.tr.{kind}[{index}]")) {
                    *place = hvm_translation(entry, &rr).ok_or(Refusal::StopsHost)?;
                }
            }
        }
        Ok(())
    }
}

fn float(place: &mut [u8; 16], given: &Given<'_>, path: &str) {
    if let Some(bits) = given.fields.bytes_of(path)
        && let Ok(bits) = bits.try_into()
    {
        *place = bits;
    }
}

fn masked(spec: &Spec, iva: u64) -> u64 {
    if spec.iva_masked { iva & !0x7fff } else { iva }
}

fn privregs<'a>(given: &Given<'_>, shared: &'a mut Shared) -> Fields<&'a mut Vec<u8>> {
    let layout = layout_of_mapped_regs(given.frame.machine.era.mapped_regs());
    Fields::new(layout, &mut shared.privregs)
}

/// Region registers go into the privregs page.
fn share_regions(given: &Given<'_>, shared: &mut Shared) {
    share_some_regions(given, shared, 8);
}

fn share_some_regions(given: &Given<'_>, shared: &mut Shared, count: usize) {
    let rrs: [u64; 8] = given.row("rr");
    for (index, rr) in rrs.into_iter().enumerate().take(count) {
        let stored = match given.spec.regions_set {
            RegionSet::Ignored => false,
            RegionSet::Stored => true,
            RegionSet::Skipped => is_region(given.frame, rr),
            RegionSet::Refused => rr != 0,
        };
        if stored {
            privregs(given, shared).set(&format!("rrs[{index}]"), rr);
        }
    }
}

/// What of the psr that the guest sees is in the pages that it shares with the hypervisor.
fn share_psr(given: &Given<'_>, shared: &mut Shared) {
    if given.spec.psr == PsrForm::Machine {
        return;
    }
    let wanted = given.reg("psr");
    let is_set = |bit: u64| u64::from(wanted & bit != 0);
    let mut page = privregs(given, shared);
    page.set("interrupt_collection_enabled", is_set(psr::IC));
    page.set("banknum", is_set(psr::BN));
    page.set("vpsr_dfh", is_set(psr::DFH));
    page.set("vpsr_pp", is_set(psr::PP));
    page.set("metaphysical_mode", u64::from(!translates(wanted)));
    upcall_mask(given, shared, 1 - is_set(psr::I));
}

fn upcall_mask(given: &Given<'_>, shared: &mut Shared, value: u64) {
    let layout = layout_of_shared_info(given.frame.machine.era.shared_info());
    let mut info = Fields::new(layout, &mut shared.shared_info);
    let path = format!("vcpu_info[{}].evtchn_upcall_mask", given.frame.vcpu);
    info.set(&path, value);
}
