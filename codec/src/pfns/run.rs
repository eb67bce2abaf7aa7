//! A run of pfns.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::{Range, RangeInclusive};

/// Pfns that follow one another, from a first to a last. Never empty, and it may hold every number
/// that 64 bits have.
///
/// Ordered by the first, then by the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pfns {
    first: u64,
    last: u64,
}

impl Pfns {
    /// Every number there is.
    pub const ALL: Pfns = Pfns {
        first: 0,
        last: u64::MAX,
    };

    /// From a first to a last, both of them included. `None` where the last comes before the first.
    pub fn new(first: u64, last: u64) -> Option<Pfns> {
        (first <= last).then_some(Pfns { first, last })
    }

    /// One pfn.
    pub fn one(pfn: u64) -> Pfns {
        Pfns {
            first: pfn,
            last: pfn,
        }
    }

    /// The pfns of a range that ends in front of its end. `None` where it is empty.
    pub fn of(range: Range<u64>) -> Option<Pfns> {
        (range.start < range.end).then(|| Pfns {
            first: range.start,
            last: range.end - 1,
        })
    }

    /// So many from a first on. `None` for none, and where the last number comes before they end.
    pub fn counted(first: u64, pages: u64) -> Option<Pfns> {
        Pfns::new(first, first.checked_add(pages.checked_sub(1)?)?)
    }

    /// The first.
    pub fn first(self) -> u64 {
        self.first
    }

    /// The last.
    pub fn last(self) -> u64 {
        self.last
    }

    /// The pfn behind the last. `None` where no number comes after it.
    pub fn end(self) -> Option<u64> {
        self.last.checked_add(1)
    }

    /// How many, as a number of 64 bits, which [`Pfns::ALL`] alone goes beyond: then it is the highest.
    pub fn pages(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// Whether a pfn is in it.
    pub fn contains(self, pfn: u64) -> bool {
        self.first <= pfn && pfn <= self.last
    }

    /// What two have in common.
    pub fn common(self, other: Pfns) -> Option<Pfns> {
        Pfns::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// What comes before a pfn.
    pub fn before(self, pfn: u64) -> Option<Pfns> {
        Pfns::new(self.first, self.last.min(pfn.checked_sub(1)?))
    }

    /// What comes after a pfn.
    pub fn after(self, pfn: u64) -> Option<Pfns> {
        Pfns::new(self.first.max(pfn.checked_add(1)?), self.last)
    }

    /// Whether the other begins where this one ends.
    pub fn meets(self, next: Pfns) -> bool {
        self.end() == Some(next.first)
    }

    /// Grows by the pfns behind it; says whether they were.
    pub fn push(&mut self, next: Pfns) -> bool {
        let meets = self.meets(next);
        if meets {
            self.last = next.last;
        }
        meets
    }

    /// Both as one, where they overlap or touch.
    pub fn joined(self, other: Pfns) -> Option<Pfns> {
        let (low, high) = (self.min(other), self.max(other));
        let touch = low.end().is_none_or(|end| high.first <= end);
        touch.then(|| Pfns {
            first: low.first,
            last: low.last.max(high.last),
        })
    }

    /// The smallest run that holds both.
    #[must_use]
    pub fn spanned(self, other: Pfns) -> Pfns {
        Pfns {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Each of them, ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = u64> + FusedIterator {
        self.first..=self.last
    }

    /// Neighbours of a sequence put together, in its order.
    pub fn gather(pfns: impl IntoIterator<Item = u64>) -> alloc::vec::Vec<Pfns> {
        let mut runs: alloc::vec::Vec<Pfns> = alloc::vec::Vec::new();
        for pfn in pfns.into_iter().map(Pfns::one) {
            if !runs.last_mut().is_some_and(|last| last.push(pfn)) {
                runs.push(pfn);
            }
        }
        runs
    }

    /// Pfns in all of some runs, those in several counted in each; the highest number where there are
    /// more.
    pub fn sum(runs: impl IntoIterator<Item = Pfns>) -> u64 {
        let pages = runs.into_iter().map(Pfns::pages);
        pages.fold(0, u64::saturating_add)
    }
}

impl IntoIterator for Pfns {
    type Item = u64;
    type IntoIter = RangeInclusive<u64>;

    fn into_iter(self) -> RangeInclusive<u64> {
        self.first..=self.last
    }
}

/// `0x28`, or `0x28-0x2f`.
impl fmt::Display for Pfns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{:#x}", self.first)
        } else {
            write!(f, "{:#x}-{:#x}", self.first, self.last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    const MAX: u64 = u64::MAX;

    fn run(first: u64, last: u64) -> Pfns {
        Pfns::new(first, last).unwrap()
    }

    #[test]
    fn no_run_is_empty() {
        assert_eq!(Pfns::new(5, 4), None);
        assert_eq!(Pfns::of(5..5), None);
        #[allow(clippy::reversed_empty_ranges)]
        let backwards = 5..4;
        assert_eq!(Pfns::of(backwards), None);
        assert_eq!(Pfns::counted(5, 0), None);
        assert_eq!(Pfns::counted(MAX, 2), None);
        assert_eq!(Pfns::counted(5, 2), Some(run(5, 6)));
    }

    #[test]
    fn the_last_number_is_one_like_any_other() {
        let last = Pfns::one(MAX);
        assert_eq!(Pfns::counted(MAX, 1), Some(last));
        assert_eq!((last.pages(), last.end()), (1, None));
        assert!(last.contains(MAX) && !last.contains(MAX - 1));
        assert!(run(3, MAX - 1).meets(last) && !last.meets(run(0, 1)));
        assert_eq!(run(3, MAX - 1).joined(last), Some(run(3, MAX)));
        assert_eq!(last.joined(run(0, 1)), None);
        assert_eq!(last.into_iter().count(), 1);
        assert_eq!((Pfns::ALL.pages(), Pfns::ALL.after(MAX)), (MAX, None));
        assert_eq!(Pfns::ALL.before(0), None);
        assert_eq!(Pfns::sum([Pfns::ALL, last]), MAX);
    }

    #[test]
    fn runs_are_cut_and_joined() {
        let it = run(10, 19);
        assert_eq!(it.common(run(15, 30)), Some(run(15, 19)));
        assert_eq!(it.common(run(20, 30)), None);
        assert_eq!((it.before(10), it.before(12)), (None, Some(run(10, 11))));
        assert_eq!((it.after(19), it.after(0)), (None, Some(it)));
        assert_eq!(it.joined(run(20, 21)), Some(run(10, 21)));
        assert_eq!(run(20, 21).joined(it), Some(run(10, 21)));
        assert_eq!(it.joined(run(21, 21)), None);
        assert_eq!(it.spanned(run(3, 4)), run(3, 19));
        assert_eq!(
            Pfns::gather([3, 4, 5, 9, 8, 8]),
            [run(3, 5), run(9, 9), run(8, 8), run(8, 8)]
        );
        let texts = [it.to_string(), Pfns::one(7).to_string()];
        assert_eq!(texts, ["0xa-0x13", "0x7"]);
    }
}
