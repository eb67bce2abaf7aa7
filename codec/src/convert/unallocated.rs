//! The list of pfns that have no page (spec 6).

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use super::Route;
use super::loss::Losses;
use super::pages::survivors;
use crate::image::{Checkpoint, Unallocated};
use crate::pfns::{PfnSet, Pfns};
use crate::ram::RamMap;

/// Pfns in the list's order, neighbours joined.
pub(super) type Runs<'a> = Cow<'a, [Pfns]>;

/// The list of the target. `checkpoints` end with the one that has the list; `ram` is that of the
/// source, `new` that of the target.
pub(super) fn convert<'a>(
    list: &'a Unallocated,
    checkpoints: &[Checkpoint],
    p2m_size: u64,
    [ram, new]: [&RamMap; 2],
    route: Route,
    losses: &mut Losses,
) -> Runs<'a> {
    match [route.from, route.to].map(|dialect| dialect.spec().version.has_memmap()) {
        [true, false] => every_hole(list, checkpoints, p2m_size, ram, losses),
        [false, true] => within(list, checkpoints, p2m_size, new, losses),
        _ => Cow::Borrowed(&list.runs),
    }
}

/// Version 1 takes every pfn below `p2m_size` for RAM, so it has to list each that has no page.
fn every_hole(
    list: &Unallocated,
    checkpoints: &[Checkpoint],
    p2m_size: u64,
    ram: &RamMap,
    losses: &mut Losses,
) -> Runs<'static> {
    let mut holes: Vec<Pfns> = Vec::new();
    let mut next = 0;
    for (pfn, ..) in survivors(checkpoints) {
        if pfn >= p2m_size {
            break;
        }
        holes.extend(Pfns::of(next..pfn));
        next = pfn + 1;
    }
    holes.extend(Pfns::of(next..p2m_size));
    let listed = list.set();
    let unsent: PfnSet = holes.iter().copied().collect();
    let unsent = unsent.common(&ram.joined());
    let unaccounted = unsent.pages() - unsent.common(&listed).pages();
    if unaccounted > 0 {
        let what = format!("{unaccounted} RAM pages that are neither sent nor listed are listed");
        losses.name("unallocated", what);
    }
    let all: PfnSet = holes.iter().chain(listed.runs()).copied().collect();
    all.runs().to_vec().into()
}

/// A list for a target that says what is RAM, in the order of its map (spec 6).
fn within<'a>(
    list: &'a Unallocated,
    checkpoints: &[Checkpoint],
    p2m_size: u64,
    map: &RamMap,
    losses: &mut Losses,
) -> Runs<'a> {
    let listed = list.set();
    let ram = map.joined();
    let kept = listed.common(&ram);
    // Where descriptors overlap a page would be listed once for each: the order of pfns then.
    let mut kept: Vec<Pfns> = if map.visited() == map.pages() {
        let parts = map.runs().iter().flat_map(|descriptor| {
            let touching = kept.touching(*descriptor).iter();
            touching.filter_map(|run| run.common(*descriptor))
        });
        parts.collect()
    } else {
        kept.runs().to_vec()
    };
    // Below p2m_size version 1 lists what is no RAM as well: the map says that of the target.
    let beyond = listed.common(&Pfns::new(p2m_size, u64::MAX).into_iter().collect());
    let mut lost = beyond.pages() - beyond.common(&ram).pages();
    if lost > 0 {
        // What was sent as well has to be freed again, RAM or not.
        for (pfn, ..) in survivors(checkpoints) {
            if beyond.contains(pfn) && !map.contains(pfn) {
                kept.push(Pfns::one(pfn));
                lost -= 1;
            }
        }
    }
    if lost > 0 {
        losses.name(
            "unallocated",
            format!("{lost} of the listed pfns are no RAM by the memory map"),
        );
    }
    kept.into()
}
