//! Which pfns are RAM by the memory map.

use alloc::vec::Vec;
use core::ops::Range;

use crate::wire::Wire;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};

/// RAM as the saver saw it: ranges of pfns in the order of the memory map's descriptors, which is
/// the order in which a pass sends pages (spec 4.4, 5.2). Ranges may overlap in a broken map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RamMap {
    /// As the map has them.
    ranges: Vec<Range<u64>>,
    /// Ascending, without overlap, each with the rank of its first pfn: what look-ups search, so
    /// that a hostile map cannot make them slow.
    segments: Vec<(Range<u64>, u64)>,
}

impl RamMap {
    /// From pfn ranges in the order of the descriptors.
    pub fn new(ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let ranges: Vec<_> = ranges
            .into_iter()
            .filter(|range| !range.is_empty())
            .collect();
        let mut before = 0u64;
        let mut segments: Vec<(Range<u64>, u64)> = ranges
            .iter()
            .map(|range| {
                let first_rank = before;
                before = before.saturating_add(range.end - range.start);
                (range.clone(), first_rank)
            })
            .collect();
        segments.sort_by_key(|(range, _)| range.start);
        let mut covered = 0;
        segments.retain_mut(|(range, rank)| {
            let start = range.start.max(covered);
            *rank = rank.saturating_add(start - range.start);
            range.start = start.min(range.end);
            covered = covered.max(range.end);
            !range.is_empty()
        });
        RamMap { ranges, segments }
    }

    /// Version 1 has no map: all pfns below `p2m_size` (spec 5.2).
    pub fn flat(p2m_size: u64) -> Self {
        RamMap::new(core::iter::once(0..p2m_size))
    }

    /// From the pages of a memory map; what the map says wrongly is left out (spec 4.2 to 4.4).
    pub fn from_memmap(bytes: &[u8], page_size: usize) -> Self {
        RamMap::new(
            descriptors(bytes)
                .filter(|(_, descriptor)| descriptor.is_ram())
                .filter_map(|(_, descriptor)| descriptor.pfn_range(page_size as u64)),
        )
    }

    /// Whether a pfn is RAM.
    pub fn contains(&self, pfn: u64) -> bool {
        self.rank(pfn).is_some()
    }

    /// The place of a RAM pfn in the order of a pass.
    pub fn rank(&self, pfn: u64) -> Option<u64> {
        let after = self
            .segments
            .partition_point(|(range, _)| range.start <= pfn);
        let (range, rank) = self.segments.get(after.checked_sub(1)?)?;
        range
            .contains(&pfn)
            .then(|| rank.saturating_add(pfn - range.start))
    }

    /// The ranges in the order of the map, as it has them.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// The ranges by pfn, those that touch or overlap joined.
    pub fn joined(&self) -> Vec<Range<u64>> {
        let mut joined: Vec<Range<u64>> = Vec::new();
        for (range, _) in &self.segments {
            match joined.last_mut() {
                Some(last) if range.start == last.end => last.end = range.end,
                _ => joined.push(range.clone()),
            }
        }
        joined
    }

    /// RAM pages; pages in two descriptors count once.
    pub fn pages(&self) -> u64 {
        self.segments.iter().fold(0, |sum, (range, _)| {
            sum.saturating_add(range.end - range.start)
        })
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
    use alloc::vec;

    #[test]
    fn pfns_rank_in_the_order_of_the_map() {
        let ram = RamMap::new([100..110, 0..10, 0..0, 108..120]);
        assert!(ram.contains(105) && ram.contains(119) && !ram.contains(10));
        assert_eq!(
            (ram.rank(100), ram.rank(0), ram.rank(50)),
            (Some(0), Some(10), None)
        );
        assert_eq!(ram.joined(), vec![0..10, 100..120]);
        assert_eq!(ram.pages(), 30);
        assert!(RamMap::flat(0).is_empty());
    }
}
