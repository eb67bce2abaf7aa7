//! What a person could read in memory.

use alloc::string::String;

use super::Memory;

/// Printable characters in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The pfn of the first.
    pub pfn: u64,
    /// The first within its page.
    pub in_page: usize,
    /// File offset of the first.
    pub offset: u64,
    /// The characters. What is longer than [`Texts::MOST`] comes in pieces.
    pub text: String,
}

/// Finds rows of printable ASCII, across neighbouring pages too.
#[derive(Clone, Copy, Debug)]
pub struct Texts {
    least: usize,
}

impl Texts {
    /// Most characters of one piece.
    pub const MOST: usize = 4096;

    /// Rows of at least so many characters.
    pub fn new(least: usize) -> Self {
        let least = least.clamp(1, Self::MOST);
        Texts { least }
    }

    /// Tells every row, ascending by address, until `tell` says `false`.
    pub fn search(self, memory: &Memory<'_>, tell: &mut dyn FnMut(Text) -> bool) {
        let mut row: Option<Text> = None;
        let mut next = None;
        for (pfn, offset, page) in memory.each() {
            if next != Some(pfn) && !self.end(&mut row, tell) {
                return;
            }
            next = pfn.checked_add(1);
            for (in_page, byte) in page.iter().enumerate() {
                let printable = matches!(byte, b' '..=b'~' | b'\t');
                if printable {
                    let row = row.get_or_insert_with(|| Text {
                        pfn,
                        in_page,
                        offset: offset + in_page as u64,
                        text: String::new(),
                    });
                    row.text.push(char::from(*byte));
                }
                let full = row.as_ref().is_some_and(|row| row.text.len() >= Self::MOST);
                if (!printable || full) && row.is_some() && !self.end(&mut row, tell) {
                    return;
                }
            }
        }
        self.end(&mut row, tell);
    }

    fn end(self, row: &mut Option<Text>, tell: &mut dyn FnMut(Text) -> bool) -> bool {
        match row.take() {
            Some(row) if row.text.len() >= self.least => tell(row),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::image;
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn a_row_goes_on_in_the_next_page() {
        let image = image(&[
            (1, b"o you\0\0h"),
            (0, b"\x01\x02\x03hell "),
            (2, b"i\0abc\xffde"),
        ]);
        let mut rows = Vec::new();
        Texts::new(3).search(&Memory::new(&image, 0), &mut |row| {
            rows.push((row.pfn, row.in_page, row.offset, row.text));
            true
        });
        assert_eq!(
            rows,
            vec![(0, 3, 11, "hell o you".into()), (2, 2, 18, "abc".into())]
        );
    }
}
