//! From one dialect or era to another, and from many copies of a page to one (spec 12.3).
//!
//! [`plan`] looks at an image and says what would become of it: a [`Conversion`], which knows every
//! [`Loss`] and its own size before a byte has been written. [`Conversion::write`] then streams it
//! through the [`Encoder`](crate::encode::Encoder): pages are borrowed from the image, the small
//! sections alone are built anew.
//!
//! | file | what lives there |
//! |---|---|
//! | `plan` | [`plan`]: which checkpoints, and who converts what |
//! | `conversion` | [`Conversion`]: losses, notes, size, bytes |
//! | `read_back` | [`Conversion::read_as`]: what a reader will take the result for |
//! | `loss` | [`Loss`], [`Note`] |
//! | `alike` | whether two eras mean the same by the same bytes |
//! | `fields` | carrying fields of one name from one layout to another |
//! | `head`, `memmap`, `unallocated`, `pages`, `tail` | the parts, in the order of the stream |
//! | `context`, `privregs`, `shared_info`, `magic`, `blob` | what the tail is made of |
//!
//! # Eras
//! The dialects of both ends say where a field is, their [eras](crate::era) what it means. The result is
//! what a hypervisor of the target's era would have given for the same guest, as far as that can be told,
//! and nothing of the source's that it would take for the guest's: heap that was never filled, region
//! registers that mean "none", pins of another privilege level. Between two eras of one dialect the same
//! is done, which is often nothing.
//!
//! # What is a loss
//! A piece of information that the result does not carry, or that its restore does not give back to the
//! vcpu, under its path in the source; or one that had to be made up, under its path in the result. Zero
//! is no information, nor is padding, nor a translation register that holds nothing; nor is what the
//! privregs page says as well. So a conversion there and back restores every field that neither way has
//! named. What is written otherwise and means the same is a [`Note`]; so is what the source does not say,
//! where something had to be taken for it.
//!
//! # What stays as it is
//! In the same era, and in one that [means the same](mean_the_same), everything does, byte for byte,
//! trailing bytes too. An image that eras explain which mean different things is converted from the one
//! that it was read as ([`Detection::best_era`](crate::detect::Detection::best_era)), and a note says
//! so. Guest memory is never touched: the start_info page keeps the layout that its kernel was built
//! with (spec 9.3). Padding is kept where both sides have it and neither clears it.
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
//! let options = convert::ConvertOptions::to(Era::D11B).compact(true);
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

mod alike;
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
mod read_back;
mod shared_info;
mod tail;
mod unallocated;

use crate::dialect::{Dialect, Guest};
use crate::era::{Era, Spec};

pub use alike::mean_the_same;
pub use conversion::Conversion;
pub use loss::{Loss, Note};
pub use plan::plan;

/// What to make of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConvertOptions {
    /// The era of the result, and with it the dialect.
    pub to: Era,
    /// Keep the last copy of each page alone, in the order of pfns.
    pub compact: bool,
}

impl ConvertOptions {
    /// Every record, as that era has it.
    pub fn to(era: impl Into<Era>) -> Self {
        ConvertOptions {
            to: era.into(),
            compact: false,
        }
    }

    /// Whether to keep the last copy of each page alone.
    #[must_use]
    pub fn compact(mut self, compact: bool) -> Self {
        self.compact = compact;
        self
    }
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
    /// Nothing but pages may change: the eras are one, or mean the same.
    fn is_same(self) -> bool {
        self.eras[0] == self.eras[1]
    }

    /// The parts that a dialect fixes stay as they are.
    fn is_one_dialect(self) -> bool {
        self.from == self.to
    }

    /// The row of the source.
    fn old_spec(self) -> &'static Spec {
        self.eras[0].spec()
    }

    /// The row of the result.
    fn new_spec(self) -> &'static Spec {
        self.eras[1].spec()
    }
}
