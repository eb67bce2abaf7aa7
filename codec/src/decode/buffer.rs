//! A reader's buffer: what a pipe or socket has given and the decoder has not consumed.

use bytes::{Buf, BytesMut};

use super::{Decoder, Step};
use crate::error::Error;

/// Bytes that are made room for because the stream says that they come.
const BELIEVED: usize = 64 << 10;

/// Space to read into, and events out of what was read.
///
/// ```
/// use ia64save_codec::decode::{Buffer, Decoder, Step};
/// let mut source: &[u8] = &[0; 40]; // stands for a socket
/// let mut buffer = Buffer::new(Decoder::new(), 4096);
/// let error = loop {
///     match buffer.next() {
///         Ok(Step::NeedMore(_)) => {
///             let space = buffer.space();
///             let read = space.len().min(source.len());
///             space[..read].copy_from_slice(&source[..read]);
///             source = &source[read..];
///             buffer.filled(read); // 0 says that the input has ended
///         }
///         Ok(_) => {}
///         Err(error) => break error,
///     }
/// };
/// assert_eq!(error.code.name(), "version-unknown");
/// ```
///
/// It grows to what one part of the stream needs (bounded by [`crate::Limits`]) and no further, and that
/// as the bytes of the part come in: a part that only says that it is large costs 64 KiB.
/// Pages are never copied but for the one record that a read cut in two.
#[derive(Debug)]
pub struct Buffer {
    decoder: Decoder,
    bytes: BytesMut,
    /// Bytes at the front that the last event borrowed.
    consumed: usize,
    /// Bytes of `bytes` that hold input; the rest is space.
    filled: usize,
    wanted: usize,
    capacity: usize,
    end: bool,
}

impl Buffer {
    /// A buffer of `capacity` bytes around a decoder.
    pub fn new(decoder: Decoder, capacity: usize) -> Self {
        Buffer {
            decoder,
            bytes: BytesMut::new(),
            consumed: 0,
            filled: 0,
            wanted: 1,
            capacity: capacity.max(1),
            end: false,
        }
    }

    /// The decoder.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Space to read into; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        self.discard();
        // Twice what has come: a long part is copied no more than once on the whole.
        let believed = self.wanted.min((2 * self.filled).max(BELIEVED));
        let size = self.capacity.max(believed).max(self.filled + 1);
        if self.bytes.len() < size {
            self.bytes.resize(size, 0);
        }
        &mut self.bytes[self.filled..]
    }

    /// Says how much of the space was filled; 0 means that the input has ended.
    pub fn filled(&mut self, count: usize) {
        self.filled += count;
        self.end |= count == 0;
    }

    /// The next event, or [`Step::NeedMore`] until the space has been filled further.
    #[allow(clippy::should_implement_trait)] // it lends, and it fails
    pub fn next(&mut self) -> Result<Step<'_>, Error> {
        self.step().1
    }

    /// As [`Buffer::next`], with the decoder beside the event.
    pub fn step(&mut self) -> (&Decoder, Result<Step<'_>, Error>) {
        let input = &self.bytes[self.consumed..self.filled];
        let step = self.decoder.decode(input, self.end);
        match &step {
            Ok(Step::Event { consumed, .. }) => self.consumed += consumed,
            Ok(Step::NeedMore(wanted)) => self.wanted = *wanted,
            Ok(Step::Done) | Err(_) => {}
        }
        (&self.decoder, step)
    }

    /// Moves what is left to the front. Little is: less than one record when pages stream by.
    fn discard(&mut self) {
        if self.consumed == 0 {
            return;
        }
        let left = self.filled - self.consumed;
        if self.consumed >= left {
            self.bytes.copy_within(self.consumed..self.filled, 0);
        } else {
            // More is kept than dropped: hand the front back instead of moving the rest.
            self.bytes.advance(self.consumed);
        }
        self.filled = left;
        self.consumed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn a_part_that_only_says_that_it_is_large_costs_little() {
        // A memory map of 16 pages of 16 KiB, of which 100 000 bytes come.
        let mut stream = vec![0; 16 + 40];
        stream[8] = 3;
        stream.extend_from_slice(&16u32.to_le_bytes());
        stream.resize(100_060, 0);
        let mut buffer = Buffer::new(Decoder::new(), 1000);
        let mut rest = &stream[..];
        let mut sizes = Vec::new();
        let error = loop {
            match buffer.next() {
                Ok(Step::NeedMore(_)) => {
                    let space = buffer.space();
                    let count = space.len().min(rest.len()).min(5000);
                    space[..count].copy_from_slice(&rest[..count]);
                    rest = &rest[count..];
                    buffer.filled(count);
                    sizes.push((buffer.bytes.len(), stream.len() - rest.len()));
                }
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!((error.code.name(), error.offset), ("truncated", 100_060));
        for (held, come) in &sizes {
            assert!(*held <= (2 * come).max(BELIEVED), "{held} for {come}");
        }
        assert!(sizes.iter().any(|(held, _)| *held > BELIEVED));
    }

    #[test]
    fn space_doubles_as_a_part_comes_in() {
        // A memory map of 16 pages of 16 KiB, read as fast as there is space.
        let mut stream = vec![0; 16 + 40];
        stream[8] = 3;
        stream.extend_from_slice(&16u32.to_le_bytes());
        stream.resize(60 + (256 << 10), 0);
        let mut buffer = Buffer::new(Decoder::new(), 16);
        let (mut rest, mut reads) = (&stream[..], 0);
        while !rest.is_empty() {
            match buffer.next() {
                Ok(Step::NeedMore(_)) => {
                    let space = buffer.space();
                    let count = space.len().min(rest.len());
                    space[..count].copy_from_slice(&rest[..count]);
                    rest = &rest[count..];
                    buffer.filled(count);
                    reads += 1;
                }
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(reads < 16, "{reads}");
    }

    #[test]
    fn the_smaller_part_of_a_buffer_is_moved_or_dropped() {
        for (consumed, moved) in [(1, false), (49, false), (50, true), (51, true), (100, true)] {
            let mut buffer = Buffer::new(Decoder::new(), 100);
            buffer.space().copy_from_slice(&[7; 100]);
            buffer.bytes[99] = 8;
            buffer.filled(100);
            buffer.consumed = consumed;
            let start = buffer.bytes.as_ptr();
            buffer.discard();
            assert_eq!(buffer.bytes.as_ptr() == start, moved, "{consumed}");
            assert_eq!((buffer.filled, buffer.consumed), (100 - consumed, 0));
            let mut left = vec![7; 100 - consumed];
            if let Some(last) = left.last_mut() {
                *last = 8;
            }
            assert_eq!(buffer.bytes[..buffer.filled], left);
        }
    }
}
