//! Who is told what is under way: bars on a terminal, lines in a log, a window.
//!
//! The library itself shows nothing. What takes a while is a [`Task`] that somebody's [`Progress`] began; what
//! whoever waits should know is a [`Notice`].
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use ia64save::Options;
//! use ia64save::progress::{Progress, Task};
//!
//! #[derive(Clone, Debug, Default)]
//! struct Bytes(Arc<AtomicU64>);
//!
//! impl Progress for Bytes {
//!     fn begin(&self, _: &str, _: Option<u64>) -> Box<dyn Task> {
//!         Box::new(self.clone())
//!     }
//! }
//!
//! impl Task for Bytes {
//!     fn add(&self, bytes: u64) {
//!         self.0.fetch_add(bytes, Ordering::Relaxed);
//!     }
//! }
//!
//! let bytes = Bytes::default();
//! let options = Options::new().progress(Arc::new(bytes.clone()));
//! ia64save::open("tests/corpus/golden/realD2-pv.sav.zst", &options)?;
//! assert_eq!(bytes.0.load(Ordering::Relaxed), 4_201_940);
//! # Ok::<(), ia64save::Error>(())
//! ```

use std::fmt::Debug;
use std::path::Path;

use crate::input::Damage;

/// Is told what begins, and what is worth knowing meanwhile.
pub trait Progress: Debug + Send + Sync {
    /// Something begins that takes `total` bytes, where that is known. It is over when the task is dropped.
    fn begin(&self, what: &str, total: Option<u64>) -> Box<dyn Task>;

    /// Something that whoever waits should know.
    fn notice(&self, notice: &Notice<'_>) {
        let _ = notice;
    }
}

/// Something that takes a while.
pub trait Task: Send + Sync {
    /// So many bytes more are done. Called by any thread, every few hundred kilobytes.
    fn add(&self, bytes: u64);
}

/// What whoever waits should know.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// Standard input is read next.
    StandardInput,
    /// Packed data are damaged; what came out before is read.
    Damaged(&'a Damage),
    /// Somebody else holds the file called so; it is waited for.
    Locked(&'a Path),
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: Option<u64>) -> Box<dyn Task> {
        Box::new(Silent)
    }
}

impl Task for Silent {
    fn add(&self, _: u64) {}
}
