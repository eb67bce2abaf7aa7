//! Where a simulated save goes: what comes out of the link is written.

use std::io::{self, Write};

use ia64save_codec::transfer::migration::{LARGEST_FRAME, frame_header};
use ia64save_codec::transfer::ports::SinkError;
use ia64save_sim::link::Receiver;

/// Writes what arrives: bare, or in frames of the acknowledged protocol.
pub struct Writing<W> {
    writer: W,
    framed: bool,
    /// Bytes of the stream that were written.
    pub bytes: u64,
    /// Why the writer took no more.
    pub error: Option<io::Error>,
}

impl<W: Write> Writing<W> {
    /// Writes the bytes as they come.
    pub fn new(writer: W) -> Self {
        Writing {
            writer,
            framed: false,
            bytes: 0,
            error: None,
        }
    }

    /// Puts a length in front of what comes at once.
    pub fn framed(mut self, framed: bool) -> Self {
        self.framed = framed;
        self
    }

    /// Writes bytes that are not the engine's: an envelope.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        for piece in bytes.chunks(LARGEST_FRAME as usize) {
            let header = if self.framed {
                self.writer.write_all(&frame_header(piece.len()))
            } else {
                Ok(())
            };
            let written = header.and_then(|()| self.writer.write_all(piece));
            written.map_err(|error| self.failed(error))?;
            self.bytes += piece.len() as u64;
        }
        Ok(())
    }

    fn failed(&mut self, error: io::Error) -> SinkError {
        let reason = error.to_string();
        self.error.get_or_insert(error);
        SinkError { reason }
    }
}

impl<W: Write> Receiver for &mut Writing<W> {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.write(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_at_once_is_a_frame() {
        let mut out = Vec::new();
        let mut writing = Writing::new(&mut out).framed(true);
        (&mut writing).receive(b"abc").unwrap();
        writing.write(b"").unwrap();
        writing.write(b"d").unwrap();
        assert_eq!(writing.bytes, 4);
        assert_eq!(out, b"\x03\0\0\0abc\x01\0\0\0d");
    }

    #[test]
    fn a_writer_that_fails_is_reported() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writing = Writing::new(Full);
        assert!(writing.write(b"abc").is_err());
        assert_eq!(writing.error.unwrap().kind(), io::ErrorKind::StorageFull);
    }
}
