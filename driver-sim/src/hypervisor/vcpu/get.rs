//! get-context: what it assigns, and where that stands.

use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::era::{
    ControlFill, DcrSet, NatsForm, PsrForm, RbsImage, RegionFill, Spec, StackForm,
};
use ia64save_codec::wire::{layout_of_context, layout_of_mapped_regs, layout_of_shared_info};

use super::kept::{FRAME, Kept};
use super::{CONTROL, Frame, Shared, Vcpu, Vpd, psr, stack};
use crate::fields::Fields;

/// What a vcpu without pending interrupts reads from CR.IVR.
const SPURIOUS: u64 = 0xf;
/// Control registers of a PV vcpu that are in its privregs page, given from 7685cc708e on.
const MOST: [&str; 9] = [
    "pta", "ipsr", "isr", "iip", "ifa", "tpr", "itv", "pmv", "cmcv",
];
/// And those from e31f395496 on.
const REST: [&str; 3] = ["itir", "iim", "iha"];
/// Bits of an HVM vcpu's NaT words that are those of the VPD.
const VPD_NATS: u64 = 0xffff_0000;

type Out<'a> = Fields<&'a mut Vec<u8>>;

impl Vcpu {
    /// The context, in the layout of the era, in a buffer as the hypervisor's heap gave it.
    pub(crate) fn context(
        &self,
        frame: Frame<'_>,
        shared: Option<&Shared>,
        mut buffer: Vec<u8>,
    ) -> Vec<u8> {
        let era = frame.machine.era;
        let spec = era.spec();
        let layout = era.dialect().spec().context;
        if let Some(given) = &self.verbatim {
            buffer.clone_from(given);
            let mut out = Fields::new(layout_of_context(layout), &mut buffer);
            // What a restore passed in is forgotten.
            let flags = match layout {
                ContextLayout::A | ContextLayout::E | ContextLayout::F => 0,
                _ => ia64save_codec::wire::vcpu_context::VGCF_EXTRA_REGS,
            };
            out.set("flags", flags);
            out.set("privregs_pfn", frame.privregs_pfn);
            return buffer;
        }
        let elsewhere = Shared {
            privregs: vec![0; 4096],
            shared_info: vec![0xff; 4096],
        };
        // Where its own memory was overwritten, the hypervisor finds zeros for the page.
        let shared = if self.kept.trampled {
            Some(&elsewhere)
        } else {
            shared
        };
        let mut out = Fields::new(layout_of_context(layout), &mut buffer);
        let pages = shared.map(|shared| Pages::new(frame, shared));
        if layout == ContextLayout::A {
            self.trap_frame(&mut out, spec, pages.as_ref());
        } else {
            self.registers(&mut out, spec, frame);
            match (pages, &self.hvm) {
                (_, Some(hvm)) => self.fully_virtual(&mut out, spec, &Vpd::of(era, &hvm.vpd)),
                (Some(pages), None) => self.paravirtual(&mut out, spec, &pages),
                (None, None) => {}
            }
        }
        out.set("privregs_pfn", frame.privregs_pfn);
        buffer
    }

    /// Layout A.
    fn trap_frame(&self, out: &mut Out<'_>, spec: &Spec, pages: Option<&Pages<'_>>) {
        let kept = &self.kept;
        let mut user = |name: &str, value| out.set(&format!("user_regs.{name}"), value);
        for (path, name) in FRAME {
            user(name, kept.get(path));
        }
        for register in 1..32 {
            user(&format!("r{register}"), kept.r[register]);
        }
        user("eml_unat", kept.eml_unat);
        user("loadrs", kept.loadrs);
        user("pad0", kept.pad);
        user("cr_ipsr", kept.ipsr);
        for register in 6..12 {
            out.fill(&format!("user_regs.f{register}"), &kept.f[register]);
        }
        for kind in ["itrs", "dtrs"] {
            translations(out, kept, &format!("extra_regs.{kind}"), kind);
        }
        out.set("extra_regs.iva", kept.iva);
        out.set("extra_regs.event_callback_ip", kept.callback);
        out.set("extra_regs.dcr", self.dcr(spec, pages));
    }

    pub(super) fn dcr(&self, spec: &Spec, pages: Option<&Pages<'_>>) -> u64 {
        match spec.dcr_set {
            DcrSet::Own => self.kept.dcr,
            DcrSet::Privregs | DcrSet::Ignored => {
                pages.map_or(0, |pages| pages.privregs.word("dcr"))
            }
        }
    }

    /// What both kinds of guest have.
    fn registers(&self, out: &mut Out<'_>, spec: &Spec, frame: Frame<'_>) {
        let kept = &self.kept;
        for (path, _) in FRAME {
            out.set(&format!("regs.{path}"), kept.get(path));
        }
        for register in 1..32 {
            out.set(&format!("regs.r[{register}]"), kept.r[register]);
        }
        for register in (2..128).filter(|register| spec.whole || (6..12).contains(register)) {
            out.fill(&format!("regs.f[{register}]"), &kept.f[register]);
        }
        if spec.whole {
            out.set("regs.ar.lc", kept.lc);
            out.set("regs.ar.ec", kept.ec);
        }
        if spec.breakpoints {
            row(out, "regs.dbr", &kept.dbr);
            row(out, "regs.ibr", &kept.ibr);
        }
        for kind in ["itrs", "dtrs"] {
            translations(out, kept, &format!("regs.tr.{kind}"), kind);
        }
        out.set("event_callback_ip", kept.callback);
        self.stack_of(out, spec, frame);
    }

    fn stack_of(&self, out: &mut Out<'_>, spec: &Spec, frame: Frame<'_>) {
        let kept = &self.kept;
        let host = frame.machine.rbs_voff;
        let bspstore = kept.get("ar.bspstore");
        let dirty = kept.dirty_bytes();
        let bsp = match spec.stack {
            StackForm::Loadrs | StackForm::HostBytes => bspstore.wrapping_add(dirty),
            StackForm::GuestSlots => {
                let registers = stack::registers_in(host, dirty / 8);
                bspstore.wrapping_add(8 * stack::slots(bspstore >> 3 & 63, registers))
            }
        };
        out.set("regs.ar.bsp", bsp);
        let most = stack::WORDS * 8;
        if spec.rbs == RbsImage::Dirty && (dirty as usize) < most {
            let words = kept.stack.iter().copied().chain(core::iter::repeat(0));
            let bytes: Vec<u8> = words
                .take(dirty as usize / 8)
                .flat_map(u64::to_le_bytes)
                .collect();
            out.fill("regs.rbs", &bytes);
        }
        out.set("regs.rbs_voff", host);
        if spec.whole {
            out.set("regs.rbs_rnat", kept.stack_rnat);
        }
        out.set("regs.num_phys_stacked", frame.machine.stacked_registers);
    }

    /// Much of a PV vcpu is in pages that it shares with the hypervisor.
    fn paravirtual(&self, out: &mut Out<'_>, spec: &Spec, pages: &Pages<'_>) {
        let kept = &self.kept;
        let psr = match spec.psr {
            PsrForm::Machine => kept.ipsr,
            PsrForm::Virtual => virtual_psr(spec, kept, pages) | psr::DI,
        };
        out.set("regs.psr", psr);
        out.set(
            "regs.nats",
            match spec.nats_pv {
                NatsForm::Bitmap => NatsForm::Spilled.to_bitmap(kept.eml_unat).into(),
                _ => kept.eml_unat,
            },
        );
        out.set("regs.cr.dcr", self.dcr(spec, Some(pages)));
        out.set("regs.cr.iva", kept.iva & !0x7fff);
        if spec.control >= ControlFill::Most {
            // The timer and the pending interrupts are kept by the hypervisor, and no restore sets
            // them.
            out.set("regs.cr.itm", 0);
            out.set("regs.cr.ivr", SPURIOUS);
            row(out, "regs.cr.irr", &[0; 4]);
            for name in MOST {
                out.set(&format!("regs.cr.{name}"), pages.privregs.word(name));
            }
        }
        if spec.control >= ControlFill::All {
            for name in REST {
                out.set(&format!("regs.cr.{name}"), pages.privregs.word(name));
            }
        }
        let regions = match spec.regions {
            RegionFill::None => 0,
            RegionFill::Seven => 7,
            RegionFill::All => 8,
        };
        for index in 0..regions {
            let rr = pages.privregs.word(&format!("rrs[{index}]"));
            out.set(&format!("regs.rr[{index}]"), rr);
        }
        if spec.itc {
            out.set("regs.ar.itc", pages.itc());
        }
        if spec.cleared {
            out.set("regs.bnats", 0);
        }
    }

    /// Control registers and the inactive bank of an HVM vcpu are in its VPD.
    fn fully_virtual(&self, out: &mut Out<'_>, spec: &Spec, vpd: &Vpd<&Vec<u8>>) {
        let kept = &self.kept;
        out.set("regs.psr", self.hvm_psr_seen(vpd));
        for name in CONTROL {
            out.set(&format!("regs.cr.{name}"), vpd.get(name));
        }
        out.set("regs.cr.iva", vpd.get("iva") & !0x7fff);
        let (bank, nats, bnats) = if vpd.get("vpsr") & psr::BN == 0 {
            ("vgr", "vbnat", "vnat")
        } else {
            ("vbgr", "vnat", "vbnat")
        };
        for index in 0..16 {
            let value = vpd.get(&format!("{bank}[{index}]"));
            out.set(&format!("regs.bank[{index}]"), value);
        }
        let seen = NatsForm::Spilled.to_bitmap(kept.eml_unat);
        let low = match spec.nats_hvm {
            NatsForm::Bitmap => u64::from(seen),
            // The low half as it was spilled, in which r4 to r7 are put right.
            _ => kept.eml_unat & !0xf0 | u64::from(seen) & 0xf0,
        };
        out.set("regs.nats", low & 0xffff | vpd.get(nats) & VPD_NATS);
        out.set("regs.bnats", vpd.get(bnats) & VPD_NATS);
        row(out, "regs.ar.kr", &kept.kr);
        row(out, "regs.rr", &kept.rr);
    }

    /// psr as an HVM guest sees it: some of it the machine has.
    pub(super) fn hvm_psr_seen(&self, vpd: &Vpd<&Vec<u8>>) -> u64 {
        let cpu = self.hvm.as_ref().map_or([0; 8], |hvm| {
            let mut word = [0; 8];
            word.copy_from_slice(&hvm.cpu[..8]);
            word
        });
        let ipsr = u64::from_le_bytes(cpu);
        vpd.get("vpsr") & !psr::OF_FRAME | ipsr & psr::OF_FRAME
    }
}

/// psr as a PV guest sees it, di apart.
pub(super) fn virtual_psr(spec: &Spec, kept: &Kept, pages: &Pages<'_>) -> u64 {
    let mut seen = kept.ipsr & psr::KEPT;
    let mut show = |bits: u64, on: bool| {
        if on {
            seen |= bits;
        }
    };
    let privregs = &pages.privregs;
    let is_set = |path: &str| privregs.word(path) != 0;
    show(psr::I, pages.upcall_mask() == 0);
    show(psr::IC, is_set("interrupt_collection_enabled"));
    show(psr::BN, is_set("banknum"));
    let dfh = if spec.dfh_in_psr {
        kept.ipsr & psr::DFH != 0
    } else {
        is_set("vpsr_dfh")
    };
    show(psr::DFH, dfh);
    show(psr::PP, is_set("vpsr_pp"));
    show(psr::TRANSLATION, !is_set("metaphysical_mode"));
    // The machine runs the guest's level 0 at another.
    let level = kept.ipsr >> 32 & 3;
    if level > spec.kernel_level {
        seen |= level << 32;
    }
    seen
}

/// The pages that a PV vcpu shares with the hypervisor, to be read.
pub(super) struct Pages<'a> {
    pub(super) privregs: Fields<&'a Vec<u8>>,
    info: Fields<&'a Vec<u8>>,
    vcpu: u64,
}

impl<'a> Pages<'a> {
    pub(super) fn new(frame: Frame<'_>, shared: &'a Shared) -> Self {
        let era = frame.machine.era;
        Pages {
            privregs: Fields::new(layout_of_mapped_regs(era.mapped_regs()), &shared.privregs),
            info: Fields::new(
                layout_of_shared_info(era.shared_info()),
                &shared.shared_info,
            ),
            vcpu: frame.vcpu,
        }
    }

    fn upcall_mask(&self) -> u64 {
        let path = format!("vcpu_info[{}].evtchn_upcall_mask", self.vcpu);
        self.info.word(&path)
    }

    /// The interval counter, on a machine whose own stands still at 0.
    pub(super) fn itc(&self) -> u64 {
        let offset = self.privregs.word("itc_offset");
        offset.max(self.privregs.word("itc_last"))
    }
}

fn row(out: &mut Out<'_>, path: &str, values: &[u64]) {
    for (index, value) in values.iter().enumerate() {
        out.set(&format!("{path}[{index}]"), *value);
    }
}

fn translations(out: &mut Out<'_>, kept: &Kept, path: &str, kind: &str) {
    for (index, entry) in kept.translations(kind).iter().enumerate() {
        for (name, value) in ["pte", "itir", "vadr", "rid"].into_iter().zip(entry) {
            out.set(&format!("{path}[{index}].{name}"), *value);
        }
    }
}
