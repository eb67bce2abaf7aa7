//! Lines that fit.
//!
//! Whatever is shown passes through a [`Wrapped`]. A line that is too long goes on in the next, below where its
//! text began: behind the label if it has one, otherwise somewhat further in.

use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use super::screen;

/// Most of a screen that a label may take, so that what follows it has room: one part of so many.
const LABEL: usize = 2;

/// Wraps lines at words, and replaces what a terminal without UTF-8 cannot draw.
pub struct Wrapped<W: Write> {
    inner: W,
    width: Option<usize>,
    ascii: bool,
    /// A line whose end has not come.
    line: Vec<u8>,
}

impl<W: Write> Wrapped<W> {
    /// Lines of `width` columns at most, where there is such a bound.
    pub fn new(inner: W, width: Option<usize>, ascii: bool) -> Self {
        Wrapped {
            inner,
            width,
            ascii,
            line: Vec::new(),
        }
    }

    fn passes(&self) -> bool {
        self.width.is_none() && !self.ascii
    }

    fn end(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let text = if self.ascii {
            drawn(&text)
        } else {
            text.into_owned()
        };
        let text = match self.width {
            Some(width) => wrapped(&text, width),
            None => text,
        };
        self.inner.write_all(text.as_bytes())
    }
}

impl<W: Write> Write for Wrapped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.passes() {
            return self.inner.write(bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.end()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end()?;
        self.inner.flush()
    }
}

impl<W: Write> Drop for Wrapped<W> {
    fn drop(&mut self) {
        // Whoever needs to know flushes.
        let _ = self.end();
    }
}

/// Text in which everything drawn is ASCII.
fn drawn(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, letter| {
        match screen::ascii(letter) {
            Some(other) => out.push_str(other),
            None => out.push(letter),
        }
        out
    })
}

/// A piece of a line: what is obeyed has no width.
struct Piece<'a> {
    text: &'a str,
    width: usize,
    blank: bool,
}

/// Blanks, words and escape sequences, in their order.
fn pieces(line: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (len, width, blank) = if let Some(escape) = rest.strip_prefix('\x1b') {
            let end = escape.find(|letter: char| letter.is_ascii_alphabetic());
            (end.map_or(rest.len(), |end| end + 2), 0, false)
        } else if rest.starts_with(' ') {
            let len = rest.find(|letter| letter != ' ').unwrap_or(rest.len());
            (len, len, true)
        } else {
            let len = rest.find([' ', '\x1b']).unwrap_or(rest.len());
            (len, width(&rest[..len]), false)
        };
        let (text, after) = rest.split_at(len);
        pieces.push(Piece { text, width, blank });
        rest = after;
    }
    pieces
}

/// Columns that a text takes, escape sequences aside.
pub fn width(text: &str) -> usize {
    let mut escaped = false;
    let mut columns = 0;
    for letter in text.chars() {
        match (escaped, letter) {
            (false, '\x1b') => escaped = true,
            (true, letter) => escaped = !letter.is_ascii_alphabetic(),
            (false, letter) => columns += letter.width().unwrap_or(0),
        }
    }
    columns
}

/// Where a line goes on: behind `label  `, or somewhat further in than it began.
fn hanging(pieces: &[Piece<'_>], columns: usize) -> usize {
    let mut at = 0;
    let mut indent = 0;
    for piece in pieces {
        if piece.blank && at == indent && indent == 0 {
            indent = piece.width;
        } else if piece.blank && piece.width >= 2 && at > indent {
            let value = at + piece.width;
            if value * LABEL <= columns {
                return value;
            }
            break;
        }
        at += piece.width;
    }
    (indent + 2).min(columns / 3)
}

/// A line, its end included, in lines of at most `columns`.
fn wrapped(line: &str, columns: usize) -> String {
    let (text, end) = match line.strip_suffix('\n') {
        Some(text) => (text, "\n"),
        None => (line, ""),
    };
    if width(text) <= columns {
        return line.to_owned();
    }
    let indent = hanging(&pieces(text), columns);
    filled(text, columns, indent) + end
}

/// A text without ends of lines, in lines of at most `columns` that begin at the left.
pub fn paragraph(text: &str, columns: usize) -> String {
    filled(text, columns, 0)
}

fn filled(text: &str, columns: usize, indent: usize) -> String {
    let pieces = pieces(text);
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    // Blanks are written once it is known that a word follows on the same line.
    let mut gap = 0;
    // Whether a word stands in this line.
    let mut filled = false;
    let mut index = 0;
    while index < pieces.len() {
        let piece = &pieces[index];
        index += 1;
        if piece.blank {
            if filled || at == 0 {
                gap += piece.width;
            }
            continue;
        }
        // A word may have escape sequences within it.
        let rest = pieces[index..].iter().take_while(|next| !next.blank);
        let word = piece.width + rest.map(|next| next.width).sum::<usize>();
        if filled && piece.width > 0 && at + gap + word > columns && starts_word(&pieces, index - 1)
        {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            (at, gap, filled) = (indent, 0, false);
        }
        if piece.width > 0 {
            if at + gap >= columns {
                // A place that is beyond the screen.
                gap = indent.saturating_sub(at);
            }
            out.extend(std::iter::repeat_n(' ', gap));
            at += gap;
            gap = 0;
            filled = true;
        }
        for letter in piece.text.chars() {
            let own = if piece.width == 0 {
                0
            } else {
                letter.width().unwrap_or(0)
            };
            if at + own > columns && own > 0 {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                at = indent;
            }
            out.push(letter);
            at += own;
        }
    }
    out
}

/// Whether a blank stands before a piece, escape sequences aside.
fn starts_word(pieces: &[Piece<'_>], index: usize) -> bool {
    let before = pieces[..index].iter().rev();
    before
        .take_while(|piece| piece.width == 0 || piece.blank)
        .any(|piece| piece.blank)
}

/// A text of several words in lines of at most `columns`, without their ends.
pub fn lines(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word.to_owned();
        if !line.is_empty() && width(&line) + 1 + width(&word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        while width(&word) > columns {
            let cut = cut_at(&word, columns);
            let rest = word.split_off(cut);
            lines.push(std::mem::replace(&mut word, rest));
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// How many bytes of a text fit into `columns`; one letter at least.
fn cut_at(text: &str, columns: usize) -> usize {
    let mut at = 0;
    for (index, letter) in text.char_indices() {
        at += letter.width().unwrap_or(0);
        if at > columns && index > 0 {
            return index;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::style::{LABEL as CYAN, Painted};
    use proptest::prelude::*;

    fn through(text: &str, columns: usize, ascii: bool) -> String {
        let mut out = Vec::new();
        let mut wrapped = Wrapped::new(&mut out, Some(columns), ascii);
        wrapped.write_all(text.as_bytes()).unwrap();
        wrapped.flush().unwrap();
        drop(wrapped);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_goes_on_behind_its_label() {
        assert_eq!(
            through("  because  one two three four\n", 20, false),
            "  because  one two\n    three four\n"
        );
        assert_eq!(
            through("  by  one two three four\nshort\n", 16, false),
            "  by  one two\n      three four\nshort\n"
        );
    }

    #[test]
    fn a_word_that_is_too_long_is_cut() {
        assert_eq!(through("abcdefghij", 4, false), "abcd\n efg\n hij");
    }

    #[test]
    fn colours_have_no_width_and_stay() {
        let text = format!("{} word word", Painted(CYAN, "label"));
        let out = through(&text, 10, false);
        assert_eq!(
            anstream::adapter::strip_str(&out).to_string(),
            "label word\n  word"
        );
        assert_eq!(out.matches('\x1b').count(), text.matches('\x1b').count());
    }

    #[test]
    fn what_is_drawn_is_drawn_in_ascii() {
        assert_eq!(through("█░ é …\n", 20, true), "#. é ...\n");
    }

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(width("日本"), 4);
        assert_eq!(lines("日本 日本", 5), ["日本", "日本"]);
        assert_eq!(lines("日本日", 4), ["日本", "日"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_no_word_is_lost(text in "[ a-z日█\n]{0,200}", columns in 8usize..60) {
            let out = through(&text, columns, false);
            for line in out.lines() {
                prop_assert!(width(line) <= columns, "{line:?}");
            }
            let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&out), letters(&text));
            for line in lines(&text.replace('\n', " "), columns) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
        }
    }
}
