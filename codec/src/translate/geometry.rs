//! How page tables are laid out.

/// Log2 of the bytes of an entry.
const ENTRY_LOG2: u32 = 3;
/// Bits of an address within its region.
pub(super) const IN_REGION: u64 = (1 << 61) - 1;
/// Sizes of pages with which Linux could be built, as powers of two.
pub(super) const PAGES: [u32; 4] = [12, 13, 14, 16];

/// The layout of the page tables of a Linux/ia64 kernel.
///
/// Every table takes a page, and has an entry of 8 bytes for each table below it or each page.
///
/// ```text
///          top                       middle           last          offset
/// region 5 va >> 36, 2048 entries    (va >> 25)&2047  (va>>14)&2047  va & 16383   16 KiB, 3 levels
/// others   region << 8 | (va>>36)&255
/// ```
/// The five regions of a process share its directory, an eighth of it each. With other sizes of pages
/// the shifts are `page + n * (page - 3)`, and with four levels there are two middle ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Log2 of the size of a page.
    pub page_log2: u32,
    /// Levels of tables, 3 or 4.
    pub levels: u32,
    /// The image does not say it: nothing is mapped by tables, or rr5 is not set.
    pub assumed: bool,
}

impl Geometry {
    /// Bytes of a page, and of a table.
    pub fn page_size(self) -> u64 {
        1 << self.page_log2
    }

    /// Entries of a table.
    pub fn entries(self) -> u64 {
        1 << (self.page_log2 - ENTRY_LOG2)
    }

    /// Log2 of the addresses that an entry of a level covers; level 0 has the pages.
    pub(super) fn span_log2(self, level: u32) -> u32 {
        self.page_log2 + level * (self.page_log2 - ENTRY_LOG2)
    }

    /// Log2 of the addresses of a region that the tables can map: an eighth of a directory for each
    /// region of a process, all of it for the kernel.
    pub(super) fn reach_log2(self, region: usize) -> u32 {
        let all = self.span_log2(self.levels);
        let part = if region == 5 { all } else { all - ENTRY_LOG2 };
        part.min(61)
    }

    /// The entry of a level for an address within a region.
    pub(super) fn index(self, region: usize, level: u32, offset: u64) -> u64 {
        let index = offset >> self.span_log2(level).min(63);
        if level + 1 == self.levels && region != 5 {
            let part = self.entries() >> ENTRY_LOG2;
            return (region as u64 * part) | (index & (part - 1));
        }
        index & (self.entries() - 1)
    }

    /// How far addresses are shifted before the walk in a region whose pages are larger (those of
    /// hugetlbfs): its tables are laid out for them.
    pub(super) fn shift(self, rr_log2: Option<u32>) -> u32 {
        let larger = rr_log2.filter(|log2| (self.page_log2..=32).contains(log2));
        larger.map_or(0, |log2| log2 - self.page_log2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shifts_of_every_size_of_page() {
        let of = |page_log2, levels| Geometry {
            page_log2,
            levels,
            assumed: false,
        };
        let usual = of(14, 3);
        assert_eq!([0, 1, 2].map(|level| usual.span_log2(level)), [14, 25, 36]);
        assert_eq!([5, 3].map(|region| usual.reach_log2(region)), [47, 44]);
        let address = 0x7ff_ffff_ffff;
        assert_eq!(usual.index(5, 2, address), 127);
        assert_eq!(usual.index(3, 2, address), 3 << 8 | 127);
        assert_eq!(usual.index(3, 1, address), 2047);
        assert_eq!(of(12, 4).span_log2(3), 39);
        assert_eq!(of(16, 3).reach_log2(5), 55);
        assert_eq!(of(16, 4).reach_log2(0), 61);
        assert_eq!(usual.shift(Some(28)), 14);
        assert_eq!(usual.shift(Some(12)), 0);
        assert_eq!(usual.shift(None), 0);
    }
}
