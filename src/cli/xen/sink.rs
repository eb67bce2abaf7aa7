//! Where a save goes: a file, a connection.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use ia64save::progress::Task;
use ia64save_codec::transfer::migration::{LARGEST_FRAME, frame_header};
use ia64save_codec::transfer::ports::{Sink, SinkError};

use crate::cli::progress::Progress;

/// Bytes that are gathered before they are written.
const GATHERED: usize = 4 << 20;

/// Writes the stream, by the clock of this machine: bare, or in frames of the acknowledged protocol.
pub struct Written<'a, W> {
    out: W,
    framed: bool,
    buffer: Vec<u8>,
    used: usize,
    began: Instant,
    progress: &'a Progress,
    /// Why the writer took no more.
    pub error: Option<io::Error>,
}

impl<'a, W: Write> Written<'a, W> {
    /// To a writer.
    pub fn new(out: W, progress: &'a Progress) -> Self {
        Written {
            out,
            framed: false,
            buffer: Vec::new(),
            used: 0,
            began: Instant::now(),
            progress,
            error: None,
        }
    }

    /// Puts a length in front of what goes out at once.
    #[must_use]
    pub fn framed(mut self, framed: bool) -> Self {
        self.framed = framed;
        self
    }

    /// Bytes around the stream, behind what was committed.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        for piece in bytes.chunks(GATHERED) {
            self.space(piece.len())?.copy_from_slice(piece);
            self.commit(piece.len())?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), SinkError> {
        let mut written = Ok(());
        for piece in self.buffer[..self.used].chunks(LARGEST_FRAME as usize) {
            if self.framed {
                written = written.and_then(|()| self.out.write_all(&frame_header(piece.len())));
            }
            written = written.and_then(|()| self.out.write_all(piece));
            self.progress.add(piece.len() as u64);
        }
        self.used = 0;
        written.map_err(|error| self.failed(error))
    }

    fn failed(&mut self, error: io::Error) -> SinkError {
        let reason = error.to_string();
        self.error.get_or_insert(error);
        SinkError { reason }
    }
}

impl<W: Write> Sink for Written<'_, W> {
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError> {
        if self.used + bytes > self.buffer.len().max(GATHERED) {
            self.send()?;
        }
        if self.buffer.len() < self.used + bytes {
            self.buffer.resize((self.used + bytes).max(GATHERED), 0);
        }
        Ok(&mut self.buffer[self.used..self.used + bytes])
    }

    fn commit(&mut self, bytes: usize) -> Result<(), SinkError> {
        self.used += bytes;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.send()?;
        self.out.flush().map_err(|error| self.failed(error))
    }

    fn now(&mut self) -> Duration {
        self.began.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_comes_out_in_order_and_the_rest_does_not() {
        for framed in [false, true] {
            let progress = Progress::new("test", None);
            let mut out = Vec::new();
            let mut sink = Written::new(&mut out, &progress).framed(framed);
            sink.write(b"head").unwrap();
            sink.space(100).unwrap()[..3].copy_from_slice(b"abc");
            sink.commit(3).unwrap();
            sink.space(2).unwrap().copy_from_slice(b"de");
            sink.commit(2).unwrap();
            sink.flush().unwrap();
            let large = GATHERED + 5;
            sink.space(large).unwrap().fill(b'x');
            sink.commit(large).unwrap();
            sink.flush().unwrap();
            let mut expected = b"headabcde".to_vec();
            if framed {
                expected.splice(..0, 9_u32.to_le_bytes());
                expected.extend((large as u32).to_le_bytes());
            }
            expected.extend(vec![b'x'; large]);
            assert!(out == expected);
        }
    }

    #[test]
    fn a_writer_that_fails_is_reported() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let progress = Progress::new("test", None);
        let mut sink = Written::new(Full, &progress);
        sink.write(b"abc").unwrap();
        assert!(sink.flush().is_err());
        assert_eq!(sink.error.unwrap().kind(), io::ErrorKind::StorageFull);
    }
}
