//! A packed file as it lies there, found out while what is in it is read.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// Size and digest of a packed file. Both are known once its reader has gone.
#[derive(Clone, Debug)]
pub struct Stored {
    size: Option<u64>,
    found: Arc<Mutex<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    /// Where the file has been read to its end.
    size: Option<u64>,
    digest: Option<[u8; 32]>,
}

impl Stored {
    /// Looks on while `inner` is read; `size` is that of a file. With `digest`, what nobody reads is
    /// read in the end: a digest is of the whole file.
    pub(super) fn new(
        inner: Box<dyn Read + Send>,
        size: Option<u64>,
        digest: bool,
    ) -> (Stored, Tap) {
        let found = Arc::new(Mutex::new(Found::default()));
        let tap = Tap {
            inner,
            passed: 0,
            hash: digest.then(Sha256::new),
            found: Arc::clone(&found),
        };
        (Stored { size, found }, tap)
    }

    /// Bytes of the file; `None` of a pipe that was not read to its end.
    pub fn size(&self) -> Option<u64> {
        self.size.or_else(|| self.found().size)
    }

    /// The SHA-256 of the file, where it was asked for.
    pub fn digest(&self) -> Option<[u8; 32]> {
        self.found().digest
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a decoder reads from.
pub(super) struct Tap {
    inner: Box<dyn Read + Send>,
    passed: u64,
    hash: Option<Sha256>,
    found: Arc<Mutex<Found>>,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..count]);
        }
        self.passed += count as u64;
        if count == 0 && !buffer.is_empty() {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.size = Some(self.passed);
        }
        Ok(count)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if self.hash.is_none() {
            return;
        }
        // Where that fails there is no digest.
        if io::copy(self, &mut io::sink()).is_ok()
            && let Some(hash) = self.hash.take()
        {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.digest = Some(hash.finalize().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_file_counts_whatever_was_read_of_it() {
        for read in [0, 1, 3] {
            let (stored, mut tap) = Stored::new(Box::new(&b"abc"[..]), None, true);
            tap.read_exact(&mut [0; 3][..read]).unwrap();
            drop(tap);
            assert_eq!(stored.size(), Some(3));
            assert_eq!(stored.digest().unwrap()[..4], [0xba, 0x78, 0x16, 0xbf]);
        }
        let (stored, tap) = Stored::new(Box::new(&b"abc"[..]), None, false);
        drop(tap);
        assert_eq!((stored.size(), stored.digest()), (None, None));
    }
}
