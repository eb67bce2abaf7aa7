//! What the `object` crate writes, kept as pieces: room for pages is passed over, not filled.

use alloc::vec::Vec;

use object::write::WritableBuffer;

use crate::memory::{Assembly, Content};
use crate::size::place;

/// From so many zeros on they are a gap between pieces.
const GAP: usize = 4096;

/// A buffer with gaps.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    pub(super) assembly: Assembly,
}

impl WritableBuffer for Sketch {
    fn reserve(&mut self, _size: u64) -> Result<(), ()> {
        // Of this size next to nothing is ours.
        Ok(())
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        let at = self.assembly.size;
        self.assembly.size += bytes.len() as u64;
        if let Some(last) = self.assembly.pieces.last_mut()
            && let Content::Bytes(have) = &mut last.content
            && last.at + have.len() as u64 == at
        {
            have.extend_from_slice(bytes);
            return;
        }
        self.assembly.bytes(at, Vec::from(bytes));
    }

    fn write_zeros(&mut self, additional: u64) {
        if additional < GAP as u64 {
            self.write_bytes(&[0; GAP][..place(additional)]);
        } else {
            self.assembly.size += additional;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_takes_no_memory() {
        let mut sketch = Sketch::default();
        sketch.write_bytes(b"ab");
        sketch.write_zeros(2);
        sketch.write_bytes(b"c");
        sketch.write_zeros(1 << 60);
        sketch.write_bytes(b"d");
        let Assembly { pieces, size } = sketch.assembly;
        assert_eq!(size, (1 << 60) + 6);
        let told: Vec<_> = pieces.iter().map(|piece| piece.at).collect();
        assert_eq!(told, [0, (1 << 60) + 5]);
        assert_eq!(pieces[0].content, Content::Bytes(b"ab\0\0c".to_vec()));
    }
}
