//! An image that can be read anywhere: a mapped file, or memory.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use memmap2::{Mmap, UncheckedAdvice};

use super::signals;
use crate::scan::Source;

/// A file in memory.
#[derive(Debug)]
pub struct Mapping {
    /// Goes before the mapping.
    _named: signals::Named,
    map: Mmap,
}

impl Mapping {
    /// Maps a file, which messages call `name`.
    #[allow(unsafe_code)]
    pub(crate) fn new(file: &File, name: &str) -> io::Result<Self> {
        signals::expect_shrinking_files()?;
        // SAFETY: the file may be changed by others while it is mapped, which no program can
        // prevent. Nothing here relies on bytes staying what they were: all of them are plain
        // integers that are checked after they were copied out. If the file becomes shorter, the
        // access raises SIGBUS, which the handler above turns into an orderly exit.
        let map = unsafe { Mmap::map(file) }?;
        let start = map.as_ptr() as usize;
        Ok(Mapping {
            _named: signals::Named::new(start..start + map.len(), name),
            map,
        })
    }

    /// Lets go of the memory behind a part of the file. It comes back when it is looked at.
    #[allow(unsafe_code)]
    pub fn release(&self, part: Range<usize>) {
        let part = part.start.min(self.len())..part.end.min(self.len());
        if part.is_empty() {
            return;
        }
        // SAFETY: the mapping is shared and read-only, so that there is nothing in it to lose:
        // MADV_DONTNEED only drops page table entries, and the next access finds the same file.
        // An error would mean that the memory stays, which does no harm.
        let _ = unsafe {
            self.map
                .unchecked_advise_range(UncheckedAdvice::DontNeed, part.start, part.len())
        };
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

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
