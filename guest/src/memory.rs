//! The guest's memory, as one of its address spaces shows it.

use core::fmt;

/// Memory by virtual address.
pub trait Memory {
    /// Fills `into` with what lies at `address`, all of it or nothing.
    ///
    /// # Errors
    /// The first address that leads nowhere, and why.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable>;

    /// The guest physical address behind a virtual one.
    fn physical(&self, address: u64) -> Option<u64>;
}

impl<M: Memory + ?Sized> Memory for &M {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        (**self).read(address, into)
    }

    fn physical(&self, address: u64) -> Option<u64> {
        (**self).physical(address)
    }
}

/// Memory that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The first virtual address that leads nowhere.
    pub address: u64,
    /// Why.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} cannot be read: {}", self.address, self.why)
    }
}

impl std::error::Error for Unreadable {}

/// A little-endian number of up to 8 bytes.
///
/// # Errors
/// As [`Memory::read`].
pub fn number(memory: &dyn Memory, address: u64, size: usize) -> Result<u64, Unreadable> {
    let mut bytes = [0; 8];
    memory.read(address, &mut bytes[..size.min(8)])?;
    Ok(u64::from_le_bytes(bytes))
}

/// A 64-bit word.
///
/// # Errors
/// As [`Memory::read`].
pub fn word(memory: &dyn Memory, address: u64) -> Result<u64, Unreadable> {
    number(memory, address, 8)
}

/// Bytes up to a 0, to `most` of them or to the first that cannot be read; the 0 is left out.
///
/// # Errors
/// Nothing can be read at all.
pub fn text(memory: &dyn Memory, address: u64, most: usize) -> Result<Vec<u8>, Unreadable> {
    const STEP: u64 = 64;
    let mut text = Vec::new();
    let mut piece = [0; STEP as usize];
    while text.len() < most {
        let at = address.wrapping_add(text.len() as u64);
        // Up to the next multiple, so that a piece never reaches into another page.
        let size = (STEP - at % STEP).min((most - text.len()) as u64) as usize;
        if let Err(error) = memory.read(at, &mut piece[..size]) {
            return if text.is_empty() {
                Err(error)
            } else {
                Ok(text)
            };
        }
        match piece[..size].iter().position(|&byte| byte == 0) {
            Some(end) => {
                text.extend_from_slice(&piece[..end]);
                return Ok(text);
            }
            None => text.extend_from_slice(&piece[..size]),
        }
    }
    Ok(text)
}

/// Words that stand in place of what another memory has at their addresses.
pub struct Overlay<'a> {
    below: &'a dyn Memory,
    /// Ascending by address, each a multiple of 8.
    words: Vec<(u64, u64)>,
}

impl<'a> Overlay<'a> {
    /// Puts words over a memory; of an address that is there twice the last counts.
    pub fn new(below: &'a dyn Memory, words: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut kept: Vec<(u64, u64)> = words
            .into_iter()
            .map(|(address, word)| (address & !7, word))
            .collect();
        kept.sort_by_key(|(address, _)| *address);
        kept.reverse();
        kept.dedup_by_key(|(address, _)| *address);
        kept.reverse();
        Overlay { below, words: kept }
    }

    fn find(&self, address: u64) -> Option<u64> {
        let place = self.words.binary_search_by_key(&address, |(at, _)| *at);
        place.ok().map(|place| self.words[place].1)
    }
}

impl Memory for Overlay<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let end = address.wrapping_add(into.len() as u64);
        let from = self.words.partition_point(|(at, _)| *at < address & !7);
        let touched = self.words[from..].first().is_some_and(|(at, _)| *at < end);
        if !touched {
            return self.below.read(address, into);
        }
        let mut done = 0;
        while done < into.len() {
            let at = address.wrapping_add(done as u64);
            let skip = (at & 7) as usize;
            let size = (8 - skip).min(into.len() - done);
            let part = &mut into[done..done + size];
            match self.find(at & !7) {
                Some(word) => part.copy_from_slice(&word.to_le_bytes()[skip..skip + size]),
                None => self.below.read(at, part)?,
            }
            done += size;
        }
        Ok(())
    }

    fn physical(&self, address: u64) -> Option<u64> {
        self.below.physical(address)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Bytes at addresses.
    #[derive(Default)]
    pub(crate) struct Sparse(pub BTreeMap<u64, u8>);

    impl Sparse {
        pub fn put(&mut self, address: u64, bytes: &[u8]) -> &mut Self {
            for (place, byte) in bytes.iter().enumerate() {
                self.0.insert(address + place as u64, *byte);
            }
            self
        }

        pub fn word(&mut self, address: u64, word: u64) -> &mut Self {
            self.put(address, &word.to_le_bytes())
        }
    }

    impl Memory for Sparse {
        fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
            for (place, byte) in into.iter_mut().enumerate() {
                let address = address.wrapping_add(place as u64);
                *byte = *self.0.get(&address).ok_or_else(|| Unreadable {
                    address,
                    why: "nothing is there".into(),
                })?;
            }
            Ok(())
        }

        fn physical(&self, address: u64) -> Option<u64> {
            self.0.contains_key(&address).then_some(address << 3 >> 3)
        }
    }

    #[test]
    fn a_text_ends_at_its_zero_its_limit_or_its_memory() {
        let mut memory = Sparse::default();
        memory.put(0x103e, b"ab\0cd");
        assert_eq!(text(&memory, 0x103e, 100).unwrap(), b"ab");
        assert_eq!(text(&memory, 0x103e, 1).unwrap(), b"a");
        memory.put(0x2000, &[b'x'; 64]);
        assert_eq!(text(&memory, 0x2000, 1000).unwrap().len(), 64);
        assert_eq!(text(&memory, 0x3000, 10).unwrap_err().address, 0x3000);
        assert!(text(&memory, u64::MAX, 10).is_err());
    }

    #[test]
    fn an_overlay_hides_what_is_below_word_by_word() {
        let mut memory = Sparse::default();
        memory.word(0x100, 1).word(0x108, 2).word(0x110, 3);
        let over = Overlay::new(&memory, [(0x108, 7), (0x108, 0x1122_3344_5566_7788)]);
        assert_eq!(word(&over, 0x108).unwrap(), 0x1122_3344_5566_7788);
        assert_eq!(number(&over, 0x10a, 2).unwrap(), 0x5566);
        assert_eq!(word(&over, 0x100).unwrap(), 1);
        assert_eq!(word(&over, 0x10c).unwrap(), 0x3_1122_3344);
        assert_eq!(word(&over, 0x114).unwrap_err().address, 0x118);
        assert_eq!(number(&over, 0x110, 4).unwrap(), 3);
    }
}
