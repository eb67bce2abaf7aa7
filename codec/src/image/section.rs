//! Bytes with their place in the file.

use bytes::Bytes;

/// A part of the file. Cloning it copies no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Section {
    /// First offset behind it.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}
