//! Which pages hold nothing but zeros. Ours: threads write whole words of it side by side, and the codec's index takes
//! these words as they are; `fixedbitset` has words of the machine.

/// One bit per page record, in stream order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZeroPages {
    words: Vec<u64>,
    len: usize,
}

impl ZeroPages {
    /// Takes `len` bits from `words` and clears those behind them.
    pub(super) fn new(mut words: Vec<u64>, len: usize) -> Self {
        words.truncate(len.div_ceil(64));
        if let (Some(last), tail @ 1..) = (words.last_mut(), len % 64) {
            *last &= (1 << tail) - 1;
        }
        words.shrink_to_fit();
        ZeroPages { words, len }
    }

    #[cfg(test)]
    /// Whether the page of this record is all zero; false where there is no such record.
    pub fn get(&self, record: usize) -> bool {
        record < self.len && self.words[record / 64] >> (record % 64) & 1 == 1
    }

    /// The bits, 64 a word.
    pub fn into_words(self) -> Vec<u64> {
        self.words
    }

    #[cfg(test)]
    /// How many pages are all zero.
    pub fn count(&self) -> u64 {
        self.words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_behind_the_last_record_do_not_count() {
        let set = ZeroPages::new(vec![u64::MAX; 3], 70);
        assert_eq!(set.count(), 70);
        assert!(set.get(69));
        assert!(!set.get(70));
        assert!(!set.get(1 << 40));
        assert_eq!(ZeroPages::new(vec![u64::MAX], 64).count(), 64);
        assert_eq!(ZeroPages::new(vec![u64::MAX], 0), ZeroPages::default());
    }
}
