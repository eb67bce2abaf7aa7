//! A mapped file.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use memmap2::{Mmap, UncheckedAdvice};

use crate::signals::Named;

/// A file in memory.
#[derive(Debug)]
pub struct Mapping {
    /// Goes before the mapping.
    _named: Named,
    map: Mmap,
}

impl Mapping {
    /// Maps a file, which messages call `name`.
    #[allow(unsafe_code)]
    pub(crate) fn new(file: &File, name: &str) -> io::Result<Self> {
        // SAFETY: the file may be changed by others while it is mapped, which no program can
        // prevent. Nothing here relies on bytes staying what they were: all of them are plain
        // integers that are checked after they were copied out. If the file becomes shorter, the
        // access raises SIGBUS, which ends the process, in order where
        // [`signals::expect_shrinking_files`](crate::signals::expect_shrinking_files) was called.
        let map = unsafe { Mmap::map(file) }?;
        let start = map.as_ptr() as usize;
        Ok(Mapping {
            _named: Named::new(start..start + map.len(), name),
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
