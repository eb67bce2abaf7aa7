//! A structure whose layout is only known when running.

use ia64save_codec::wire::Layout;

/// The bytes of a structure with their layout: what differs between interface versions is read by
/// the names of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    layout: &'static Layout,
    bytes: Vec<u8>,
}

impl Record {
    /// All zeros.
    pub fn new(layout: &'static Layout) -> Self {
        Record {
            layout,
            bytes: vec![0; layout.size],
        }
    }

    /// The first bytes of `bytes`; `None` where there are too few.
    pub fn parse(layout: &'static Layout, bytes: &[u8]) -> Option<Self> {
        Some(Record {
            layout,
            bytes: bytes.get(..layout.size)?.to_vec(),
        })
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A number, `None` where this layout has no such field.
    pub fn get(&self, field: &str) -> Option<u64> {
        let found = self.layout.find(field)?;
        let bytes = self
            .bytes
            .get(found.offset..found.offset + found.size().min(8))?;
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        Some(u64::from_le_bytes(word))
    }

    /// Sets a number as far as its field is wide; what this layout does not have is left out.
    #[must_use]
    pub fn with(mut self, field: &str, value: u64) -> Self {
        if let Some(found) = self.layout.find(field) {
            let size = found.size().min(8);
            self.bytes[found.offset..found.offset + size]
                .copy_from_slice(&value.to_le_bytes()[..size]);
        }
        self
    }

    /// Sets a field of bytes.
    #[must_use]
    pub fn with_bytes(mut self, field: &str, value: &[u8]) -> Self {
        if let Some(found) = self.layout.find(field) {
            let size = found.size().min(value.len());
            self.bytes[found.offset..found.offset + size].copy_from_slice(&value[..size]);
        }
        self
    }
}
