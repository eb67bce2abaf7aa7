//! Structures in the layout of an era, read and written by path.

use ia64save_codec::wire::{Kind, Layout, Located};

/// Bytes with a layout. What a layout lacks reads as nothing and is not written; where the bytes end
/// early, because a test has small pages, the same holds for what lies behind.
pub(crate) struct Fields<B> {
    layout: &'static Layout,
    bytes: B,
}

impl<B: AsRef<[u8]>> Fields<B> {
    pub(crate) fn new(layout: &'static Layout, bytes: B) -> Self {
        Fields { layout, bytes }
    }

    fn find(&self, path: &str) -> Option<Located> {
        self.layout.find(path)
    }

    /// A number of up to 8 bytes.
    pub(crate) fn get(&self, path: &str) -> Option<u64> {
        let field = self.find(path).filter(|field| field.size() <= 8)?;
        let mut word = [0; 8];
        let bytes = self.bytes.as_ref();
        let content = bytes.get(field.offset..field.offset + field.size())?;
        word[..content.len()].copy_from_slice(content);
        Some(u64::from_le_bytes(word))
    }

    /// A number, or 0 where there is none.
    pub(crate) fn word(&self, path: &str) -> u64 {
        self.get(path).unwrap_or(0)
    }

    /// All bytes of a field.
    pub(crate) fn bytes_of(&self, path: &str) -> Option<&[u8]> {
        let field = self.find(path)?;
        let bytes = self.bytes.as_ref();
        bytes.get(field.offset..field.offset + field.size())
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Fields<B> {
    /// Sets a number.
    pub(crate) fn set(&mut self, path: &str, value: u64) {
        if let Some(field) = self.find(path) {
            debug_assert!(!matches!(field.kind, Kind::Struct(_)) && field.size() <= 8);
            let size = field.size().min(8);
            self.put(field.offset, &value.to_le_bytes()[..size]);
        }
    }

    /// Sets all bytes of a field.
    pub(crate) fn fill(&mut self, path: &str, content: &[u8]) {
        if let Some(field) = self.find(path) {
            let size = field.size().min(content.len());
            self.put(field.offset, &content[..size]);
        }
    }

    fn put(&mut self, offset: usize, content: &[u8]) {
        let bytes = self.bytes.as_mut();
        let start = offset.min(bytes.len());
        let end = (offset + content.len()).min(bytes.len());
        bytes[start..end].copy_from_slice(&content[..end - start]);
    }
}
