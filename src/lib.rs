//! What a program around the save images of Xen on Itanium needs: opening files as the command line does, writing
//! them whole or not at all, and saying what is in them.
//!
//! What an image means is the business of [`codec`], which knows no file; this crate brings it files.
//!
//! ```
//! use ia64save::Options;
//!
//! let loaded = ia64save::open("tests/corpus/golden/realD2-pv.sav.zst", &Options::new())?;
//! let first = loaded.image().first().expect("a complete image");
//! assert_eq!(first.pages.distinct(), 253);
//! # Ok::<(), ia64save::Error>(())
//! ```
//!
//! Without its default features (`default-features = false`) this crate is that library alone: no parser of
//! arguments, no terminal. `document` adds what there is to say as JSON, and inventories; `migration` the
//! sockets of a migration.
//!
//! | module | what |
//! |---|---|
//! | [`open()`], [`from_reader`], [`Options`] | from a path, a pipe or a reader to a [`Loaded`] image |
//! | [`input`] | mapped files, pipes, compression |
//! | [`scan`] | page records, found by all processors |
//! | [`files`] | files that are there as a whole or not at all |
//! | [`progress`] | who is told how far it is |
//! | [`catalogue`] | what there is to know of each finding |
//! | [`document`] | what there is to say, as JSON |
//! | [`inventory`] | many images, a row for each |
//! | [`migration`] | sockets, secrets and the protocol between two hosts |
//! | [`signals`] | opt-in: what becomes of what is unfinished when the process is ended |

#![deny(missing_docs)]

pub mod catalogue;
#[cfg(feature = "document")]
pub mod document;
mod error;
pub mod files;
pub mod input;
#[cfg(feature = "document")]
pub mod inventory;
mod loaded;
#[cfg(feature = "migration")]
pub mod migration;
mod open;
pub mod progress;
pub mod scan;
pub mod signals;
#[cfg(feature = "document")]
pub mod tree;

pub use bytes;
pub use error::Error;
pub use ia64save_codec as codec;
pub use loaded::Loaded;
pub use open::{Options, from_reader, open};
