//! The few colours of the output.
//!
//! Text is always rendered with them. [`stdout`] and [`stderr`] take them out again where nobody
//! could see them: in files and pipes, with `NO_COLOR` or `TERM=dumb`.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, Write};

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

/// What standard output is called in messages.
pub const STDOUT: &str = "standard output";

/// Standard output, coloured where that can be seen. Errors name it.
pub fn stdout() -> Named<anstream::AutoStream<io::StdoutLock<'static>>> {
    Named(anstream::AutoStream::auto(io::stdout().lock()))
}

/// Standard output for JSON, in which nothing is coloured. Errors name it.
pub fn plain_stdout() -> Named<io::StdoutLock<'static>> {
    Named(io::stdout().lock())
}

/// Standard output whose errors say so.
pub struct Named<W>(W);

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(named)
    }
}

#[allow(clippy::needless_pass_by_value)] // it is what map_err has
fn named(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{STDOUT}: {error}"))
}

/// Text from elsewhere, such as the name of a file or of a domain, for a terminal: what would move the
/// cursor or change colours is shown as its number.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    text.chars()
        .fold(String::new(), |mut safe, char| {
            if char.is_control() {
                safe.extend(char.escape_default());
            } else {
                safe.push(char);
            }
            safe
        })
        .into()
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
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(safe("a\u{1b}[31m\n\u{7}b"), "a\\u{1b}[31m\\n\\u{7}b");
        assert!(matches!(safe("größe 1"), Cow::Borrowed("größe 1")));
    }

    #[test]
    fn a_plain_style_leaves_no_trace_and_width_is_that_of_the_content() {
        assert_eq!(Painted(VALUE, "x").to_string(), "x");
        let text = format!("{:>4}", Painted(OK, "x"));
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "   x");
        assert_ne!(text, "   x");
    }
}
