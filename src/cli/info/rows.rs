//! What every section has: places in the file, and rows that are left out.

use std::fmt::Write as _;

use crate::cli::render::style::{DIM, Painted};

/// Rows of a table that fit on the screen.
pub(super) const ROWS: usize = 12;

/// Where something lies.
pub(super) fn at(offset: u64) -> Painted<String> {
    Painted(DIM, format!("at byte {offset}"))
}

/// What is left out.
pub(super) fn more(out: &mut String, count: usize, of: &str) {
    if count > 0 {
        let _ = writeln!(
            out,
            "    {}",
            Painted(DIM, format!("and {count} more {of} (--format json)"))
        );
    }
}
