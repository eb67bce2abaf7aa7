//! Files that are written whole or not at all.
//!
//! ```
//! use std::io::Write as _;
//! use ia64save::files::OutputFile;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("out.sav");
//! let mut out = OutputFile::create(&path, false)?;
//! out.write_all(b"all of it")?;
//! assert!(!path.exists());
//! out.commit()?;
//! assert!(path.exists());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | file | what |
//! |---|---|
//! | `file` | [`OutputFile`]: takes its name when it is complete, or is standard output |
//! | `place` | where it takes its name, and what is in the way there |
//! | `draft` | a file that has no name yet |
//! | `packing` | zstd, gzip and xz on the way out |
//! | `assemble` | files made of pages, sparse and side by side; ours, as the holes are those of a guest's memory |
//! | `beside` | a file that belongs to a document |
//! | `held` | an image that is replaced by what is made of it |
//! | `durable` | whether what was written outlives the machine |
//! | `patient` | pipes whose reader may have stopped |
//! | `standard` | standard output, by whatever name |

mod assemble;
mod beside;
pub(crate) mod draft;
mod durable;
mod file;
mod held;
mod packing;
mod patient;
mod place;
mod standard;
#[cfg(test)]
mod tests;

pub use assemble::assemble;
pub use beside::{Beside, Placed};
pub use durable::{sync, sync_folder, unsafe_kind};
pub use file::OutputFile;
pub use held::Held;
pub use packing::{Compress, Packer, by_name};
pub use place::kept;
pub(crate) use place::{directory, named};
pub use standard::{STDOUT, is_stdout};
