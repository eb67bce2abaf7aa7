//! One line of a hex dump with the bytes that matter marked, for findings. Ours: no crate puts carets below bytes.

use std::fmt;
use std::ops::Range;

use super::screen;
use super::style::{ADDRESS, DIM, ERROR, Painted};

/// Bytes of a line on a screen of so many columns.
fn bytes_of_a_line(columns: Option<usize>) -> u64 {
    match columns {
        Some(..48) => 4,
        Some(..80) => 8,
        _ => 16,
    }
}

/// A line of a hex dump, and a second line with carets below the bytes that are marked.
///
/// ```text
/// 0x00000010  00 40 00 00 00 00 00 00  07 00 00 00 00 00 00 00  .@..............
///                                      ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^
/// ```
#[derive(Clone, Debug)]
pub struct HexLine<'a> {
    line: Range<u64>,
    mark: Range<u64>,
    base: u64,
    bytes: &'a [u8],
    /// Bytes of a line.
    width: u64,
}

impl<'a> HexLine<'a> {
    /// Which bytes of the input the line wants to show; fewer will do, at its end for example.
    ///
    /// A line starts at a multiple of its length as long as the marked bytes fit into it then. Where
    /// nothing can be marked because the input ends, the line shows what stands before the end.
    pub fn wants(mark: &Range<u64>, end: u64) -> Range<u64> {
        Self::of(mark, end, bytes_of_a_line(screen::width()))
    }

    fn of(mark: &Range<u64>, end: u64, width: u64) -> Range<u64> {
        let len = mark.end.saturating_sub(mark.start);
        let mut start = mark.start - mark.start % width;
        if start < mark.start && mark.start - start + len > width {
            start = mark.start;
        } else if mark.start >= end {
            // The caret stands in the column of the byte that is missing.
            start = end.saturating_sub(width / 2).min(start);
        }
        start..start.saturating_add(width)
    }

    /// A line around `mark` from `bytes`, which stand in the input at offset `base`. `end` is where
    /// the input ends. An empty `mark` marks the place where something is missing.
    pub fn new(base: u64, bytes: &'a [u8], mark: Range<u64>, end: u64) -> Self {
        Self::with(base, bytes, mark, end, bytes_of_a_line(screen::width()))
    }

    fn with(base: u64, bytes: &'a [u8], mark: Range<u64>, end: u64, width: u64) -> Self {
        let mark = if mark.start > end { end..end } else { mark };
        let line = Self::of(&mark, end, width);
        HexLine {
            line,
            mark,
            base,
            bytes,
            width,
        }
    }

    fn byte(&self, at: u64) -> Option<u8> {
        let index = usize::try_from(at.checked_sub(self.base)?).ok()?;
        self.bytes.get(index).copied()
    }

    fn marked(&self, at: u64) -> bool {
        self.mark.contains(&at) || self.mark.start == at
    }

    /// The offsets of the line, with whether a wider gap stands before them.
    fn columns(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let (start, width) = (self.line.start, self.width);
        self.line.clone().map(move |at| {
            let half = width == 16 && at - start == 8;
            (at, if half { "  " } else { " " })
        })
    }
}

impl fmt::Display for HexLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = format!("{:#010x}", self.line.start);
        write!(f, "{} ", Painted(ADDRESS, &offset))?;
        for (at, gap) in self.columns() {
            match self.byte(at) {
                Some(byte) if self.marked(at) => {
                    write!(f, "{gap}{}", Painted(ERROR, format_args!("{byte:02x}")))?;
                }
                Some(byte) => write!(f, "{gap}{byte:02x}")?,
                None => write!(f, "{gap}  ")?,
            }
        }
        f.write_str("  ")?;
        let text = self
            .line
            .clone()
            .filter_map(|at| Some((at, self.byte(at)?)));
        for (at, byte) in text {
            let printable = byte.is_ascii_graphic() || byte == b' ';
            let shown = if printable { char::from(byte) } else { '.' };
            match (self.marked(at), printable) {
                (true, _) => write!(f, "{}", Painted(ERROR, shown))?,
                (false, true) => write!(f, "{shown}")?,
                (false, false) => write!(f, "{}", Painted(DIM, shown))?,
            }
        }
        let mut carets = " ".repeat(offset.len() + 1);
        for (at, gap) in self.columns() {
            carets += gap;
            carets += if self.marked(at) { "^^" } else { "  " };
        }
        let carets = carets.trim_end();
        write!(f, "\n{}", Painted(ERROR, carets))?;
        let hidden = self.mark.end.saturating_sub(self.line.end);
        if hidden > 0 {
            write!(f, " +{hidden}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(base: u64, bytes: &[u8], mark: Range<u64>) -> String {
        let line = HexLine::new(base, bytes, mark, base + bytes.len() as u64);
        anstream::adapter::strip_str(&line.to_string()).to_string()
    }

    #[test]
    fn carets_stand_below_the_marked_bytes() {
        let bytes: Vec<u8> = (0x30..0x70).collect();
        assert_eq!(
            plain(0x100, &bytes, 0x116..0x11a),
            "0x00000110  40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f  @ABCDEFGHIJKLMNO\n\
             \u{20}                             ^^ ^^  ^^ ^^"
        );
    }

    #[test]
    fn a_field_across_two_lines_gets_a_line_of_its_own() {
        let bytes: Vec<u8> = (0..64).collect();
        assert_eq!(
            plain(0, &bytes, 12..20),
            "0x0000000c  0c 0d 0e 0f 10 11 12 13  14 15 16 17 18 19 1a 1b  ................\n\
             \u{20}           ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^"
        );
        assert_eq!(
            plain(0, &bytes, 16..40),
            "0x00000010  10 11 12 13 14 15 16 17  18 19 1a 1b 1c 1d 1e 1f  ................\n\
             \u{20}           ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^  ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^ +8"
        );
    }

    #[test]
    fn a_narrow_screen_has_fewer_bytes_in_a_line() {
        let bytes: Vec<u8> = (0x40..0x60).collect();
        let line = |columns| {
            let width = bytes_of_a_line(Some(columns));
            let line = HexLine::with(0, &bytes, 8..16, 32, width).to_string();
            anstream::adapter::strip_str(&line).to_string()
        };
        assert_eq!(
            line(60),
            "0x00000008  48 49 4a 4b 4c 4d 4e 4f  HIJKLMNO\n\
             \u{20}           ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^"
        );
        assert_eq!(
            line(40),
            "0x00000008  48 49 4a 4b  HIJK\n            ^^ ^^ ^^ ^^ +4"
        );
    }

    #[test]
    fn an_empty_mark_at_the_end_points_behind_the_last_byte() {
        assert_eq!(
            plain(0, b"abcdefghijklmnop", 16..16),
            "0x00000008  69 6a 6b 6c 6d 6e 6f 70                           ijklmnop\n\
             \u{20}                                    ^^"
        );
        assert_eq!(
            plain(0, b"abc", 3..3),
            "0x00000000  61 62 63                                          abc\n\
             \u{20}                    ^^"
        );
        let nothing = " ".repeat(52);
        assert_eq!(
            plain(0, b"", 0..0),
            format!("0x00000000{nothing}\n            ^^")
        );
    }

    #[test]
    fn the_marked_bytes_are_coloured() {
        let line = HexLine::new(0, b"\x00abc", 1..2, 4).to_string();
        assert!(line.contains(&Painted(ERROR, "61").to_string()));
        assert!(!line.contains(&Painted(ERROR, "62").to_string()));
    }

    #[test]
    fn offsets_at_the_end_of_the_world_do_not_overflow() {
        for mark in [u64::MAX - 1..u64::MAX, u64::MAX..u64::MAX, 0..u64::MAX] {
            let line = HexLine::new(0, b"abc", mark, 3);
            assert!(!line.to_string().is_empty());
        }
    }
}
