//! Pfns, many at a time.
//!
//! | file | what lives there |
//! |---|---|
//! | `run` | [`Pfns`]: a run of them, from a first to a last |
//! | `set` | [`PfnSet`]: any of them, as runs that do not touch; its [`Cursor`] |
//!
//! Everything that speaks of ranges of memory does it in these: RAM, the unallocated list, extents of a
//! map, runs of pages. A half-open range of u64 cannot hold the last number, which a broken file may
//! well name; a run that has a first and a last can, and is never empty.
//!
//! ```
//! use ia64save_codec::pfns::{PfnSet, Pfns};
//! let last = Pfns::one(u64::MAX);
//! assert_eq!((last.pages(), last.end()), (1, None));
//! assert_eq!(Pfns::of(3..3), None);
//! let set: PfnSet = [Pfns::of(8..10), Pfns::of(0..8)].into_iter().flatten().collect();
//! assert_eq!(set.runs(), [Pfns::of(0..10).unwrap()]);
//! ```

mod run;
mod set;

pub use run::Pfns;
pub use set::{Cursor, PfnSet};
