//! Two images, compared by what they mean: what a restore of each would make.
//!
//! Where copies of a page stand, how often a live save sent them, how long a map of vcpus is, in which
//! order records come: none of that is state. Bytes that the specification names as padding or
//! garbage (spec 3.3, 4.1, 8.3, 10.6) count only when asked for.
//!
//! | file | what lives there |
//! |---|---|
//! | `difference` | [`Difference`], and the [`Report`] that gathers them |
//! | `structure` | two structures, field by field, by name |
//! | `meaning` | which fields mean the same in two eras, and which mean nothing |
//! | `registers` | what eras have in different forms: the stack, NaT bits, psr |
//! | `state` | [`state`]: everything but pages |
//! | [`restored`] | what a restore changes by design, taken out of a comparison |
//! | `sides` | both files, and their structures next to each other |
//! | `head`, `vcpus`, `hvm` | a part of the image each |
//! | `pages` | [`PagePairs`]: which pages to compare; the caller has the bytes and the threads |

mod difference;
mod head;
mod hvm;
mod meaning;
mod pages;
mod registers;
pub mod restored;
mod sides;
mod state;
mod structure;
mod vcpus;

pub use difference::{Difference, Report};
pub use pages::PagePairs;
pub use state::state;

/// What counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Padding and uninitialised bytes count too.
    pub garbage: bool,
    /// Most differences that are kept; all are counted.
    pub limit: usize,
}

impl Options {
    /// What a guest sees, and at most `limit` differences of it.
    pub fn new(limit: usize) -> Self {
        Options {
            garbage: false,
            limit,
        }
    }

    /// Whether padding and uninitialised bytes count too.
    #[must_use]
    pub fn garbage(mut self, garbage: bool) -> Self {
        self.garbage = garbage;
        self
    }
}
