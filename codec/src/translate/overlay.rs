//! Words that memory does not have yet.

use alloc::vec::Vec;

use super::stack::RegisterStack;
use crate::pfns::Pfns;
use crate::size::place;

/// Dirty stacked registers by the guest physical address at which they belong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// Ascending by address.
    words: Vec<(u64, u64)>,
}

impl Overlay {
    /// The words of a stack at the addresses that `resolved` gives, each with the bytes from there on that are
    /// mapped alike, where the image `has` them.
    pub(super) fn of(
        stack: &RegisterStack,
        resolved: impl Fn(u64) -> Option<(u64, u64)>,
        has: impl Fn(u64) -> bool,
    ) -> Self {
        let mut words = Vec::new();
        let mut known: Option<(u64, u64, u64)> = None;
        for (word, index) in stack.words.iter().zip(0..) {
            let Some(address) = stack.bspstore.checked_add(index * 8) else {
                break;
            };
            let before = known.filter(|(first, _, left)| address - first < *left);
            let (first, physical, left) = match before {
                Some(known) => known,
                None => match resolved(address) {
                    Some((physical, left)) => (address, physical, left),
                    None => continue,
                },
            };
            known = Some((first, physical, left));
            let at = physical + (address - first);
            if has(at) {
                words.push((at, *word));
            }
        }
        let mut overlay = Overlay { words };
        overlay.sort();
        overlay
    }

    /// Adds the words of another; where both have one, this one's stays.
    pub fn add(&mut self, other: Overlay) {
        self.words.extend(other.words);
        self.sort();
    }

    fn sort(&mut self) {
        self.words.sort_by_key(|(at, _)| *at);
        self.words.dedup_by_key(|(at, _)| *at);
    }

    /// The words, ascending by guest physical address.
    pub fn words(&self) -> &[(u64, u64)] {
        &self.words
    }

    /// The pages of that size that they are on, of those in a range; ascending.
    pub fn pfns_within(&self, pfns: Pfns, page_size: u64) -> impl Iterator<Item = u64> + '_ {
        let size = page_size.max(1);
        let first = pfns.first().saturating_mul(size);
        let from = self
            .words
            .partition_point(|(at, _)| at.saturating_add(7) < first);
        let mut next = pfns.first();
        self.words[from..]
            .iter()
            .map(move |(at, _)| [at / size, at.saturating_add(7) / size])
            .take_while(move |[first, _]| *first <= pfns.last())
            .flatten()
            .filter(move |pfn| {
                let new = *pfn >= next && *pfn <= pfns.last();
                next = next.max(pfn.saturating_add(1));
                new
            })
    }

    /// Puts them into bytes that are at a guest physical address.
    pub fn apply(&self, physical: u64, bytes: &mut [u8]) {
        let Some(end) = physical.checked_add(bytes.len() as u64) else {
            return;
        };
        let from = self
            .words
            .partition_point(|(at, _)| at.saturating_add(7) < physical);
        for (at, word) in self.words[from..].iter().take_while(|(at, _)| *at < end) {
            for (byte, value) in (*at..).zip(word.to_le_bytes()) {
                let place = byte.checked_sub(physical).map(place);
                if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
                    *byte = value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn words_stand_where_they_belong_whatever_part_is_read() {
        let overlay = Overlay {
            words: vec![(16, 0x0807_0605_0403_0201), (24, u64::MAX)],
        };
        let mut bytes = [0; 6];
        overlay.apply(20, &mut bytes);
        assert_eq!(bytes, [5, 6, 7, 8, 255, 255]);
        let mut bytes = [0; 4];
        overlay.apply(14, &mut bytes);
        assert_eq!(bytes, [0, 0, 1, 2]);
        overlay.apply(u64::MAX, &mut bytes);
        assert_eq!(bytes, [0, 0, 1, 2]);
    }
}
