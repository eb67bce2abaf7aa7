//! The list of pfns that have no page (spec 6).

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use core::ops::{Range, RangeInclusive};

use super::Route;
use super::loss::Losses;
use super::pages::survivors;
use crate::image::{Checkpoint, Unallocated};
use crate::ram::RamMap;

/// Pfns in the list's order, neighbours joined.
pub(super) type Ranges<'a> = Cow<'a, [RangeInclusive<u64>]>;

/// The list of the target. `checkpoints` end with the one that has the list; `ram` is that of the
/// source, `new` that of the target.
pub(super) fn convert<'a>(
    list: &'a Unallocated,
    checkpoints: &[Checkpoint],
    p2m_size: u64,
    [ram, new]: [&RamMap; 2],
    route: Route,
    losses: &mut Losses,
) -> Ranges<'a> {
    match [route.from, route.to].map(|dialect| dialect.spec().version.has_memmap()) {
        [true, false] => every_hole(list, checkpoints, p2m_size, ram, losses),
        [false, true] => within(list, checkpoints, p2m_size, new, losses),
        _ => Cow::Borrowed(&list.ranges),
    }
}

/// Pfns in all ranges.
pub(super) fn len(ranges: &[RangeInclusive<u64>]) -> u64 {
    ranges.iter().fold(0, |sum, range| {
        let pfns = (range.end() - range.start()).saturating_add(1);
        sum.saturating_add(pfns)
    })
}

/// The ranges, ascending and without overlap: what look-ups search.
pub(super) fn disjoint(mut ranges: Vec<RangeInclusive<u64>>) -> Vec<RangeInclusive<u64>> {
    ranges.sort_by_key(|range| *range.start());
    let mut joined: Vec<RangeInclusive<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// Whether ranges without overlap hold a pfn.
pub(super) fn contains(ranges: &[RangeInclusive<u64>], pfn: u64) -> bool {
    let after = ranges.partition_point(|range| *range.start() <= pfn);
    after > 0 && ranges[after - 1].contains(&pfn)
}

/// Version 1 takes every pfn below `p2m_size` for RAM, so it has to list each that has no page.
fn every_hole(
    list: &Unallocated,
    checkpoints: &[Checkpoint],
    p2m_size: u64,
    ram: &RamMap,
    losses: &mut Losses,
) -> Ranges<'static> {
    let mut holes: Vec<RangeInclusive<u64>> = Vec::new();
    let mut next = 0;
    for (pfn, ..) in survivors(checkpoints) {
        if pfn >= p2m_size {
            break;
        }
        if next < pfn {
            holes.push(next..=pfn - 1);
        }
        next = pfn + 1;
    }
    if next < p2m_size {
        holes.push(next..=p2m_size - 1);
    }
    let listed = disjoint(list.ranges.clone());
    let ram = inclusive(&ram.joined());
    let unaccounted = len(&common(&holes, &ram)) - len(&common(&common(&holes, &ram), &listed));
    if unaccounted > 0 {
        let what = format!("{unaccounted} RAM pages that are neither sent nor listed are listed");
        losses.name("unallocated", what);
    }
    holes.extend(listed);
    disjoint(holes).into()
}

/// A list for a target that says what is RAM, in the order of its map (spec 6).
fn within<'a>(
    list: &'a Unallocated,
    checkpoints: &[Checkpoint],
    p2m_size: u64,
    map: &RamMap,
    losses: &mut Losses,
) -> Ranges<'a> {
    let listed = disjoint(list.ranges.clone());
    let ram = inclusive(&map.joined());
    let mut kept = common(&listed, &ram);
    let in_order = inclusive(map.ranges());
    // Where descriptors overlap a page would be listed once for each: the order of pfns then.
    if len(&in_order) == map.pages() {
        let parts = in_order.chunks(1).map(|range| {
            let first = kept.partition_point(|run| run.end() < range[0].start());
            let behind = kept.partition_point(|run| run.start() <= range[0].end());
            common(&kept[first..behind], range)
        });
        kept = parts.collect::<Vec<_>>().concat();
    }
    // Below p2m_size version 1 lists what is no RAM as well: the map says that of the target.
    let beyond = common(&listed, &[p2m_size..=u64::MAX]);
    let mut lost = len(&beyond) - len(&common(&beyond, &ram));
    if lost > 0 {
        // What was sent as well has to be freed again, RAM or not.
        for (pfn, ..) in survivors(checkpoints) {
            if contains(&beyond, pfn) && !map.contains(pfn) {
                kept.push(pfn..=pfn);
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

/// Ranges that are not empty, with their last pfn instead of the one behind it.
fn inclusive(ranges: &[Range<u64>]) -> Vec<RangeInclusive<u64>> {
    ranges
        .iter()
        .map(|range| range.start..=range.end - 1)
        .collect()
}

/// What two ascending lists of ranges without overlap have in common.
fn common(one: &[RangeInclusive<u64>], other: &[RangeInclusive<u64>]) -> Vec<RangeInclusive<u64>> {
    let (mut i, mut j) = (0, 0);
    let mut both = Vec::new();
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let shared = *a.start().max(b.start())..=*a.end().min(b.end());
        if !shared.is_empty() {
            both.push(shared);
        }
        if a.end() <= b.end() {
            i += 1;
        } else {
            j += 1;
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn ranges_are_joined_and_intersected() {
        let a = disjoint(vec![8..=9, 0..=3, 2..=5, 6..=6]);
        assert_eq!(a, vec![0..=6, 8..=9]);
        assert_eq!(common(&a, &[3..=8, 20..=30]), vec![3..=6, 8..=8]);
        assert!(contains(&a, 6) && !contains(&a, 7) && !contains(&[], 0));
        assert_eq!(len(&a), 9);
        assert_eq!(len(&[0..=u64::MAX, 0..=1]), u64::MAX);
    }
}
