//! What a person could read in memory.

use super::Memory;

/// Printable characters in a row, however many: where they are. [`Text::pieces`] gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// The pfn of the first.
    pub pfn: u64,
    /// The first within its page.
    pub in_page: usize,
    /// File offset of the first.
    pub offset: u64,
    /// How many there are. They go on in the next page where they reach the end of one.
    pub len: u64,
}

impl Text {
    /// The characters, page by page, borrowed from the image.
    pub fn pieces<'a>(self, memory: &Memory<'a>) -> impl Iterator<Item = &'a str> {
        let (mut pfn, mut from, mut left) = (self.pfn, self.in_page, self.len);
        core::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let rest = memory.page(pfn)?.get(from..)?;
            let count = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
            left -= count as u64;
            (pfn, from) = (pfn.wrapping_add(1), 0);
            core::str::from_utf8(&rest[..count]).ok()
        })
    }
}

/// Finds rows of printable ASCII, across neighbouring pages too. A row may be as long as memory: none is held.
#[derive(Clone, Copy, Debug)]
pub struct Texts {
    least: u64,
}

impl Texts {
    /// Rows of at least so many characters.
    pub fn new(least: usize) -> Self {
        let least = least.max(1) as u64;
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
                if matches!(byte, b' '..=b'~' | b'\t') {
                    let row = row.get_or_insert(Text {
                        pfn,
                        in_page,
                        offset: offset + in_page as u64,
                        len: 0,
                    });
                    row.len += 1;
                } else if row.is_some() && !self.end(&mut row, tell) {
                    return;
                }
            }
        }
        self.end(&mut row, tell);
    }

    fn end(self, row: &mut Option<Text>, tell: &mut dyn FnMut(Text) -> bool) -> bool {
        match row.take() {
            Some(row) if row.len >= self.least => tell(row),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::image;
    use super::*;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn a_row_goes_on_in_the_next_page() {
        let image = image(&[
            (1, b"o you\0\0h"),
            (0, b"\x01\x02\x03hell "),
            (2, b"i\0abc\xffde"),
        ]);
        let memory = Memory::new(&image, 0);
        let mut rows = Vec::new();
        Texts::new(3).search(&memory, &mut |row| {
            let text: String = row.pieces(&memory).collect();
            rows.push((row.pfn, row.in_page, row.offset, text));
            true
        });
        assert_eq!(
            rows,
            vec![(0, 3, 11, "hell o you".into()), (2, 2, 18, "abc".into())]
        );
    }

    #[test]
    fn a_row_is_as_long_as_it_is() {
        let image = image(&[(0, b"abcdefgh"), (1, b"abcdefgh"), (2, b"abcdefg\0")]);
        let memory = Memory::new(&image, 0);
        let mut rows = Vec::new();
        let mut tell = |row: Text| {
            rows.push((row.len, row.pieces(&memory).count()));
            true
        };
        Texts::new(23).search(&memory, &mut tell);
        Texts::new(24).search(&memory, &mut tell);
        assert_eq!(rows, [(23, 3)]);
    }
}
