//! Everything that has one name on both sides, or one in the table of A.

use alloc::format;

use super::{Names, STACKED, Side};
use crate::convert::fields::{self, Pair, get};
use crate::convert::privregs::{Page, is_no_region};
use crate::dialect::ContextLayout;
use crate::wire::vcpu_context::{NUM_PHYS_STACKED, names::name_elsewhere};

/// What an unused translation register of a PV guest reads as (spec 8.3).
pub(super) const EMPTY_TR: [u64; 3] = [0, 0x80, 0x100];

/// Fields that have a file of their own.
const BY_HAND: [&str; 5] = [
    "regs.psr",
    "regs.nats",
    "regs.ar.bsp",
    "regs.rbs",
    "privregs_pfn",
];

/// Carries them, and names what the target has no place for, unless nobody put it there or the
/// privregs page has it as well.
pub(super) fn carry(
    source: &Side<'_>,
    target: &mut Side<'_>,
    page: Option<Page<'_>>,
    names: &mut Names<'_>,
) {
    let pairs = match (source.id, target.id) {
        (ContextLayout::A, _) => fields::pairs(source.layout, target.layout, name_elsewhere),
        (_, ContextLayout::A) => fields::pairs(target.layout, source.layout, name_elsewhere)
            .into_iter()
            .map(Pair::reversed)
            .collect(),
        _ => fields::namesakes(source.layout, target.layout),
    };
    fields::carry(&pairs, &source.bytes, target.bytes.to_mut());
    let by_hand = BY_HAND.map(|name| source.path(name));
    let vcpu = names.vcpu;
    fields::left_behind(source.layout, &source.bytes, &pairs, |path, value| {
        if path == "flags" || by_hand.iter().any(|name| name.as_deref() == Some(path)) {
            return;
        }
        // Every saver that had it wrote the same; 0 says that it is not known.
        if path == STACKED && source.get(path) == NUM_PHYS_STACKED {
            return;
        }
        if let Some((slot, field)) = path.split_once("].").filter(|_| path.contains("trs[")) {
            // An entry without a translation has nothing to lose, whatever was there before.
            let pte = get(source.layout, &source.bytes, &format!("{slot}].pte"));
            if field == "pte" && pte.is_some_and(|pte| !EMPTY_TR.contains(&pte)) {
                let what = format!("{} has eight of each kind", target.era);
                names.losses.name(format!("vcpu[{vcpu}].{slot}]"), what);
            }
            return;
        }
        let mut lost = |path: &str, value: &str| {
            let path_of_vcpu = format!("vcpu[{vcpu}].{path}");
            let said = page.and_then(|page| page.says(path));
            if source.era.leaves_to_heap(source.guest, path) {
                let what = format!("{} did not fill it", source.era);
                names.losses.name(path_of_vcpu, what);
            } else if let Some(said) = said {
                // The page is loaded last, and decides.
                if said != source.get(path) {
                    let what = format!("{value} is not what privregs say, {said:#x}, which win");
                    names.losses.note(path_of_vcpu, what);
                }
            } else {
                let what = format!("{value}: {} has no place for it", target.era);
                names.losses.name(path_of_vcpu, what);
            }
        };
        if path == "regs.rr" || path == "regs.b" {
            // Of these each element has a life of its own.
            for element in (0..8).map(|index| format!("{path}[{index}]")) {
                let word = source.get(&element);
                let says_nothing = word == 0 || (path == "regs.rr" && is_no_region(word));
                if !says_nothing {
                    lost(&element, &format!("{word:#x}"));
                }
            }
        } else {
            lost(path, value);
        }
    });
}
