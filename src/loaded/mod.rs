//! A file that was read.

mod kept;
mod vcpus;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{fmt, io, thread};

use bytes::Bytes;
use ia64save_codec::SaveFile;
use ia64save_codec::image::Image;

use crate::input::identity::{self, Identity};
use crate::input::{Compression, Mapped, Passing, Source, Stored, named};

/// Checkpoints from which on their sections are more than memory should hold.
const MANY: usize = 8;
/// How often memory is let go of then: a walk passes a few MiB meanwhile.
const RELEASE: Duration = Duration::from_millis(2);

/// A file that was read.
pub struct Loaded {
    /// What the user called it.
    pub name: String,
    /// How it is packed.
    pub compression: Option<Compression>,
    /// What is in it.
    pub file: SaveFile,
    /// The SHA-256 of the uncompressed file.
    pub digest: Option<[u8; 32]>,
    /// The packed file as it lies there.
    pub(crate) stored: Option<Stored>,
    pub(crate) mapped: Option<Arc<Mapped>>,
    /// That of the regular file that was named.
    pub(crate) identity: Option<Identity>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Bytes of the file as it lies there; `None` of a packed pipe that was not read to its end.
    pub fn file_size(&self) -> Option<u64> {
        match &self.stored {
            Some(stored) => stored.size(),
            None => Some(self.file.size),
        }
    }

    /// The SHA-256 of the file as it lies there, where it was asked for.
    pub fn file_digest(&self) -> Option<[u8; 32]> {
        match &self.stored {
            Some(stored) => stored.digest(),
            None => self.digest,
        }
    }

    /// Bytes of what is in a packed file.
    pub fn unpacked_size(&self) -> Option<u64> {
        self.stored.as_ref().map(|_| self.file.size)
    }

    /// The SHA-256 of what is in a packed file, where it was asked for.
    pub fn unpacked_digest(&self) -> Option<[u8; 32]> {
        self.digest.filter(|_| self.stored.is_some())
    }

    /// Counts the bytes that a walk passes, and has their memory let go of.
    pub fn passing(&self) -> Passing {
        Passing::new(self.mapped.clone())
    }

    /// Whether `path` leads to the file that was read: what is written there would replace it.
    pub fn is_at(&self, path: &Path) -> bool {
        identity::at(path).is_some_and(|there| Some(there) == self.identity)
    }

    /// Bytes of the whole file, where it is mapped or in memory; no bytes otherwise.
    pub fn data(&self) -> Bytes {
        self.image().data.clone().unwrap_or_default()
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.file.image
    }

    /// Where pages are read from; `None` where they have passed.
    pub fn source(&self) -> Option<Source<'_>> {
        self.mapped.as_ref().map(|mapped| mapped.source())
    }

    /// Lets go of the memory that reading a mapped file has taken so far; what is looked at again
    /// comes back.
    pub fn release(&self) {
        if let Some(mapped) = &self.mapped {
            mapped.release(0..mapped.len());
        }
    }

    /// Has the memory of a mapped image let go of while a command walks over all its sections. Those
    /// of one checkpoint are a few MiB and not worth it; an image with thousands of Remus rounds
    /// would come to be resident as a whole.
    pub fn keep_small<T>(&self, walk: impl FnOnce() -> T) -> T {
        if self.image().checkpoints.len() < MANY {
            return walk();
        }
        self.letting_go(walk)
    }

    /// Has the memory of a mapped image let go of while a command walks over all of it.
    pub fn letting_go<T>(&self, walk: impl FnOnce() -> T) -> T {
        let Some(mapped) = &self.mapped else {
            return walk();
        };
        let (done, wait) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while wait.recv_timeout(RELEASE) == Err(RecvTimeoutError::Timeout) {
                    mapped.release(0..mapped.len());
                }
            });
            let result = walk();
            drop(done);
            result
        })
    }

    /// To be asked when all is done: an error if the file changed its size under the mapping.
    pub fn verify(&self) -> io::Result<()> {
        let Some(mapped) = &self.mapped else {
            return Ok(());
        };
        mapped.verify().map_err(|error| named(&self.name, &error))
    }
}
