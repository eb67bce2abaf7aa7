//! An image as a tree that people edit, and the way back to the same bytes.
//!
//! | file | what lives there |
//! |---|---|
//! | `node` | [`Node`]: maps, lists, numbers and texts, free of any notation |
//! | `look` | reading a tree that somebody may have edited: [`Problem`] says what is wrong, and where |
//! | `structure` | structures and sections as maps, by their [`Layout`](crate::wire::Layout) |
//! | `pfns` | lists of pfns as ranges: `"0x0-0x6f"` |
//! | `seal` | [`Seal`]: which files belong to a tree |
//! | `envelope`, `memmap`, `checkpoint`, `vcpumap`, `hvm_context`, `behind` | a part each, both ways |
//! | `stream` | [`Stream`]: what a tree describes |
//! | `limits` | what a reader would refuse is not written |
//! | `write` | [`of_file()`]: a file to a tree |
//! | `read` | [`read()`]: a tree to a [`Stream`] |
//!
//! ```text
//! SaveFile --of_file--> Node ...(JSON, YAML, an editor)... Node --read--> Stream --write--> bytes
//!     |                                                                     ^
//!     +----- pages in stream order, device model: files beside the tree ----+
//! ```
//!
//! The tree holds everything but page contents and what stands behind the stream. Fields have the
//! names of `spec/layout`; what no field covers (the rest of a page, bytes behind the last record)
//! stands under `rest` where it is not zero, and padding is shown where it is not zero, so that
//! garbage comes back too. What is left out of the tree is zero.

mod behind;
mod checkpoint;
mod envelope;
mod hvm_context;
mod limits;
mod look;
mod memmap;
mod node;
mod pfns;
mod read;
mod seal;
mod stream;
mod structure;
mod vcpumap;
mod write;

pub use behind::Behind;
pub use hvm_context::body_layout;
pub use look::Problem;
pub use node::Node;
pub use read::{Parts, read};
pub use seal::Seal;
pub use stream::Stream;
pub use write::{Names, Tree, of_file};

/// What the first field of a tree says.
pub const SCHEMA: &str = "ia64save/tree/1";
