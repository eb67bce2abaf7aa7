//! get-context.

use ia64save_codec::Guest;
use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::{layout_of_context, layout_of_mapped_regs, layout_of_shared_info};

use super::{CONTROL, Frame, Registers, Shared, Vcpu, Vpd, psr};
use crate::fields::Fields;

/// What a vcpu without pending interrupts reads from CR.IVR.
const SPURIOUS: u64 = 0xf;

impl Vcpu {
    /// The context, in the layout of the era.
    pub(crate) fn context(
        &self,
        frame: Frame<'_>,
        shared: Option<&Shared>,
    ) -> Result<Vec<u8>, Errno> {
        if self.wedged {
            // A real hypervisor did not live to answer.
            return Err(Errno::EIO);
        }
        if !self.initialised {
            return Err(Errno::ENODATA);
        }
        let era = frame.machine.era;
        let layout = era.dialect().spec().context;
        let mut bytes = self.context.clone();
        let mut out = Fields::new(layout_of_context(layout), &mut bytes);
        if frame.machine.registers == Registers::Real && layout != ContextLayout::A {
            match (frame.guest, shared, &self.hvm) {
                (Guest::Pv, Some(shared), _) => paravirtual(&mut out, frame, shared),
                (Guest::Hvm, _, Some(hvm)) => virtual_(&mut out, &Vpd::of(era, &hvm.vpd)),
                _ => {}
            }
        }
        // What a restore passed in is forgotten: a get-context begins with a clear structure, or one
        // that says that the registers beyond the trap frame are there.
        let flags = match layout {
            ContextLayout::A | ContextLayout::E | ContextLayout::F => 0,
            _ => super::set::EXTRA_REGS,
        };
        out.set("flags", flags);
        out.set("privregs_pfn", frame.privregs_pfn);
        Ok(bytes)
    }
}

/// Much of a PV vcpu is in pages that it shares with the hypervisor.
fn paravirtual<B: AsRef<[u8]> + AsMut<[u8]>>(
    out: &mut Fields<B>,
    frame: Frame<'_>,
    shared: &Shared,
) {
    let era = frame.machine.era;
    let privregs = Fields::new(layout_of_mapped_regs(era.mapped_regs()), &shared.privregs);
    let info = Fields::new(
        layout_of_shared_info(era.shared_info()),
        &shared.shared_info,
    );
    if era.shows_virtual_psr() {
        let mut word = out.word("regs.psr");
        let mut show = |bits: u64, on: Option<bool>| {
            if let Some(on) = on {
                word = word & !bits | if on { bits } else { 0 };
            }
        };
        let is_set = |path: &str| privregs.get(path).map(|value| value != 0);
        let mask = info.get(&format!("vcpu_info[{}].evtchn_upcall_mask", frame.vcpu));
        show(psr::I, mask.map(|mask| mask == 0));
        show(psr::IC, is_set("interrupt_collection_enabled"));
        show(psr::BN, is_set("banknum"));
        show(psr::DFH, is_set("vpsr_dfh"));
        show(psr::PP, is_set("vpsr_pp"));
        show(psr::TRANSLATION, is_set("metaphysical_mode").map(|on| !on));
        out.set("regs.psr", word);
    }
    for name in CONTROL {
        match name {
            "iva" | "eoi" => {}
            "ivr" => out.set("regs.cr.ivr", SPURIOUS),
            _ => {
                if let Some(value) = privregs.get(name) {
                    out.set(&format!("regs.cr.{name}"), value);
                }
            }
        }
    }
    if era.dialect() >= ia64save_codec::Dialect::D7 {
        for index in 0..8 {
            if let Some(value) = privregs.get(&format!("rrs[{index}]")) {
                out.set(&format!("regs.rr[{index}]"), value);
            }
        }
    }
}

/// Control registers and the inactive bank of an HVM vcpu are in its VPD.
fn virtual_<B: AsRef<[u8]> + AsMut<[u8]>>(out: &mut Fields<B>, vpd: &Vpd<&Vec<u8>>) {
    for name in CONTROL {
        out.set(&format!("regs.cr.{name}"), vpd.get(name));
    }
    for index in 0..4 {
        out.set(
            &format!("regs.cr.irr[{index}]"),
            vpd.get(&format!("irr[{index}]")),
        );
    }
    let (bank, nats) = if out.word("regs.psr") & psr::BN == 0 {
        ("vgr", "vnat")
    } else {
        ("vbgr", "vbnat")
    };
    for index in 0..16 {
        out.set(
            &format!("regs.bank[{index}]"),
            vpd.get(&format!("{bank}[{index}]")),
        );
    }
    out.set("regs.bnats", (vpd.get(nats) & 0xffff) << 16);
}
