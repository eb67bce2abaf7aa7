//! Registers that two eras have in different forms: what they mean is compared (spec 8.5, 8.7, 8.9).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::difference::{Found, Report};
use crate::dialect::Guest;
use crate::era::{Era, NatsForm, RbsImage};
use crate::image::Vcpu;
use crate::wire::vcpu_context::Context;

/// Bits of psr that are the guest's own in either form: be, up, ac, mfl, mfh, db, lp, tb, id, da, dd,
/// ss, ri, ed, ia.
const OWN: u64 = 0x3e | 7 << 24 | 0x7f << 37 | 1 << 45;
const CPL: u64 = 3 << 32;

/// A vcpu as a hypervisor of an era gave it.
pub(super) struct Side<'a> {
    era: Era,
    guest: Guest,
    vcpu: &'a Vcpu,
    context: Option<Context>,
}

/// A register of those that are compared by meaning. By its name from layout B on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Register {
    Psr,
    Nats,
    Bsp,
    Rbs,
}

const ALL: [Register; 4] = [Register::Psr, Register::Nats, Register::Bsp, Register::Rbs];

impl Register {
    fn path(self) -> &'static str {
        match self {
            Register::Psr => "regs.psr",
            Register::Nats => "regs.nats",
            Register::Bsp => "regs.ar.bsp",
            Register::Rbs => "regs.rbs",
        }
    }

    /// Whether two vcpus have it in different forms.
    fn differs(self, a: &Side<'_>, b: &Side<'_>) -> bool {
        let [one, other] = [a, b].map(|side| side.era.spec());
        match self {
            Register::Psr => a.era.psr(a.guest) != b.era.psr(b.guest),
            Register::Nats => a.era.nats(a.guest) != b.era.nats(b.guest),
            Register::Bsp => one.stack != other.stack || a.slot() != b.slot(),
            Register::Rbs => one.rbs != other.rbs || !one.cleared || a.slot() != b.slot(),
        }
    }
}

/// Whether a field is left to [`compare`], by its name from layout B on.
pub(super) fn takes(name: &str, a: &Side<'_>, b: &Side<'_>) -> bool {
    let whole = name.split('[').next().unwrap_or(name);
    // Where the hypervisor's own stack begins is no matter of the guest's.
    let own = name == "regs.rbs_voff" && a.slot() != b.slot();
    let register = ALL.into_iter().find(|register| register.path() == whole);
    own || register.is_some_and(|register| register.differs(a, b))
}

/// Compares what [`takes`] took.
pub(super) fn compare(report: &mut Report, prefix: &str, a: &Side<'_>, b: &Side<'_>) {
    for register in ALL.into_iter().filter(|register| register.differs(a, b)) {
        let path = format!("{prefix}.{}", register.path());
        let (Some(one), Some(other)) = (&a.context, &b.context) else {
            continue;
        };
        match register {
            Register::Psr => psr(report, &path, one, other),
            Register::Nats => nats(report, &path, (a, one), (b, other)),
            Register::Bsp => {
                let count = |side: &Side<'_>, context: &Context| match side.registers(context) {
                    Some(count) => side.found(register, &format!("{count} registers")),
                    None => side.found(register, "no stack"),
                };
                report.compare(&path, Some(count(a, one)), Some(count(b, other)));
            }
            Register::Rbs => stacked(report, &path, (a, one), (b, other)),
        }
    }
}

fn psr(report: &mut Report, path: &str, a: &Context, b: &Context) {
    // A kernel's level is raised, a user's is not.
    let own = |psr: u64| (psr & OWN, psr & CPL == CPL);
    if own(a.psr()) == own(b.psr()) {
        report.incomparable(
            path,
            "what the guest does not set itself was the machine's up to 2007-06-12",
        );
    } else {
        let found = |psr: u64| Some(Found::anywhere(format!("{psr:#x}")));
        report.differ(path, found(a.psr()), found(b.psr()));
    }
}

fn nats(report: &mut Report, path: &str, a: (&Side<'_>, &Context), b: (&Side<'_>, &Context)) {
    let forms = [a, b].map(|(side, _)| side.era.nats(side.guest));
    let has = |form: NatsForm| (1..32).filter(move |r| form.bit(*r).is_some());
    let known = |form| has(form).fold(0u32, |bits, register| bits | 1 << register);
    let both = known(forms[0]) & known(forms[1]);
    let bitmap = |form: NatsForm, context: &Context| form.to_bitmap(context.nats()) & both;
    let (one, other) = (bitmap(forms[0], a.1), bitmap(forms[1], b.1));
    let found =
        |side: &Side<'_>, bitmap| side.found(Register::Nats, &format!("NaT: {}", names(bitmap)));
    report.compare(path, Some(found(a.0, one)), Some(found(b.0, other)));
    let missing = !both & !1;
    if missing != 0 {
        report.incomparable(path, format!("one has no bits for {}", names(missing)));
    }
}

/// `r4, r5`, or `none`.
fn names(bitmap: u32) -> String {
    let registers = (1..32).filter(|register| bitmap >> register & 1 != 0);
    let names: Vec<String> = registers.map(|register| format!("r{register}")).collect();
    if names.is_empty() {
        String::from("none")
    } else {
        names.join(", ")
    }
}

/// The dirty registers by value, wherever the hypervisor's own NaT collections lie among them.
fn stacked(report: &mut Report, path: &str, a: (&Side<'_>, &Context), b: (&Side<'_>, &Context)) {
    let (one, other) = match (a.0.stacked(a.1), b.0.stacked(b.1)) {
        (Some(one), Some(other)) => (one, other),
        (None, None) => return,
        _ => {
            report.incomparable(path, "one of the two has no stacked registers");
            return;
        }
    };
    let first = one.iter().zip(&other).position(|(x, y)| x != y);
    if let Some(first) = first {
        let found = |all: &[u64]| Some(Found::anywhere(format!("{:#x}", all[first])));
        let path = format!("{path}: dirty register {first}");
        report.differ(&path, found(&one), found(&other));
    }
}

impl<'a> Side<'a> {
    pub(super) fn new(era: Era, guest: Guest, vcpu: &'a Vcpu) -> Self {
        Side {
            era,
            guest,
            vcpu,
            context: Context::parse(vcpu.layout, &vcpu.context.bytes),
        }
    }

    /// The slot of the first word of the hypervisor's stack.
    fn slot(&self) -> u64 {
        let voff = self.context.as_ref().and_then(Context::rbs_voff);
        self.era.host_slot(voff.map(u64::from))
    }

    fn registers(&self, context: &Context) -> Option<u64> {
        let end = match context {
            Context::A(a) => a.user_regs.loadrs,
            _ => context.ar_bsp()?,
        };
        let voff = context.rbs_voff().map(u64::from);
        let dirty = self.era.dirty(context.ar_bspstore(), end, voff)?;
        Some(dirty.registers)
    }

    fn stacked(&self, context: &Context) -> Option<Vec<u64>> {
        if self.era.spec().rbs != RbsImage::Dirty {
            return None;
        }
        let words = context.rbs()?.iter().zip(self.slot()..);
        let registers = words.filter(|(_, slot)| slot % 64 != 63);
        let count = usize::try_from(self.registers(context)?).ok()?;
        Some(registers.take(count).map(|(word, _)| *word).collect())
    }

    fn found(&self, register: Register, shown: &str) -> Found {
        let layout = crate::wire::layout_of_context(self.vcpu.layout);
        match layout.find(register.path()) {
            Some(place) => Found::new(shown, self.vcpu.context.offset + place.offset as u64),
            None => Found::anywhere(shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ContextLayout;
    use crate::image::Section;
    use crate::wire::layout_of_context;
    use alloc::vec;

    /// The guest that real hypervisors were given: 90 dirty registers from slot 27 on, NaT in r5, r27.
    fn vcpu(era: Era, fields: &[(&str, u64)], voff: u64) -> Vcpu {
        let id = era.dialect().spec().context;
        let layout = layout_of_context(id);
        let mut bytes = vec![0; layout.size];
        let mut put = |path: &str, value: u64| {
            if let Some(found) = layout.find(path) {
                let size = found.kind.size();
                bytes[found.offset..found.offset + size]
                    .copy_from_slice(&value.to_le_bytes()[..size]);
            }
        };
        put("regs.ar.bspstore", 0x180d8);
        put("user_regs.ar_bspstore", 0x180d8);
        put("regs.rbs_voff", voff);
        let mut register = 0;
        for word in 0..92 {
            if (voff + word) % 64 != 63 && register < 90 {
                register += 1;
                put(&format!("regs.rbs[{word}]"), 0x5000 + register);
            }
        }
        for (path, value) in fields {
            put(path, *value);
        }
        Vcpu {
            id: 0,
            layout: id,
            context: Section {
                offset: 0,
                bytes: bytes.into(),
            },
            privregs: None,
        }
    }

    fn compared(a: (Era, &Vcpu), b: (Era, &Vcpu)) -> Report {
        let mut report = Report {
            limit: 10,
            ..Report::default()
        };
        let side = |(era, vcpu)| Side::new(era, Guest::Pv, vcpu);
        compare(&mut report, "vcpu[0]", &side(a), &side(b));
        report
    }

    #[test]
    fn one_guest_of_two_eras_is_the_same() {
        let d7c = vcpu(
            Era::D7C,
            &[
                ("regs.psr", 0x1400_0040_2038),
                ("regs.ar.bsp", 0x183b0),
                ("regs.nats", 0x14_5430),
            ],
            8,
        );
        let d1 = vcpu(
            Era::D1bF,
            &[
                ("user_regs.cr_ipsr", 0x1412_083a_6038),
                ("user_regs.loadrs", 0x02e0_0000),
                ("user_regs.eml_unat", 0x0a34_4100_0014_5430),
            ],
            0,
        );
        let late = vcpu(
            Era::D10C,
            &[
                ("regs.psr", 0x1400_0040_2038),
                ("regs.ar.bsp", 0x183b0),
                ("regs.nats", 0x0800_0020),
            ],
            40,
        );
        for (era, old) in [(Era::D7C, &d7c), (Era::D1bF, &d1)] {
            let report = compared((era, old), (Era::D10C, &late));
            assert_eq!(report.differences, [], "{era}");
            assert!(!report.incomparable.is_empty());
        }
        // Read as the other era of its dialect, the same bytes are another guest.
        let report = compared((Era::D8B, &d7c), (Era::D10C, &late));
        let paths: Vec<_> = report.differences.iter().map(|d| &d.path[..]).collect();
        assert_eq!(paths, [""; 0], "same forms are compared as they are");
        let d8b = Side::new(Era::D8B, Guest::Pv, &d7c);
        let d10c = Side::new(Era::D10C, Guest::Pv, &late);
        assert!(!takes("regs.nats", &d8b, &d10c));
    }

    #[test]
    fn what_has_no_stacked_registers_is_compared_in_silence() {
        for era in [Era::D1, Era::D3, Era::D4A] {
            let own = vcpu(era, &[], 0);
            let report = compared((era, &own), (era, &own));
            assert_eq!(
                (report.count, report.incomparable),
                (0, Vec::new()),
                "{era}"
            );
        }
    }

    #[test]
    fn what_differs_is_said_by_what_it_means() {
        let old = vcpu(
            Era::D3,
            &[("regs.ar.bsp", 0x183b8), ("regs.nats", 1 << 59)],
            0,
        );
        let late = vcpu(
            Era::D8A,
            &[("regs.ar.bsp", 0x183b8), ("regs.nats", 1 << 6)],
            8,
        );
        let report = compared((Era::D3, &old), (Era::D8A, &late));
        let said: Vec<_> = report
            .differences
            .iter()
            .map(|d| (&d.path[..], d.a.as_deref(), d.b.as_deref()))
            .collect();
        let expected = [
            ("vcpu[0].regs.nats", Some("NaT: r5"), Some("NaT: r6")),
            (
                "vcpu[0].regs.ar.bsp",
                Some("90 registers"),
                Some("91 registers"),
            ),
        ];
        assert_eq!(said, expected);
        assert_eq!(old.layout, ContextLayout::B);
    }
}
