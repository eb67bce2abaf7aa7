//! What the states of a page look like on a map.

use anstyle::{AnsiColor, Style};
use ia64save_codec::image::{Extent, State};

use super::screen;
use super::style::{DIM, ERROR, WARNING};

/// How a state looks: most telling first, which decides what a cell of several shows. No two have the same
/// shape, here or in ASCII, and the hues are those that the colour-blind tell apart.
pub const LOOKS: [(&str, Glyph, Style); 8] = [
    ("hole", Glyph('!', '!'), ERROR),
    ("sent again", Glyph('▚', '%'), WARNING),
    ("sent", Glyph('█', '#'), BLUE),
    ("zero", Glyph('░', '.'), BLUE),
    ("ballooned out", Glyph('▁', '_'), PALE),
    ("unallocated", Glyph('·', '-'), PALE),
    ("unread", Glyph('?', '?'), ERROR),
    ("not RAM", Glyph(' ', ' '), DIM),
];

const BLUE: Style = AnsiColor::BrightBlue.on_default();
const PALE: Style = AnsiColor::White.on_default().dimmed();

/// What is drawn, where it can be, and in ASCII.
#[derive(Clone, Copy, Debug)]
pub struct Glyph(pub char, pub char);

impl Glyph {
    /// What the screen has.
    pub fn shown(self) -> char {
        if screen::unicode() { self.0 } else { self.1 }
    }
}

/// The row of [`LOOKS`] that an extent has.
pub fn look(extent: &Extent) -> usize {
    match (extent.state, extent.zero) {
        (State::Hole, _) => 0,
        (State::Sent | State::SentAgain, _) if extent.listed => 4,
        (State::Sent | State::SentAgain, Some(true)) => 3,
        (State::SentAgain, _) => 1,
        (State::Sent, _) => 2,
        (State::Unallocated, _) => 5,
        (State::Unread, _) => 6,
        (State::NotRam, _) => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn shapes_differ() {
        for ascii in [false, true] {
            let shapes = LOOKS.map(|(_, Glyph(drawn, plain), _)| if ascii { plain } else { drawn });
            assert_eq!(BTreeSet::from(shapes).len(), LOOKS.len());
            assert!(!ascii || shapes.iter().all(char::is_ascii));
        }
    }
}
