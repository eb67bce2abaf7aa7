//! An image that can be read anywhere: a mapped file, or memory.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use super::mapping::Mapping;
use super::source::Source;

/// All bytes of an image.
#[derive(Debug)]
pub struct Mapped(Backing);

#[derive(Debug)]
enum Backing {
    Memory(Vec<u8>),
    File { file: File, map: Mapping },
}

impl Mapped {
    /// Maps a file, which messages call `name`.
    pub fn map(file: File, name: &str) -> io::Result<Self> {
        // An empty range cannot be mapped.
        if file.metadata()?.len() == 0 {
            return Ok(Vec::new().into());
        }
        let map = Mapping::new(&file, name)?;
        Ok(Mapped(Backing::File { file, map }))
    }

    /// Where a scan finds the bytes.
    pub fn source(&self) -> Source<'_> {
        match &self.0 {
            Backing::Memory(bytes) => Source::Bytes(bytes),
            Backing::File { file, map } => Source::File {
                file,
                map: Some(map),
            },
        }
    }

    /// Lets go of the memory behind a part, where there is a file that keeps it.
    pub fn release(&self, part: Range<usize>) {
        if let Backing::File { map, .. } = &self.0 {
            map.release(part);
        }
    }

    /// To be asked when all is done: an error if the file has changed its size meanwhile.
    pub fn verify(&self) -> io::Result<()> {
        let Backing::File { file, map } = &self.0 else {
            return Ok(());
        };
        let (before, now) = (map.len() as u64, file.metadata()?.len());
        if now == before {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!(
                "the file changed its size from {before} to {now} bytes while it was being read"
            ),
        ))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Backing::Memory(bytes) => bytes,
            Backing::File { map, .. } => map,
        }
    }
}

impl From<Vec<u8>> for Mapped {
    fn from(bytes: Vec<u8>) -> Self {
        Mapped(Backing::Memory(bytes))
    }
}
