//! How a file is read.

use std::sync::Arc;

use ia64save_codec::{Dialect, Era, Guest, image};

use crate::input;
use crate::progress::{Progress, Silent};

/// How a file is read, and what to find out on the way.
#[allow(clippy::struct_excessive_bools)] // each is asked for by itself
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How the bytes are understood; whether zero pages are looked for.
    pub image: image::Options,
    /// Map regular files.
    pub map: bool,
    /// Bytes that a copy in the temporary folder may take, where random access is needed; half of what is free
    /// there without.
    pub unpack_limit: Option<u64>,
    /// The SHA-256 of the file.
    pub digest: bool,
    /// Random access to pages, even for a stream.
    pub random_access: bool,
    /// A core of `xm dump-core` will do as well.
    pub cores: bool,
    /// Of packed data that are damaged, what came out before will do.
    pub damaged: bool,
    /// Who is told how far it is.
    pub progress: Arc<dyn Progress>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            image: image::Options::default(),
            map: true,
            unpack_limit: None,
            digest: false,
            random_access: false,
            cores: false,
            damaged: false,
            progress: Arc::new(Silent),
        }
    }
}

impl Options {
    /// The usual ones: find everything out, map regular files, read nothing twice.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads as this dialect instead of finding out.
    #[must_use]
    pub fn dialect(mut self, dialect: Option<Dialect>) -> Self {
        self.image.dialect = dialect;
        self
    }

    /// Understands as this era instead of finding out; it implies the dialect.
    #[must_use]
    pub fn era(mut self, era: Option<Era>) -> Self {
        self.image.era = era;
        self
    }

    /// Reads as this kind of guest instead of looking at arch_setup.flags.
    #[must_use]
    pub fn guest(mut self, guest: Option<Guest>) -> Self {
        self.image.guest = guest;
        self
    }

    /// Bytes of a page, for images that are not of an ia64 host.
    #[must_use]
    pub fn page_size(mut self, page_size: usize) -> Self {
        self.image.page_size = page_size;
        self
    }

    /// Finds out which pages are all zero. That reads every byte.
    #[must_use]
    pub fn zero(mut self, zero: bool) -> Self {
        self.image.zero = zero;
        self
    }

    /// Maps regular files, or reads them. A mapped file that somebody cuts short ends the process with `SIGBUS`;
    /// [`signals::expect_shrinking_files`](crate::signals::expect_shrinking_files) has it say why.
    #[must_use]
    pub fn map(mut self, map: bool) -> Self {
        self.map = map;
        self
    }

    /// Bytes that a copy in the temporary folder may take.
    #[must_use]
    pub fn unpack_limit(mut self, limit: Option<u64>) -> Self {
        self.unpack_limit = limit;
        self
    }

    /// Finds out the SHA-256 of the file. That reads every byte.
    #[must_use]
    pub fn digest(mut self, digest: bool) -> Self {
        self.digest = digest;
        self
    }

    /// Gives random access to pages, even of a stream: it is copied to a file without a name for that.
    #[must_use]
    pub fn random_access(mut self, random_access: bool) -> Self {
        self.random_access = random_access;
        self
    }

    /// Takes a core of `xm dump-core` as well.
    #[must_use]
    pub fn cores(mut self, cores: bool) -> Self {
        self.cores = cores;
        self
    }

    /// Of packed data that are damaged, takes what came out before.
    #[must_use]
    pub fn damaged(mut self, damaged: bool) -> Self {
        self.damaged = damaged;
        self
    }

    /// Tells this of what is under way.
    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// For the input.
    pub(super) fn input(&self) -> input::Options {
        input::Options {
            mmap: self.map,
            unpack_limit: self.unpack_limit,
            digest: self.digest,
            ..input::Options::default()
        }
    }
}
