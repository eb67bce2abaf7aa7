//! From one dialect to another, and from many copies of a page to one (spec 12).
//!
//! [`plan`] looks at an image and says what would become of it: a [`Conversion`], which knows every
//! [`Loss`] and its own size before a byte has been written. [`Conversion::write`] then streams it
//! through the [`Encoder`](crate::encode::Encoder): pages are borrowed from the image, the small
//! sections alone are built anew.
//!
//! | file | what lives there |
//! |---|---|
//! | `plan` | [`plan`]: which checkpoints, and who converts what |
//! | `conversion` | [`Conversion`]: losses, size, bytes |
//! | `loss` | [`Loss`] |
//! | `fields` | carrying fields of one name from one layout to another |
//! | `head`, `memmap`, `unallocated`, `pages`, `tail` | the parts, in the order of the stream |
//! | `context`, `privregs`, `shared_info`, `magic`, `blob` | what the tail is made of |
//!
//! # What is a loss
//! A piece of information that the result does not carry, under its path in the source; or one that
//! had to be made up, under its path in the result. Zero is no information, nor is padding, nor a
//! translation register that holds nothing. So a conversion there and back restores every field that
//! neither way has named.
//!
//! # What stays as it is
//! In the same dialect everything does, byte for byte, trailing bytes too. The same holds for an
//! image that several dialects explain, converted to any of them. Guest memory is never touched: the
//! start_info page keeps the layout that its kernel was built with (spec 9.3). Padding is kept where
//! both sides have it.
//!
//! # Checkpoints
//! What a restore would rebuild is the last complete checkpoint (spec 11.1). A dialect without
//! checkpoints, and a compact result, get its tail and its list of unallocated pfns, with the pages
//! of all checkpoints up to it.
//!
//! # Compact
//! One record for each pfn, its last copy, ascending by pfn. A page that was sent and then given back
//! stands in the unallocated list as well: a restore would populate it, load it and free it again. Its
//! record is dropped and its entry in the list kept, from which the same domain results: a restore
//! frees only what it has populated (spec 6).
//!
//! ```
//! # use bytes::Bytes;
//! # use ia64save_codec::{Era, convert, image::{Image, Options}};
//! # let image = Image::parse(&Bytes::from_static(b"not an image"), &Options::default());
//! let options = convert::ConvertOptions { to: Era::D11B, compact: true };
//! match convert::plan(&image, &options) {
//!     Ok(conversion) => {
//!         let mut out = Vec::new();
//!         let sink = |piece: &ia64save_codec::encode::Piece<'_>| {
//!             piece.write_to(&mut out);
//!             Ok::<_, ia64save_codec::Error>(())
//!         };
//!         conversion.write(sink).unwrap();
//!         for loss in conversion.losses() {
//!             println!("{}: {}", loss.path, loss.what);
//!         }
//!     }
//!     Err(error) => assert_eq!(error.code.name(), "truncated"),
//! }
//! ```

mod blob;
pub(crate) mod context;
mod conversion;
mod fields;
mod head;
mod loss;
mod magic;
mod memmap;
mod pages;
mod plan;
mod privregs;
mod shared_info;
mod tail;
mod unallocated;

use crate::dialect::{Dialect, Guest};
use crate::era::Era;

pub use conversion::Conversion;
pub use loss::Loss;
pub use plan::plan;

/// What to make of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvertOptions {
    /// The era of the result, and with it the dialect.
    pub to: Era,
    /// Keep the last copy of each page alone, in the order of pfns.
    pub compact: bool,
}

/// Between which dialects, and for whom.
#[derive(Clone, Copy, Debug)]
struct Route {
    from: Dialect,
    to: Dialect,
    /// What the source means, and what the result has to mean.
    eras: [Era; 2],
    guest: Guest,
}

impl Route {
    /// Nothing but pages may change.
    fn is_same(self) -> bool {
        self.from == self.to
    }
}
