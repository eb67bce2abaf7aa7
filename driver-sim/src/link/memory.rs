//! A stream that goes into memory.

use std::time::{Duration, Instant};

use ia64save_codec::transfer::ports::{Sink, SinkError};

/// Memory that a stream is written into: a slice as large as the stream, written to in place.
pub struct MemorySink<'a> {
    memory: &'a mut [u8],
    length: usize,
    began: Instant,
}

impl<'a> MemorySink<'a> {
    /// A sink into memory of that length.
    pub fn new(memory: &'a mut [u8]) -> Self {
        MemorySink {
            memory,
            length: 0,
            began: Instant::now(),
        }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Sink for MemorySink<'_> {
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError> {
        let end = self.length.saturating_add(bytes);
        let room = self.memory.len() - self.length;
        self.memory
            .get_mut(self.length..end)
            .ok_or_else(|| SinkError {
                reason: format!("the memory has room for {room} bytes, not for {bytes}"),
            })
    }

    fn commit(&mut self, bytes: usize) -> Result<(), SinkError> {
        self.length += bytes;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn now(&mut self) -> Duration {
        self.began.elapsed()
    }
}
