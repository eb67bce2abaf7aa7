//! Which unwind information an instruction has.

use super::Error;

/// Bytes of an entry: where a range begins, where it ends, where its information is.
const ENTRY: usize = 24;

/// A range of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Address of its first bundle.
    pub start: u64,
    /// Address behind its last.
    pub end: u64,
    /// Address of its information.
    pub info: u64,
}

/// The entries of a program, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    entries: Vec<Entry>,
}

impl Table {
    /// Reads a table whose addresses count from `base`: that of the segment that it lies in.
    /// Entries of no length are left out, an order is made where there is none.
    ///
    /// # Errors
    /// Its length is not that of whole entries, or an entry ends before it begins or behind the last
    /// address.
    pub fn parse(bytes: &[u8], base: u64) -> Result<Self, Error> {
        if !bytes.len().is_multiple_of(ENTRY) {
            let expected = "entries of 24 bytes";
            let found = format!("{} bytes in all", bytes.len());
            return Err(Error::new(bytes.len(), expected, found));
        }
        let mut entries = Vec::with_capacity(bytes.len() / ENTRY);
        for (number, entry) in bytes.chunks_exact(ENTRY).enumerate() {
            let mut words = entry.chunks_exact(8).map(|word| {
                let word = word.try_into().map(u64::from_le_bytes);
                word.unwrap_or_default().checked_add(base)
            });
            let mut next = || words.next().flatten();
            match (next(), next(), next()) {
                (Some(start), Some(end), Some(_)) if start == end => {}
                (Some(start), Some(end), Some(info)) if start < end => {
                    entries.push(Entry { start, end, info });
                }
                found => {
                    let expected = "an entry that begins before it ends, within 64 bits";
                    let found = format!("{found:x?}");
                    return Err(Error::new(number * ENTRY, expected, found));
                }
            }
        }
        entries.sort_by_key(|entry| entry.start);
        Ok(Table { entries })
    }

    /// The entry of an address.
    pub fn find(&self, address: u64) -> Option<Entry> {
        let behind = self.entries.partition_point(|entry| entry.start <= address);
        let entry = self.entries[..behind].last()?;
        (address < entry.end).then_some(*entry)
    }

    /// All of them, ascending.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds those of another table.
    pub(crate) fn extend(&mut self, other: Table) {
        self.entries.extend(other.entries);
        self.entries.sort_by_key(|entry| entry.start);
    }
}

/// A block of unwind information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info<'a> {
    /// 1.
    pub version: u16,
    /// Bit 0: it has an exception handler, bit 1: it has a termination handler.
    pub flags: u16,
    /// The regions and their records.
    pub descriptors: &'a [u8],
}

impl<'a> Info<'a> {
    /// Reads the block that `bytes` begin with.
    ///
    /// # Errors
    /// It has another version, or `bytes` end within.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let Some((head, rest)) = bytes.split_first_chunk::<8>() else {
            let found = format!("{} bytes", bytes.len());
            return Err(Error::new(0, "a head of 8 bytes", found));
        };
        let head = u64::from_le_bytes(*head);
        let version = (head >> 48) as u16;
        if version != 1 {
            let expected = "unwind information of version 1";
            return Err(Error::new(0, expected, format!("version {version}")));
        }
        let words = u64::from(head as u32);
        let size = words * 8;
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= rest.len());
        let Some(size) = size else {
            let found = format!("{words} words, and {} bytes", rest.len());
            return Err(Error::new(0, "descriptors as long as the head says", found));
        };
        Ok(Info {
            version,
            flags: (head >> 32) as u16,
            descriptors: &rest[..size],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[[u64; 3]]) -> Vec<u8> {
        let words = entries.iter().flatten();
        words.flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn an_address_belongs_to_the_entry_that_it_lies_in() {
        let bytes = table(&[[0x40, 0x60, 0x900], [0x10, 0x30, 0x800], [0x20, 0x20, 0]]);
        let table = Table::parse(&bytes, 0x1000).unwrap();
        assert_eq!(table.entries().len(), 2);
        assert_eq!(table.find(0x1010).unwrap().info, 0x1800);
        assert_eq!(table.find(0x102f).unwrap().info, 0x1800);
        assert_eq!(table.find(0x1030), None);
        assert_eq!(table.find(0x100f), None);
        assert_eq!(table.find(0x105f).unwrap().end, 0x1060);
    }

    #[test]
    fn a_broken_table_says_where() {
        let error = Table::parse(&[0; 25], 0).unwrap_err();
        assert_eq!(error.offset, 25);
        let bytes = table(&[[0, 16, 0], [32, 16, 0]]);
        assert_eq!(Table::parse(&bytes, 0).unwrap_err().offset, 24);
        let bytes = table(&[[u64::MAX, u64::MAX, 0]]);
        assert_eq!(Table::parse(&bytes, 1).unwrap_err().offset, 0);
    }

    #[test]
    fn a_block_is_as_long_as_its_head_says() {
        let mut bytes = (1u64 << 48 | 1).to_le_bytes().to_vec();
        assert!(Info::parse(&bytes).unwrap_err().found.contains("1 words"));
        bytes.extend([0x61, 9, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(Info::parse(&bytes).unwrap().descriptors.len(), 8);
        bytes[6] = 2;
        assert_eq!(Info::parse(&bytes).unwrap_err().found, "version 2");
        assert!(Info::parse(&bytes[..7]).is_err());
        assert!(Info::parse(&u64::MAX.to_le_bytes()).is_err());
    }
}
