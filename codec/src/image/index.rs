//! Which record holds which pfn.

use alloc::vec::Vec;

use crate::ram::RamMap;
use crate::size::index;

/// The page records of one checkpoint.
///
/// Records have one size, so a record's number is its place: 8 bytes a record hold the pfns, and 4
/// more their order where the stream does not have it (a live image, an unsorted memory map).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageIndex {
    offset: u64,
    stride: u64,
    /// Bytes of a record in front of its page: the gmfn, or nothing in a core.
    lead: u64,
    /// By record number.
    pfns: Vec<u64>,
    /// Record numbers by pfn, copies of one pfn in stream order. Empty where `pfns` ascends.
    order: Vec<u32>,
    distinct: usize,
    /// One bit a record, where pages were looked at.
    // Words, not a bit set of another crate: scanners bring them side by side, and they are kept as they are.
    zero: Option<Vec<u64>>,
    terminator: Option<u64>,
}

/// One walk of a saver over memory (spec 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Number of its first record.
    pub first: usize,
    /// Records in it.
    pub records: usize,
}

impl PageIndex {
    /// An index of records that begin at `offset`, to be filled.
    pub(super) fn new(offset: u64, page_size: usize) -> Self {
        PageIndex {
            offset,
            stride: 8 + page_size as u64,
            lead: 8,
            ..PageIndex::default()
        }
    }

    /// An index of bare pages that follow one another from `offset` on: those of a core, whose pfns
    /// stand elsewhere.
    pub fn of_bare_pages(offset: u64, page_size: usize, pfns: Vec<u64>) -> Self {
        let mut index = PageIndex {
            offset,
            stride: page_size as u64,
            pfns,
            ..PageIndex::default()
        };
        index.finish();
        index
    }

    pub(super) fn extend(&mut self, pfns: impl Iterator<Item = u64>) {
        self.pfns.extend(pfns);
    }

    /// Takes many records at once; `zero` has one bit for each of them.
    pub(super) fn append(&mut self, pfns: Vec<u64>, zero: Option<Vec<u64>>) {
        if self.is_empty() {
            self.pfns = pfns;
            self.zero = zero;
            return;
        }
        for (record, pfn) in pfns.into_iter().enumerate() {
            self.pfns.push(pfn);
            if let Some(bits) = &zero {
                self.push_zero(bits[record / 64] >> (record % 64) & 1 == 1);
            }
        }
    }

    pub(super) fn push_zero(&mut self, is_zero: bool) {
        let count = self.pfns.len() - 1;
        let bits = self.zero.get_or_insert_with(Vec::new);
        if bits.len() <= count / 64 {
            bits.resize(count / 64 + 1, 0);
        }
        bits[count / 64] |= u64::from(is_zero) << (count % 64);
    }

    pub(super) fn terminate(&mut self, offset: u64) {
        self.terminator = Some(offset);
    }

    /// Puts the records in order. A stable sort finds the ascending runs of the passes, so this is
    /// nearly linear for anything a saver wrote.
    pub(super) fn finish(&mut self) {
        if self.pfns.windows(2).all(|pair| pair[0] < pair[1]) {
            self.order = Vec::new();
            self.distinct = self.pfns.len();
            return;
        }
        let mut order: Vec<u32> = (0..self.pfns.len() as u32).collect();
        order.sort_by_key(|record| self.pfns[index(*record)]);
        let same = order
            .windows(2)
            .filter(|w| self.pfns[index(w[0])] == self.pfns[index(w[1])])
            .count();
        self.distinct = self.pfns.len() - same;
        self.order = order;
    }

    /// Records.
    pub fn len(&self) -> usize {
        self.pfns.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pfns.is_empty()
    }

    /// Where the first record begins in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes from one record to the next.
    pub fn stride(&self) -> u64 {
        self.stride
    }

    /// Where a record begins in the file.
    pub fn record_offset(&self, record: usize) -> u64 {
        self.offset + record as u64 * self.stride
    }

    /// Where the page of a record begins in the file.
    pub fn page_offset(&self, record: usize) -> u64 {
        self.record_offset(record) + self.lead
    }

    /// Where the terminator is; `None` where the stream ended before it.
    pub fn terminator(&self) -> Option<u64> {
        self.terminator
    }

    /// The pfns in stream order.
    pub fn pfns(&self) -> &[u64] {
        &self.pfns
    }

    /// Pfns that have at least one record.
    pub fn distinct(&self) -> usize {
        self.distinct
    }

    /// Records that a later one replaces.
    pub fn superseded(&self) -> usize {
        self.len() - self.distinct
    }

    /// The number of a pfn's last record: the copy that counts.
    pub fn last(&self, pfn: u64) -> Option<usize> {
        self.records(pfn).next_back()
    }

    /// The numbers of all records of a pfn, in stream order.
    pub fn records(&self, pfn: u64) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let key = |place: usize| self.pfns[self.at(place)];
        let bound = |above: bool| {
            let (mut low, mut high) = (0, self.len());
            while low < high {
                let middle = low + (high - low) / 2;
                if key(middle) < pfn || (above && key(middle) == pfn) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        (bound(false)..bound(true)).map(|place| self.at(place))
    }

    /// Every pfn once, ascending, with the number of its last record and how many it has.
    pub fn last_copies(&self) -> impl Iterator<Item = (u64, usize, usize)> + '_ {
        let mut place = 0;
        core::iter::from_fn(move || {
            if place >= self.len() {
                return None;
            }
            let pfn = self.pfns[self.at(place)];
            let first = place;
            while place < self.len() && self.pfns[self.at(place)] == pfn {
                place += 1;
            }
            Some((pfn, self.at(place - 1), place - first))
        })
    }

    /// Whether a record's page is all zero; `None` where pages were not looked at.
    pub fn is_zero(&self, record: usize) -> Option<bool> {
        let bits = self.zero.as_ref()?;
        Some(
            bits.get(record / 64)
                .is_some_and(|word| word >> (record % 64) & 1 == 1),
        )
    }

    /// Records whose page is all zero; `None` where pages were not looked at.
    pub fn zero(&self) -> Option<u64> {
        let bits = self.zero.as_ref()?;
        Some(bits.iter().map(|word| u64::from(word.count_ones())).sum())
    }

    /// The passes of the save: a new one begins where the order of the memory map starts over.
    pub fn passes(&self, ram: &RamMap) -> Vec<Pass> {
        let mut passes: Vec<Pass> = Vec::new();
        let mut last_rank = None;
        for (record, pfn) in self.pfns.iter().enumerate() {
            let rank = ram.rank(*pfn);
            // Frames outside the map have no rank; they stay in the pass they stand in.
            let starts_over = passes.is_empty() || (rank.is_some() && rank <= last_rank);
            if starts_over {
                passes.push(Pass {
                    first: record,
                    records: 0,
                });
            }
            if let Some(pass) = passes.last_mut() {
                pass.records += 1;
            }
            if rank.is_some() {
                last_rank = rank;
            }
        }
        passes
    }

    /// The record that is at `place` by pfn.
    fn at(&self, place: usize) -> usize {
        if self.order.is_empty() {
            place
        } else {
            index(self.order[place])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pfns::Pfns;
    use alloc::vec;

    fn index(pfns: &[u64]) -> PageIndex {
        let mut index = PageIndex::new(100, 8);
        index.extend(pfns.iter().copied());
        index.finish();
        index
    }

    #[test]
    fn the_last_copy_of_a_pfn_counts() {
        let index = index(&[5, 1, 3, 1, 9, 1]);
        assert_eq!((index.distinct(), index.superseded()), (4, 2));
        assert_eq!(index.last(1), Some(5));
        assert_eq!(index.records(1).collect::<Vec<_>>(), vec![1, 3, 5]);
        assert_eq!(index.last(2), None);
        let last: Vec<_> = index.last_copies().collect();
        assert_eq!(last, vec![(1, 5, 3), (3, 2, 1), (5, 0, 1), (9, 4, 1)]);
        assert_eq!(index.record_offset(2), 132);
    }

    #[test]
    fn records_are_appended_with_their_bits() {
        let mut index = PageIndex::new(0, 8);
        index.append(vec![1, 2, 3], Some(vec![0b101]));
        index.append((4..70).collect(), Some(vec![1, 0b10]));
        index.append(Vec::new(), Some(Vec::new()));
        index.finish();
        let zero: Vec<_> = (0..index.len())
            .filter(|r| index.is_zero(*r) == Some(true))
            .collect();
        assert_eq!(
            (index.len(), zero, index.zero()),
            (69, vec![0, 2, 3, 68], Some(4))
        );
    }

    #[test]
    fn a_sorted_stream_needs_no_order() {
        let index = index(&[1, 2, 7]);
        assert!(index.order.is_empty());
        assert_eq!(
            (index.last(7), index.last(3), index.distinct()),
            (Some(2), None, 3)
        );
    }

    #[test]
    fn a_pass_begins_where_the_map_starts_over() {
        let ram = RamMap::new([100..110, 0..10].into_iter().filter_map(Pfns::of));
        let pass = |first, records| Pass { first, records };
        let passes = |pfns: &[u64]| index(pfns).passes(&ram);
        assert_eq!(passes(&[100, 105, 2, 9]), vec![pass(0, 4)]);
        assert_eq!(
            passes(&[100, 2, 500, 9, 9, 100]),
            vec![pass(0, 4), pass(4, 1), pass(5, 1)]
        );
        assert_eq!(passes(&[]), vec![]);
    }
}
