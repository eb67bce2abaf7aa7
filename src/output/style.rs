//! The few colours of the output.
//!
//! Text is always rendered with them. [`stdout`] and [`stderr`] take them out again where nobody
//! could see them: in files and pipes, with `NO_COLOR` or `TERM=dumb`.

use std::fmt::{self, Display};
use std::io;

use anstyle::{AnsiColor, Style};

/// Headings of a section.
pub const HEADING: Style = Style::new().bold();
/// Names of fields.
pub const LABEL: Style = AnsiColor::Cyan.on_default();
/// What a field holds.
pub const VALUE: Style = Style::new();
/// Offsets, frame numbers, addresses.
pub const ADDRESS: Style = AnsiColor::Blue.on_default();
/// All is well.
pub const OK: Style = AnsiColor::Green.on_default().bold();
/// Something may be wrong.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Something is wrong.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What may be passed over.
pub const DIM: Style = Style::new().dimmed();

/// Standard output, coloured where that can be seen.
pub fn stdout() -> anstream::AutoStream<io::StdoutLock<'static>> {
    anstream::AutoStream::auto(io::stdout().lock())
}

/// Standard error, coloured where that can be seen.
pub fn stderr() -> anstream::AutoStream<io::StderrLock<'static>> {
    anstream::AutoStream::auto(io::stderr().lock())
}

/// Something to print in a style.
#[derive(Clone, Copy, Debug)]
pub struct Painted<T>(pub Style, pub T);

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Painted(style, content) = self;
        write!(f, "{style}")?;
        content.fmt(f)?;
        write!(f, "{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_style_leaves_no_trace_and_width_is_that_of_the_content() {
        assert_eq!(Painted(VALUE, "x").to_string(), "x");
        let text = format!("{:>4}", Painted(OK, "x"));
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "   x");
        assert_ne!(text, "   x");
    }
}
