//! What get-context left to the heap, and what the privregs page knows of it.
//!
//! Up to D7c a context was not cleared before it was filled: a field that get-context did not assign holds
//! whatever lay in memory. Later restores load such fields, later readers take them for what was there.
//! So where the result's own get-context would have put something, the heap's leftovers go: for what the
//! privregs page knows (region registers, most control registers), else for 0, by name.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Names, Side};
use crate::convert::privregs::Page;
use crate::dialect::{ContextLayout, Guest};
use crate::wire::Style;

/// Arrays whose elements were not assigned together.
const BY_ELEMENT: [&str; 3] = ["regs.r", "regs.b", "regs.rr"];

/// Clears what is not the guest's, and puts in what is known of it.
pub(super) fn clear(
    source: &Side<'_>,
    target: &mut Side<'_>,
    page: Option<Page<'_>>,
    names: &mut Names<'_>,
) {
    // A restore makes its own flags, or takes those of the image for the first of two calls.
    let [old, new] = [source, &*target].map(|side| side.spec().cleared);
    if !old || !new {
        target.set("flags", 0);
    }
    if new && !old {
        padding(target);
    }
    if target.id == ContextLayout::A {
        return;
    }
    for path in leaves(target) {
        if is_by_hand(&path) {
            continue;
        }
        let assigns = |side: &Side<'_>| side.era.assigns(side.guest, &path);
        let filled = source.has(&path) && assigns(source);
        if filled {
            // Cleared first, and never filled: the result's own saver left 0 there.
            if target.spec().cleared && !assigns(target) && !is_zero(target, &path) {
                // That it is lost has been said: no restore of the target loads it.
                zero(target, &path);
            }
            continue;
        }
        let garbage = source.has(&path) && source.era.leaves_to_heap(source.guest, &path);
        if garbage && target.era.leaves_to_heap(target.guest, &path) {
            continue;
        }
        let known = page.and_then(|page| page.known(&path));
        match known.filter(|_| assigns(target)) {
            Some(value) => {
                if garbage && source.get(&path) != value {
                    let what = format!("{} did not fill it; privregs say {value:#x}", source.era);
                    names.note(target, &path, what);
                }
                target.set(&path, value);
            }
            None if garbage && !is_zero(target, &path) => {
                zero(target, &path);
                let what = if target.era.loads(target.guest, &path) {
                    format!(
                        "{} did not fill it, and {} would load it",
                        source.era, target.era
                    )
                } else {
                    format!("{} did not fill it", source.era)
                };
                names.name(source, &path, what);
            }
            None => {}
        }
    }
    if target.guest == Guest::Pv && target.has("regs.cr.ivr") {
        spurious(source, target);
    }
}

/// What get-context of a vcpu for which nothing waits gives: no vector.
fn spurious(source: &Side<'_>, target: &mut Side<'_>) {
    const NONE: u64 = 0xf;
    let assigns = |side: &Side<'_>| side.era.assigns(side.guest, "regs.cr.ivr");
    if assigns(target) && !(source.has("regs.cr.ivr") && assigns(source)) {
        target.set("regs.cr.ivr", NONE);
    }
}

fn is_by_hand(path: &str) -> bool {
    path == "flags" || path == "regs.rbs" || path.starts_with("regs.tr.")
}

/// Paths of everything but padding, arrays as a whole where they were filled as a whole.
fn leaves(side: &Side<'_>) -> Vec<String> {
    let mut all = Vec::new();
    side.layout.walk(&side.bytes, &mut |entry| {
        if entry.style == Style::Pad {
            return;
        }
        if BY_ELEMENT.contains(&entry.path) {
            all.extend((0..entry.count).map(|index| format!("{}[{index}]", entry.path)));
        } else {
            all.push(entry.path.into());
        }
    });
    all
}

fn place(side: &Side<'_>, path: &str) -> Option<core::ops::Range<usize>> {
    let found = side.layout.find(path)?;
    Some(found.offset..found.offset + found.size())
}

fn is_zero(side: &Side<'_>, path: &str) -> bool {
    let bytes = place(side, path).and_then(|place| side.bytes.get(place));
    bytes.is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0))
}

fn zero(side: &mut Side<'_>, path: &str) {
    if let Some(place) = place(side, path)
        && let Some(bytes) = side.bytes.to_mut().get_mut(place)
    {
        bytes.fill(0);
    }
}

/// Nobody gave padding a meaning, but a reader tells by it who cleared first.
fn padding(side: &mut Side<'_>) {
    let mut pads = Vec::new();
    side.layout.walk(&side.bytes, &mut |entry| {
        if entry.style == Style::Pad && entry.bytes.iter().any(|byte| *byte != 0) {
            pads.push(entry.offset..entry.offset + entry.size);
        }
    });
    for pad in pads {
        side.bytes.to_mut()[pad].fill(0);
    }
}
