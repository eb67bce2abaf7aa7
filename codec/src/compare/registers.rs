//! Registers that two eras have in different forms: what they mean is compared (spec 8.5, 8.7, 8.9).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::difference::{Found, Report};
use crate::dialect::Guest;
use crate::era::{Dirty, Era, NatsForm, RbsImage};
use crate::image::Vcpu;
use crate::size::place;
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
            Register::Rbs => {
                let cleared = one.cleared && other.cleared;
                one.rbs != other.rbs || !cleared || a.slot() != b.slot()
            }
        }
    }
}

/// Whether a field is left to [`compare`], by its name from layout B on.
pub(super) fn takes(name: &str, a: &Side<'_>, b: &Side<'_>) -> bool {
    let whole = name.split('[').next().unwrap_or(name);
    // Where the hypervisor's own stack begins is no matter of the guest's, and NaT bits lie by it.
    let own = matches!(name, "regs.rbs_voff" | "regs.rbs_rnat") && a.slot() != b.slot();
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
                let count = |side: &Side<'_>, context: &Context| match side.dirty(context) {
                    Some(dirty) => side.found(register, &format!("{} registers", dirty.registers)),
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

/// The dirty registers by value and NaT bit, wherever the hypervisor's own NaT collections lie among
/// them.
fn stacked(report: &mut Report, path: &str, a: (&Side<'_>, &Context), b: (&Side<'_>, &Context)) {
    let (one, other) = match (a.0.stacked(a.1), b.0.stacked(b.1)) {
        (Some(one), Some(other)) => (one, other),
        (None, None) => return,
        _ => {
            report.incomparable(path, "one of the two has no stacked registers");
            return;
        }
    };
    let differ = |(x, y): (&Stacked, &Stacked)| {
        let nats = x.is_nat.zip(y.is_nat);
        x.value != y.value || nats.is_some_and(|(x, y)| x != y)
    };
    let first = one.iter().zip(&other).position(differ);
    if let Some(first) = first {
        let found = |all: &[Stacked]| Some(Found::anywhere(all[first].shown()));
        let path = format!("{path}: dirty register {first}");
        report.differ(&path, found(&one), found(&other));
    }
}

/// A dirty register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stacked {
    value: u64,
    /// `None` where the hypervisor did not give the NaT bits of the end of the stack.
    is_nat: Option<bool>,
}

impl Stacked {
    fn shown(self) -> String {
        match self.is_nat {
            Some(true) => format!("{:#x}, NaT", self.value),
            _ => format!("{:#x}", self.value),
        }
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

    fn dirty(&self, context: &Context) -> Option<Dirty> {
        let end = match context {
            Context::A(a) => a.user_regs.loadrs,
            _ => context.ar_bsp()?,
        };
        let voff = context.rbs_voff().map(u64::from);
        self.era.dirty(context.ar_bspstore(), end, voff)
    }

    fn stacked(&self, context: &Context) -> Option<Vec<Stacked>> {
        if self.era.spec().rbs != RbsImage::Dirty {
            return None;
        }
        let rbs = context.rbs()?;
        let words = usize::try_from(self.dirty(context)?.words).ok()?;
        let words = rbs.get(..words).unwrap_or(rbs);
        // Of the registers behind the last collection.
        let top = context.rbs_rnat().filter(|_| self.era.spec().whole);
        let registers = words.iter().enumerate().zip(self.slot()..);
        let stacked = registers.filter_map(|((index, value), slot)| {
            let slot = slot % 64;
            let behind = index + place(63 - slot);
            let collection = words.get(behind).copied().or(top);
            (slot != 63).then_some(Stacked {
                value: *value,
                is_nat: collection.map(|bits| bits >> slot & 1 != 0),
            })
        });
        Some(stacked.collect())
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
    fn words_behind_the_stack_are_the_heaps_whichever_comes_first() {
        let d7c = [("regs.ar.bsp", 0x183b0), ("regs.rbs[92]", 0xa5a5)];
        let old = vcpu(Era::D7C, &d7c, 8);
        let late = vcpu(Era::D8A, &[("regs.ar.bsp", 0x183b0)], 8);
        for (a, b) in [
            ((Era::D7C, &old), (Era::D8A, &late)),
            ((Era::D8A, &late), (Era::D7C, &old)),
        ] {
            let [one, other] = [a, b].map(|(era, vcpu)| Side::new(era, Guest::Pv, vcpu));
            assert!(takes("regs.rbs[92]", &one, &other));
            assert_eq!(compared(a, b).differences, []);
        }
    }

    #[test]
    fn nat_bits_of_the_stack_are_those_of_the_same_registers() {
        // From slot 8 the collection is word 55, from slot 40 word 23; dirty register 30 is NaT.
        let bsp = ("regs.ar.bsp", 0x183b0);
        let early = vcpu(Era::D10C, &[bsp, ("regs.rbs[55]", 1 << 38)], 8);
        let late = |collection, bits| {
            let voff = [bsp, ("regs.rbs[23]", 0), (collection, bits)];
            vcpu(Era::D10C, &voff, 40)
        };
        let differences = |late: &Vcpu| {
            let sides = [&early, late].map(|vcpu| Side::new(Era::D10C, Guest::Pv, vcpu));
            assert!(takes("regs.rbs_rnat", &sides[0], &sides[1]));
            compared((Era::D10C, &early), (Era::D10C, late)).differences
        };
        // The 24th register behind the one at slot 62 is at slot 7 of the next collection.
        assert_eq!(differences(&late("regs.rbs[87]", 1 << 7)), []);
        let said = differences(&late("regs.rbs[87]", 1 << 8));
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].a.as_deref(), Some("0x501f, NaT"));
        assert_eq!(said[0].b.as_deref(), Some("0x501f"));
        // The bits of the last registers are in no word of the stack.
        let late = vcpu(Era::D10C, &[bsp, ("regs.rbs_rnat", 1)], 40);
        assert_eq!(differences(&late).len(), 1);
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
