//! Bytes in memory, across neighbouring pages too.

use alloc::vec::Vec;

use memchr::memmem;

use super::Memory;
use crate::size::place;

/// Where the bytes were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The pfn of the first byte.
    pub pfn: u64,
    /// The guest physical address of the first byte; `None` beyond 64 bits.
    pub address: Option<u64>,
    /// The first byte within its page.
    pub in_page: usize,
    /// File offset of the first byte.
    pub offset: u64,
    /// The bytes go on in the next page, whose place in the file is another.
    pub crosses: bool,
}

/// Looks for bytes page by page.
///
/// ```text
///   page n          | page n+1
///   ........[needle | needle].....[needle]....
///   \___ tail _____/ \__ head __/
/// ```
/// A page is searched as it is. What may begin in the pages before it and end in this one is searched
/// in a copy of the last `needle - 1` bytes before the page and its first `needle - 1`.
#[derive(Debug)]
pub struct Finder<'n> {
    needle: &'n [u8],
    finder: memmem::Finder<'n>,
}

impl<'n> Finder<'n> {
    /// For these bytes; `None` where there are none.
    pub fn new(needle: &'n [u8]) -> Option<Self> {
        let finder = memmem::Finder::new(needle);
        (!needle.is_empty()).then_some(Finder { needle, finder })
    }

    /// Tells every hit, ascending by address, until `tell` says `false`. Hits may overlap.
    pub fn search(&self, memory: &Memory<'_>, tell: &mut dyn FnMut(Hit) -> bool) {
        self.search_passing(memory, tell, &mut |_| ());
    }

    /// As [`Finder::search`], and says after each page how many bytes were passed.
    pub fn search_passing(
        &self,
        memory: &Memory<'_>,
        tell: &mut dyn FnMut(Hit) -> bool,
        passed: &mut dyn FnMut(usize),
    ) {
        let mut tail = Vec::new();
        let mut next = None;
        let most = self.needle.len() - 1;
        let mut joint = Vec::new();
        for (pfn, _, page) in memory.each() {
            if next != Some(pfn) {
                tail.clear();
            }
            next = pfn.checked_add(1);
            let size = place(memory.page_size());
            if !tail.is_empty() {
                joint.clear();
                joint.extend_from_slice(&tail);
                joint.extend_from_slice(&page[..most.min(page.len())]);
                // What ends before this page would have been found before.
                for at in self.all(&joint).take_while(|at| *at < tail.len()) {
                    let back = tail.len() - at;
                    let pages = back.div_ceil(size);
                    let in_page = pages * size - back;
                    if !self.tell(memory, pfn - pages as u64, in_page, tell) {
                        return;
                    }
                }
            }
            for at in self.all(page) {
                if !self.tell(memory, pfn, at, tell) {
                    return;
                }
            }
            if most <= page.len() {
                tail.clear();
                tail.extend_from_slice(&page[page.len() - most..]);
            } else {
                tail.extend_from_slice(page);
                tail.drain(..tail.len().saturating_sub(most));
            }
            passed(page.len());
        }
    }

    /// Every place, overlapping ones too.
    fn all<'h>(&'h self, bytes: &'h [u8]) -> impl Iterator<Item = usize> + 'h {
        let mut from = 0;
        core::iter::from_fn(move || {
            let at = from + self.finder.find(bytes.get(from..)?)?;
            from = at + 1;
            Some(at)
        })
    }

    fn tell(
        &self,
        memory: &Memory<'_>,
        pfn: u64,
        in_page: usize,
        tell: &mut dyn FnMut(Hit) -> bool,
    ) -> bool {
        let base = memory.run_of(pfn).map_or(0, |run| run.offset_of(pfn));
        let address = pfn.checked_mul(memory.page_size());
        tell(Hit {
            pfn,
            address: address.map(|address| address + in_page as u64),
            in_page,
            offset: base + in_page as u64,
            crosses: in_page + self.needle.len() > place(memory.page_size()),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::image::{Checkpoint, Image, Options, PageIndex};
    use alloc::vec;
    use bytes::Bytes;

    /// An image of pages of 8 bytes.
    pub fn image(pages: &[(u64, &[u8; 8])]) -> Image {
        let bytes: Vec<u8> = pages.iter().flat_map(|(_, page)| **page).collect();
        let mut image = Image::parse(&Bytes::new(), &Options::default());
        image.page_size = 8;
        image.data = Some(bytes.into());
        let pfns = pages.iter().map(|(pfn, _)| *pfn).collect();
        let mut checkpoint = Checkpoint::default();
        checkpoint.pages = PageIndex::of_bare_pages(0, 8, pfns);
        image.checkpoints = vec![checkpoint];
        image
    }

    fn places(image: &Image, needle: &[u8]) -> Vec<(u64, usize, u64, bool)> {
        let mut hits = Vec::new();
        let memory = Memory::new(image, 0);
        let finder = Finder::new(needle).unwrap();
        finder.search(&memory, &mut |hit| {
            assert_eq!(hit.address, Some(hit.pfn * 8 + hit.in_page as u64));
            hits.push((hit.pfn, hit.in_page, hit.offset, hit.crosses));
            true
        });
        hits
    }

    #[test]
    fn neighbours_in_memory_are_searched_as_one_wherever_they_are_in_the_file() {
        let image = image(&[(5, b"cdab..ab"), (4, b"...ababa"), (9, b"cd......")]);
        assert_eq!(places(&image, b"abc"), vec![]);
        assert_eq!(
            places(&image, b"ab"),
            vec![
                (4, 3, 11, false),
                (4, 5, 13, false),
                (5, 2, 2, false),
                (5, 6, 6, false)
            ]
        );
        assert_eq!(places(&image, b"acd"), vec![(4, 7, 15, true)]);
        assert_eq!(
            places(&image, b"aba"),
            vec![(4, 3, 11, false), (4, 5, 13, false)]
        );
    }

    #[test]
    fn what_is_longer_than_a_page_is_found() {
        let image = image(&[(0, b"01234567"), (1, b"89abcdef"), (2, b"ghijklmn")]);
        let all = b"0123456789abcdefghijklmn";
        for start in 0..24 {
            for end in start + 1..=24 {
                let expected = (
                    start as u64 / 8,
                    start % 8,
                    start as u64,
                    end > start / 8 * 8 + 8,
                );
                assert_eq!(
                    places(&image, &all[start..end]),
                    vec![expected],
                    "{start}..{end}"
                );
            }
        }
        assert!(Finder::new(b"").is_none());
    }

    #[test]
    fn the_caller_says_when_it_is_enough() {
        let image = image(&[(0, b"aaaaaaaa")]);
        let mut hits = 0;
        Finder::new(b"a")
            .unwrap()
            .search(&Memory::new(&image, 0), &mut |_| {
                hits += 1;
                hits < 3
            });
        assert_eq!(hits, 3);
    }
}
