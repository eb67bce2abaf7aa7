//! An inventory of many images: which files there are, and a row for each.
//!
//! ```
//! use ia64save::Options;
//! use ia64save::inventory::{files, row};
//!
//! let found = files(&["tests/corpus/golden/realD2-pv.sav.zst".into()], false);
//! let row = row(&found[0], &Options::new());
//! assert_eq!(row.num_distinct, Some(253));
//! ```
//!
//! | file | what |
//! |---|---|
//! | `walk` | the files named, and those in folders |
//! | `row` | what a row says, and the columns of a table |

mod row;
mod walk;

pub use row::{COLUMNS, Kind, row};
pub use walk::{EXTENSIONS, File, PACKED, files, name};
