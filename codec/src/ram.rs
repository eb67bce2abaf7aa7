//! Which pfns are RAM by the memory map.

use alloc::vec::Vec;

use crate::pfns::{PfnSet, Pfns};
use crate::wire::Wire;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};

/// RAM as the saver saw it: runs of pfns in the order of the memory map's descriptors, which is
/// the order in which a pass sends pages (spec 4.4, 5.2). Runs may overlap in a broken map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RamMap {
    /// As the map has them.
    runs: Vec<Pfns>,
    /// Ascending, without overlap, each with the rank of its first pfn: what look-ups search, so
    /// that a hostile map cannot make them slow.
    segments: Vec<(Pfns, u64)>,
}

impl RamMap {
    /// From runs of pfns in the order of the descriptors.
    pub fn new(runs: impl IntoIterator<Item = Pfns>) -> Self {
        let runs: Vec<Pfns> = runs.into_iter().collect();
        let mut before = 0u64;
        let mut all: Vec<(Pfns, u64)> = runs
            .iter()
            .map(|run| {
                let first_rank = before;
                before = before.saturating_add(run.pages());
                (*run, first_rank)
            })
            .collect();
        all.sort_by_key(|(run, _)| run.first());
        let mut segments: Vec<(Pfns, u64)> = Vec::with_capacity(all.len());
        for (run, rank) in all {
            // What a run before it covers is not looked up in this one.
            let covered = segments.last().map(|(last, _)| last.last());
            let Some(left) = covered.map_or(Some(run), |last| run.after(last)) else {
                continue;
            };
            segments.push((left, rank.saturating_add(left.first() - run.first())));
        }
        RamMap { runs, segments }
    }

    /// Version 1 has no map: all pfns below `p2m_size` (spec 5.2).
    pub fn flat(p2m_size: u64) -> Self {
        RamMap::new(Pfns::of(0..p2m_size))
    }

    /// From the pages of a memory map; what the map says wrongly is left out (spec 4.2 to 4.4).
    pub fn from_memmap(bytes: &[u8], page_size: usize) -> Self {
        RamMap::new(
            descriptors(bytes)
                .filter(|(_, descriptor)| descriptor.is_ram())
                .filter_map(|(_, descriptor)| descriptor.pfns(page_size as u64)),
        )
    }

    /// Whether a pfn is RAM.
    pub fn contains(&self, pfn: u64) -> bool {
        self.segment(pfn).is_some()
    }

    /// The place of a RAM pfn in the order of a pass.
    pub fn rank(&self, pfn: u64) -> Option<u64> {
        let (run, rank) = self.segment(pfn)?;
        Some(rank.saturating_add(pfn - run.first()))
    }

    fn segment(&self, pfn: u64) -> Option<&(Pfns, u64)> {
        let after = self.segments.partition_point(|(run, _)| run.first() <= pfn);
        let found = self.segments.get(after.checked_sub(1)?)?;
        found.0.contains(pfn).then_some(found)
    }

    /// The parts of a run that are RAM, ascending by pfn, each with the rank of its first: within a
    /// part, ranks ascend with the pfns; from one part to the next they need not.
    pub fn ranked(&self, pfns: Pfns) -> impl Iterator<Item = (Pfns, u64)> + '_ {
        let from = self
            .segments
            .partition_point(|(run, _)| run.last() < pfns.first());
        let reaching = self.segments.get(from..).unwrap_or(&[]).iter();
        reaching.map_while(move |(run, rank)| {
            let part = run.common(pfns)?;
            Some((part, rank.saturating_add(part.first() - run.first())))
        })
    }

    /// The runs in the order of the map, as it has them.
    pub fn runs(&self) -> &[Pfns] {
        &self.runs
    }

    /// The pfns that are RAM.
    pub fn joined(&self) -> PfnSet {
        self.segments.iter().map(|(run, _)| *run).collect()
    }

    /// RAM pages; pages in two descriptors count once.
    pub fn pages(&self) -> u64 {
        Pfns::sum(self.segments.iter().map(|(run, _)| *run))
    }

    /// RAM pages as savers walked them: those in two descriptors count twice.
    pub fn visited(&self) -> u64 {
        Pfns::sum(self.runs.iter().copied())
    }

    /// Whether there is no RAM at all.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

/// The descriptors of a memory map with their offsets in it, as far as they lie within its bytes
/// (spec 4.2). None where the map says that a descriptor is shorter than one.
pub fn descriptors(memmap: &[u8]) -> impl Iterator<Item = (usize, EfiMemoryDesc)> + '_ {
    let info = MemmapInfo::parse(memmap);
    let stride = info.as_ref().map_or(0, |info| info.efi_memdesc_size);
    let stride = if stride < EfiMemoryDesc::SIZE as u64 {
        u64::MAX
    } else {
        stride
    };
    let size = info.map_or(0, |info| info.efi_memmap_size);
    (0u64..size / stride).map_while(move |index| {
        let offset = MemmapInfo::SIZE + usize::try_from(index.checked_mul(stride)?).ok()?;
        let descriptor = EfiMemoryDesc::parse(memmap.get(offset..)?)?;
        Some((offset, descriptor))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ram<const N: usize>(ranges: [core::ops::Range<u64>; N]) -> RamMap {
        RamMap::new(ranges.into_iter().filter_map(Pfns::of))
    }

    #[test]
    fn pfns_rank_in_the_order_of_the_map() {
        let ram = ram([100..110, 0..10, 0..0, 108..120]);
        assert!(ram.contains(105) && ram.contains(119) && !ram.contains(10));
        assert_eq!(
            (ram.rank(100), ram.rank(0), ram.rank(50), ram.rank(110)),
            (Some(0), Some(10), None, Some(22))
        );
        let joined: PfnSet = [0..10, 100..120].into_iter().filter_map(Pfns::of).collect();
        assert_eq!(ram.joined(), joined);
        assert_eq!((ram.pages(), ram.visited()), (30, 32));
        assert!(RamMap::flat(0).is_empty());
    }

    #[test]
    fn a_run_over_several_descriptors_has_a_rank_in_each() {
        let ram = ram([10..20, 0..10, 30..40]);
        let ranked: Vec<_> = ram.ranked(Pfns::of(8..35).unwrap()).collect();
        let part = |range, rank| (Pfns::of(range).unwrap(), rank);
        assert_eq!(ranked, [part(8..10, 18), part(10..20, 0), part(30..35, 20)]);
        assert_eq!(ram.ranked(Pfns::of(20..30).unwrap()).count(), 0);
    }

    #[test]
    fn the_last_number_may_be_ram() {
        let last = Pfns::one(u64::MAX);
        let ram = RamMap::new([last, Pfns::ALL]);
        assert!(ram.contains(u64::MAX) && ram.contains(0));
        assert_eq!(ram.joined().runs(), [Pfns::ALL]);
        assert_eq!(ram.rank(u64::MAX), Some(u64::MAX));
    }
}
