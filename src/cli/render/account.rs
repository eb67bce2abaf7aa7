//! The account of what was done, of a command that writes an image: on standard output, or on standard
//! error where the image itself goes to standard output.

use std::io::{self, Write};
use std::path::Path;

use ia64save::files::is_stdout;
use serde::Serialize;

use super::json::{line, print_json};
use super::style;
use crate::cli::args::Format;

/// Prints the account beside what was written to `out`.
pub fn print<D: Serialize>(
    out: Option<&Path>,
    format: Format,
    text: impl FnOnce() -> String,
    value: impl FnOnce() -> D,
) -> io::Result<()> {
    let taken = out.is_some_and(is_stdout);
    match (format, taken) {
        (Format::Text, false) => write!(style::stdout(), "{}", text()),
        (Format::Text, true) => write!(style::stderr(), "{}", text()),
        (_, false) => print_json(&value(), format),
        (_, true) => writeln!(io::stderr(), "{}", line(&value())?),
    }
}
