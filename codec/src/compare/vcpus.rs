//! The vcpus: contexts by the names of the newer layouts, and their pages.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::difference::{Found, Report};
use super::meaning;
use super::registers::{self, Side};
use super::sides::{Sides, own_name, structure};
use super::structure::{Rules, compare};
use crate::dialect::{ContextLayout, Guest};
use crate::image::{Checkpoint, Vcpu};
use crate::wire::vcpu_context::names::name_elsewhere;
use crate::wire::{layout_of_context, layout_of_mapped_regs};

/// The names of a context's fields in the newer layouts.
fn context_name(layout: ContextLayout) -> fn(&str) -> Option<String> {
    match layout {
        ContextLayout::A => |path| {
            // Floating-point registers come element by element.
            let (field, element) = match path.rfind('[') {
                Some(at) if path.ends_with(']') && path.contains(".u.bits") => path.split_at(at),
                _ => (path, ""),
            };
            name_elsewhere(field).map(|name| name + element)
        },
        _ => own_name,
    }
}

impl Sides<'_> {
    pub(super) fn vcpus(&self, report: &mut Report, prefix: &str, a: &Checkpoint, b: &Checkpoint) {
        if self.core && a.vcpus.len() == b.vcpus.len() {
            // A core lists those that were online, without their numbers.
            for (one, other) in a.vcpus.iter().zip(&b.vcpus) {
                self.vcpu(report, prefix, one, other);
            }
            return;
        }
        let ids = |checkpoint: &Checkpoint| -> Vec<u32> {
            checkpoint.vcpus.iter().map(|vcpu| vcpu.id).collect()
        };
        let mut all = [ids(a), ids(b)].concat();
        all.sort_unstable();
        all.dedup();
        for id in all {
            let find = |checkpoint: &'_ Checkpoint| -> Option<Vcpu> {
                checkpoint.vcpus.iter().find(|vcpu| vcpu.id == id).cloned()
            };
            let path = format!("{prefix}vcpu[{id}]");
            match (find(a), find(b)) {
                (Some(one), Some(other)) => self.vcpu(report, prefix, &one, &other),
                (one, other) => {
                    let alone = self.dialects.map(|dialect| {
                        !dialect.has_vcpumap(self.a.image.guest().unwrap_or(crate::Guest::Pv))
                    });
                    if alone[0] != alone[1] && id > 0 {
                        report.incomparable(&path, "one of the dialects carries vcpu 0 alone");
                        continue;
                    }
                    let found = |vcpu: Option<Vcpu>| {
                        vcpu.map(|vcpu| Found::new("there", vcpu.context.offset))
                    };
                    report.differ(&path, found(one), found(other));
                }
            }
        }
    }

    fn vcpu(&self, report: &mut Report, prefix: &str, a: &Vcpu, b: &Vcpu) {
        let id = a.id;
        let guest = self.a.image.guest();
        let context = |vcpu: &'_ Vcpu| (layout_of_context(vcpu.layout), vcpu.context.clone());
        let ((layout_a, section_a), (layout_b, section_b)) = (context(a), context(b));
        let eras = self.eras;
        let guest = guest.unwrap_or(Guest::Pv);
        let sides = [(eras[0], a), (eras[1], b)].map(|(era, vcpu)| Side::new(era, guest, vcpu));
        // Byte by byte, where garbage counts and forms are the same.
        let raw = self.garbage && eras[0] == eras[1];
        let by_meaning = |name: &str| !raw && registers::takes(name, &sides[0], &sides[1]);
        // What two eras have in different forms is compared apart.
        let names = [a.layout, b.layout].map(|layout| {
            let name = context_name(layout);
            move |path: &str| name(path).filter(|name| !by_meaning(name))
        });
        let unset = eras.map(|era| move |path: &str| meaning::is_unset(path, guest, era));
        let rules = Rules {
            garbage: self.garbage,
            rename: [&names[0], &names[1]],
            is_garbage: &|path| unset[0](path) || unset[1](path),
            meaning: &|path| meaning::of_context(path, guest, eras),
            same: &|path, a, b| {
                meaning::is_same_region(path, eras, a, b)
                    || meaning::is_same_level(path, guest, eras, a, b)
            },
            eras: a.layout != b.layout,
        };
        let path = format!("{prefix}vcpu[{id}]");
        if !raw {
            registers::compare(report, &path, &sides[0], &sides[1]);
        }
        if eras.map(|era| era.spec().cleared) == [true, false]
            || eras.map(|era| era.spec().cleared) == [false, true]
        {
            report.incomparable(
                &path,
                "what one of the hypervisors left to its heap is left out",
            );
        }
        let pair = (
            &structure(layout_a, &section_a),
            &structure(layout_b, &section_b),
        );
        compare(report, &path, pair, &rules);
        let layouts = eras.map(|era| Some(era.spec().privregs));
        self.pages_of_structures(
            report,
            &format!("{prefix}privregs[{id}]"),
            [a.privregs.as_ref(), b.privregs.as_ref()],
            layouts.map(|layout| layout.map(layout_of_mapped_regs)),
        );
    }
}
