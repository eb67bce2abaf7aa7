//! The account of what was done, of a command that writes an image: on standard output, or on standard
//! error where the image itself goes to standard output.

use std::io::{self, Write};
use std::path::Path;

use ia64save::files::is_stdout;
use serde_json::Value;

use super::json::print_json;
use super::{screen, style};
use crate::cli::args::Format;
use crate::cli::exit::Failure;

/// Prints the account beside what was written to `out`.
pub fn print(
    out: Option<&Path>,
    format: Format,
    text: impl FnOnce() -> String,
    value: impl FnOnce() -> Value,
) -> io::Result<()> {
    let taken = out.is_some_and(is_stdout);
    match (format, taken) {
        (Format::Text, false) => write!(style::stdout(), "{}", text()),
        (Format::Text, true) => write!(style::stderr(), "{}", text()),
        (_, false) => print_json(vec![value()], format),
        (_, true) => writeln!(io::stderr(), "{}", value()),
    }
}

/// Refuses to write what nobody can read to a terminal.
pub fn spare_terminal(out: &Path) -> Result<(), Failure> {
    if screen::is_terminal(out) {
        let text = "what would be written is binary, which a terminal cannot show: choose a file with -o, or \
                    send it into a pipe";
        return Err(Failure::Usage(text.into()));
    }
    Ok(())
}
