//! An inventory of many images: which files there are, and a row for each.
//!
//! | file | what |
//! |---|---|
//! | `walk` | the files named, and those in folders |
//! | `row` | what a row says, and the columns of a table |

mod row;
mod walk;

pub use row::{COLUMNS, Kind, row};
pub use walk::{EXTENSIONS, File, PACKED, files, name};
