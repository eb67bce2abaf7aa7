//! The few colours of the output.
//!
//! Text is always rendered with them. [`stdout`] and [`stderr`] take them out again where nobody
//! could see them: in files and pipes, with `NO_COLOR` or `TERM=dumb`.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use ia64save::files::STDOUT;

use super::screen;
use super::wrap::Wrapped;

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

/// Standard output as people look at it.
pub type Screen = Wrapped<anstream::AutoStream<io::StdoutLock<'static>>>;

/// Standard output, coloured where that can be seen, in lines that fit. Errors name it.
pub fn stdout() -> Named<Screen> {
    let inner = anstream::AutoStream::auto(io::stdout().lock());
    Named {
        inner: Wrapped::new(inner, screen::width(), !screen::unicode()),
        tells: false,
    }
}

/// Standard output for JSON, in which nothing is coloured. Errors name it.
pub fn plain_stdout() -> Named<io::StdoutLock<'static>> {
    Named {
        inner: io::stdout().lock(),
        tells: false,
    }
}

/// Standard output whose errors say so. A reader that went away has seen what it wanted: what it is told
/// after that is nobody's loss, and the exit code still says how the command ended.
pub struct Named<W> {
    inner: W,
    /// Says so when the reader has gone.
    tells: bool,
}

impl<W> Named<W> {
    /// Has it say when the reader has gone, for who would go on for long.
    #[must_use]
    pub fn telling(mut self) -> Self {
        self.tells = true;
        self
    }

    fn is_no_loss(&self, error: &io::Error) -> bool {
        !self.tells && is_gone(error)
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.inner.write(bytes) {
            Err(error) if self.is_no_loss(&error) => Ok(bytes.len()),
            written => written.map_err(named),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.inner.flush() {
            Err(error) if self.is_no_loss(&error) => Ok(()),
            flushed => flushed.map_err(named),
        }
    }
}

/// Whether an error says that the reader has gone.
pub fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Nothing is wrong where only the reader has gone.
pub fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
}

#[allow(clippy::needless_pass_by_value)] // it is what map_err has
fn named(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{STDOUT}: {error}"))
}

/// Text from elsewhere, such as the name of a file or of a domain, for a terminal: what would move the
/// cursor or change colours is shown as its number.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return text.into();
    }
    text.chars()
        .fold(String::new(), |mut safe, char| {
            if is_obeyed(char) {
                safe.extend(char.escape_default());
            } else {
                safe.push(char);
            }
            safe
        })
        .into()
}

/// What a terminal obeys rather than shows; lines may end.
fn is_obeyed(char: char) -> bool {
    char.is_control() && char != '\n'
}

/// Standard error, coloured where that can be seen, in lines that fit.
pub fn stderr() -> Wrapped<anstream::AutoStream<io::StderrLock<'static>>> {
    let inner = anstream::AutoStream::auto(io::stderr().lock());
    Wrapped::new(inner, screen::error_width(), !screen::unicode())
}

/// Says what is wrong with an input that is read all the same.
pub fn warn(text: &str) -> io::Result<()> {
    let warning = Painted(WARNING, "warning");
    writeln!(stderr(), "ia64save: {warning}: {}", safe(text))
}

/// Something to print in a style.
#[derive(Clone, Copy, Debug)]
pub struct Painted<T>(pub Style, pub T);

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Painted(style, content) = self;
        write!(f, "{style}")?;
        let text = content.to_string();
        // Names from elsewhere mostly reach the screen this way.
        if text.contains(is_obeyed) {
            f.pad(&safe(&text))?;
        } else {
            content.fmt(f)?;
        }
        write!(f, "{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(safe("a\u{1b}[31m\n\u{7}b"), "a\\u{1b}[31m\n\\u{7}b");
        let painted = Painted(VALUE, "\u{7}").to_string();
        assert_eq!(painted, "\\u{7}");
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
