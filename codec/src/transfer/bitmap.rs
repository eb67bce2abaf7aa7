//! A set of pfns as the log-dirty operations return it.

use alloc::vec::Vec;
use core::ops::Range;

/// One bit a pfn, bit `pfn % 64` of word `pfn / 64`, from 0 up to a length in pfns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PfnBitmap {
    words: Vec<u64>,
    pfns: u64,
}

impl PfnBitmap {
    /// An empty set of pfns below `pfns`. Takes `pfns / 8` bytes; the caller has checked that.
    pub fn new(pfns: u64) -> Self {
        PfnBitmap {
            words: alloc::vec![0; pfns.div_ceil(64) as usize],
            pfns,
        }
    }

    /// How many pfns it can tell apart.
    pub fn pfns(&self) -> u64 {
        self.pfns
    }

    /// Whether a pfn is in the set; never one that lies beyond it.
    pub fn contains(&self, pfn: u64) -> bool {
        pfn < self.pfns && self.words[(pfn / 64) as usize] >> (pfn % 64) & 1 == 1
    }

    /// Adds a pfn; one that lies beyond the set is left out.
    pub fn insert(&mut self, pfn: u64) {
        if pfn < self.pfns {
            self.words[(pfn / 64) as usize] |= 1 << (pfn % 64);
        }
    }

    /// Takes a pfn out.
    pub fn remove(&mut self, pfn: u64) {
        if pfn < self.pfns {
            self.words[(pfn / 64) as usize] &= !(1 << (pfn % 64));
        }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Puts every pfn in.
    pub fn fill(&mut self) {
        self.words.fill(u64::MAX);
        if let (Some(last), rest @ 1..) = (self.words.last_mut(), self.pfns % 64) {
            *last = (1 << rest) - 1;
        }
    }

    /// Adds what another set has, as far as this one reaches.
    pub fn union(&mut self, other: &PfnBitmap) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
        if let (Some(last), rest @ 1..) = (self.words.last_mut(), self.pfns % 64) {
            *last &= (1 << rest) - 1;
        }
    }

    /// Takes out what another set has not.
    pub fn intersect(&mut self, other: &PfnBitmap) {
        for (word, both) in self.words.iter_mut().zip(&other.words) {
            *word &= both;
        }
        let shared = other.words.len().min(self.words.len());
        self.words[shared..].fill(0);
    }

    /// How many pfns are in this set and in another.
    pub fn common(&self, other: &PfnBitmap) -> u64 {
        let words = self.words.iter().zip(&other.words);
        words.map(|(a, b)| u64::from((a & b).count_ones())).sum()
    }

    /// Takes out what another set has.
    pub fn subtract(&mut self, other: &PfnBitmap) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
    }

    /// Adds a range of pfns, as far as this set reaches.
    pub fn insert_range(&mut self, range: Range<u64>) {
        self.each_word(range, |word, mask| *word |= mask);
    }

    /// Takes a range of pfns out.
    pub fn remove_range(&mut self, range: Range<u64>) {
        self.each_word(range, |word, mask| *word &= !mask);
    }

    /// Whether any pfn of a range is in the set.
    pub fn intersects(&self, range: Range<u64>) -> bool {
        masks(range, self.pfns).any(|(index, mask)| self.words[index] & mask != 0)
    }

    /// How many pfns of a range are in the set.
    pub fn count_in(&self, range: Range<u64>) -> u64 {
        masks(range, self.pfns)
            .map(|(index, mask)| u64::from((self.words[index] & mask).count_ones()))
            .sum()
    }

    fn each_word(&mut self, range: Range<u64>, change: impl Fn(&mut u64, u64)) {
        for (index, mask) in masks(range, self.pfns) {
            change(&mut self.words[index], mask);
        }
    }

    /// How many pfns are in it.
    pub fn len(&self) -> u64 {
        self.words.iter().map(|w| u64::from(w.count_ones())).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The pfns in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            core::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = u64::from(left.trailing_zeros());
                    left &= left - 1;
                    index as u64 * 64 + bit
                })
            })
        })
    }

    /// The words, for hypercalls that fill them: little-endian on the wire as in memory.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words, to be filled. Bits beyond [`PfnBitmap::pfns`] are never looked at one by one; who
    /// sets them has to clear them.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }
}

/// The words that a range of pfns touches, with its bits in each.
fn masks(range: Range<u64>, pfns: u64) -> impl Iterator<Item = (usize, u64)> {
    let (start, end) = (range.start, range.end.min(pfns));
    let words = if start < end {
        start / 64..end.div_ceil(64)
    } else {
        0..0
    };
    words.map(move |word| {
        let below = start.saturating_sub(word * 64).min(63);
        let above = (word * 64 + 64).saturating_sub(end).min(63);
        (word as usize, u64::MAX << below & u64::MAX >> above)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn it_is_a_set_of_pfns_below_its_length() {
        let mut set = PfnBitmap::new(130);
        for pfn in [0, 63, 64, 129, 130, 1 << 40] {
            set.insert(pfn);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), vec![0, 63, 64, 129]);
        set.remove(63);
        assert!(!set.contains(63) && set.contains(64) && !set.contains(130));
        assert_eq!(set.len(), 3);
        set.fill();
        assert_eq!((set.len(), set.iter().last()), (130, Some(129)));
        let mut short = PfnBitmap::new(3);
        short.union(&set);
        assert_eq!(short.len(), 3);
        set.clear();
        assert!(set.is_empty());
    }

    #[test]
    fn ranges_are_those_of_a_set() {
        for (start, end) in [
            (0, 0),
            (0, 1),
            (3, 70),
            (63, 65),
            (64, 128),
            (127, 130),
            (5, 999),
        ] {
            let mut set = PfnBitmap::new(130);
            set.insert_range(start..end);
            let inside: Vec<u64> = (start..end.min(130)).collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), inside);
            assert_eq!(set.count_in(0..200), inside.len() as u64);
            assert_eq!(set.intersects(start..end), !inside.is_empty());
            assert!(!set.intersects(0..start) && !set.intersects(end..400));
            let mut rest = PfnBitmap::new(130);
            rest.fill();
            rest.subtract(&set);
            set.fill();
            set.remove_range(start..end);
            assert_eq!(set, rest);
        }
    }
}
