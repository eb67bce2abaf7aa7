//! A vcpu that stands in the suspend call of its guest.

use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::wire::layout_of_context;

use super::Vcpu;
use crate::fields::Fields;
use crate::hypervisor::era::Era;

/// The hypercall by which a domain shuts itself down.
const SCHED_OP: u64 = 29;
/// The mark in `cfm` of a vcpu that was interrupted.
const INTERRUPTED: u64 = 1 << 63;

/// Names of registers by layout: r8, r15, cfm.
fn names(layout: ContextLayout) -> [&'static str; 3] {
    match layout {
        ContextLayout::A => ["user_regs.r8", "user_regs.r15", "user_regs.cr_ifs"],
        _ => ["regs.r[8]", "regs.r[15]", "regs.cfm"],
    }
}

impl Vcpu {
    /// r8, r15, cfm.
    fn of_call(&self, era: Era) -> [u64; 3] {
        let layout = era.dialect().spec().context;
        match &self.verbatim {
            Some(bytes) => {
                let fields = Fields::new(layout_of_context(layout), bytes);
                names(layout).map(|name| fields.word(name))
            }
            None => [self.kept.r[8], self.kept.r[15], self.kept.get("cfm")],
        }
    }

    /// Its guest makes the call, which returns 0 unless somebody says otherwise. From 68fa1896bb on the
    /// frame then has the call's number, and no mark of an interruption.
    pub(crate) fn enter_call(&mut self, era: Era) {
        let [_, r15, cfm] = self.of_call(era);
        let (r15, cfm) = if era.has_fast_calls() {
            (SCHED_OP, cfm & !INTERRUPTED)
        } else {
            (r15, cfm | INTERRUPTED)
        };
        let layout = era.dialect().spec().context;
        if let Some(bytes) = &mut self.verbatim {
            let mut fields = Fields::new(layout_of_context(layout), bytes);
            for (name, value) in names(layout).into_iter().zip([0, r15, cfm]) {
                fields.set(name, value);
            }
        } else {
            (self.kept.r[8], self.kept.r[15]) = (0, r15);
            self.kept.set("cfm", cfm);
        }
    }

    /// What a call returns that it stands in.
    pub(crate) fn returned(&self, era: Era) -> u64 {
        self.of_call(era)[0]
    }

    /// Whether it stands in the call.
    pub(crate) fn stands_in_call(&self, era: Era) -> bool {
        let [_, r15, cfm] = self.of_call(era);
        era.has_fast_calls() && r15 == SCHED_OP && cfm & INTERRUPTED == 0
    }
}
