//! What stands in fields of a context that get-context did not assign: 0 since it clears the context
//! first, whatever the heap held before.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use super::{Eras, Judge, VcpuBytes};
use crate::dialect::{ContextLayout, Guest};
use crate::era::Era;
use crate::wire::layout_of_context;
use crate::wire::{Kind, Layout};

/// Bytes of a context, and the eras that cleared them and never put anything there.
struct Place {
    range: Range<usize>,
    path: String,
    cleared: Eras,
    weight: Weight,
    /// Given by the hypervisors that give all of the registers, and by no other.
    late: bool,
}

/// Registers that a heap which is 0 otherwise hardly has values for.
const MANY: usize = 16;

/// What it tells that a place is not 0.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// No register of a guest is there.
    Strikes,
    /// One is, but no hypervisor of these eras ever gave it.
    Strike,
    /// A control register that is not given for a PV vcpu: somebody may have filled it nevertheless.
    Odd,
}

impl Weight {
    fn of(path: &str) -> Self {
        match path {
            "regs.cr.iipa" | "regs.cr.ifs" | "regs.cr.lid" | "regs.cr.ivr" | "regs.cr.eoi"
            | "regs.cr.lrr0" | "regs.cr.lrr1" => Weight::Odd,
            "regs.bank" | "regs.bnats" | "regs.ar.kr" => Weight::Strike,
            _ => Weight::Strikes,
        }
    }
}

pub(super) fn signs(judge: &mut Judge<'_>) {
    let Some(layout) = judge.tail.vcpus.first().map(|vcpu| vcpu.layout) else {
        return;
    };
    let pool = judge.pool;
    let clears = pool.of(|era| era.spec().cleared);
    if layout == ContextLayout::A || clears.is_empty() {
        return;
    }
    let places = places(pool, judge.guest, layout);
    let tail = judge.tail;
    let (mut dirty, mut late, mut count) = (false, None, 0);
    for vcpu in &tail.vcpus {
        let is_set = |place: &&Place| {
            let bytes = vcpu.context.get(place.range.clone());
            bytes.is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0))
        };
        for place in places.iter().filter(is_set) {
            if place.late {
                late = late.or(Some((vcpu.id, place)));
                count += 1;
            }
            if !place.cleared.is_empty() {
                dirty |= place.cleared == clears && place.weight != Weight::Odd;
                let (kind, weight) = match place.weight {
                    Weight::Strikes => ("unset", (2, 0)),
                    Weight::Strike => ("unset register", (1, 0)),
                    Weight::Odd => ("unset cr", (0, 2)),
                };
                judge.add(kind, weight, place.cleared, || said(vcpu, place));
            }
        }
    }
    if dirty {
        return;
    }
    // Mostly zeros is how the heap looked, too.
    let zero = || String::from("what get-context did not fill is 0 in every context");
    judge.odd("zero heap", 1, |era| !era.cleared, zero);
    if let Some((vcpu, place)) = late {
        let path = &place.path;
        let text = || format!("vcpu[{vcpu}].{path} is set where nothing that was left unset is");
        let weight = if count > MANY { 8 } else { 3 };
        judge.odd("late", weight, |era| !era.whole, text);
    }
}

fn said(vcpu: &VcpuBytes<'_>, place: &Place) -> String {
    let bytes = &vcpu.context[place.range.clone()];
    let at = bytes.iter().position(|byte| *byte != 0).unwrap_or(0) & !7;
    let word = bytes[at..].iter().take(8).rev();
    let word = word.fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let (id, path) = (vcpu.id, &place.path);
    format!("vcpu[{id}].{path} holds {word:#x}, which nobody gave")
}

/// The places of a layout that some era of the pool cleared and did not fill. rbs is not among them: its
/// words are counted first.
fn places(pool: Eras, guest: Guest, layout: ContextLayout) -> Vec<Place> {
    let mut places = Vec::new();
    walk(layout_of_context(layout), 0, "", &mut |path, range| {
        if path == "regs.rbs" {
            return;
        }
        let left = |era: &Era| era.spec().cleared && !era.assigns(guest, path);
        let cleared: Eras = pool.iter().filter(left).collect();
        let late = pool
            .iter()
            .all(|era| era.assigns(guest, path) == era.spec().whole);
        if !cleared.is_empty() || late {
            places.push(Place {
                range,
                path: path.to_string(),
                cleared,
                weight: Weight::of(path),
                late,
            });
        }
    });
    places
}

/// Every field, and every element of those that are not given as a whole.
fn walk(layout: &Layout, base: usize, prefix: &str, visit: &mut impl FnMut(&str, Range<usize>)) {
    for field in layout.fields {
        let path = format!("{prefix}{}", field.name);
        let begin = base + field.offset;
        let size = field.kind.size();
        match field.kind {
            Kind::Struct(inner) if field.count == 1 => {
                walk(inner, begin, &format!("{path}."), visit);
            }
            _ if matches!(path.as_str(), "regs.r" | "regs.b" | "regs.f" | "regs.rr") => {
                for index in 0..field.count {
                    let begin = begin + index * size;
                    visit(&format!("{path}[{index}]"), begin..begin + size);
                }
            }
            _ => visit(&path, begin..begin + field.size()),
        }
    }
}
