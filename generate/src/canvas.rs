//! A structure that is filled field by field, by path.

use ia64save_codec::wire::{Kind, Layout};

/// The bytes of a structure, or of as much of it as there is room for.
pub(crate) struct Canvas {
    layout: &'static Layout,
    pub(crate) bytes: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(layout: &'static Layout, bytes: Vec<u8>) -> Self {
        Canvas { layout, bytes }
    }

    /// Sets a number; one that lies beyond the bytes at hand is cut off.
    ///
    /// # Panics
    /// If the layout has no such field.
    pub(crate) fn set(&mut self, path: &str, value: u64) {
        let (offset, size) = self.place(path);
        self.put(offset, &value.to_le_bytes()[..size]);
    }

    /// Sets a number where this layout has it.
    pub(crate) fn set_if_there(&mut self, path: &str, value: u64) {
        if self.layout.find(path).is_some() {
            self.set(path, value);
        }
    }

    /// Sets all bytes of a field.
    pub(crate) fn fill(&mut self, path: &str, bytes: &[u8]) {
        let (offset, size) = self.place(path);
        assert_eq!(bytes.len(), size, "{path}");
        self.put(offset, bytes);
    }

    /// Bytes of a field, or 0 where this layout does not have it.
    pub(crate) fn size(&self, path: &str) -> usize {
        self.layout.find(path).map_or(0, |field| field.size())
    }

    fn place(&self, path: &str) -> (usize, usize) {
        let field = self.layout.find(path);
        let field = field.unwrap_or_else(|| panic!("{} has no {path}", self.layout.name));
        let scalar = !matches!(field.kind, Kind::Struct(_));
        assert!(scalar || field.size() > 8, "{path} is no number");
        (field.offset, field.size())
    }

    /// Sets bytes; those beyond the bytes at hand are cut off.
    pub(crate) fn put(&mut self, offset: usize, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            if let Some(place) = self.bytes.get_mut(offset + index) {
                *place = *byte;
            }
        }
    }
}
