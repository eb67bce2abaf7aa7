//! A set of pfns as the log-dirty operations return it.

use alloc::vec::Vec;

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
}
