//! Ranges of pfns: what is left when some are taken away.

use core::iter::Peekable;
use core::ops::Range;

/// Calls `found` with every part of `whole` that no range of `covered` covers.
///
/// Both ascend by their starts; `whole` does not overlap itself.
pub(super) fn uncovered(
    whole: &[Range<u64>],
    covered: impl Iterator<Item = Range<u64>>,
    mut found: impl FnMut(Range<u64>),
) {
    let mut covered = covered.peekable();
    // Everything below is covered or not asked for.
    let mut reached = 0;
    for range in whole {
        reached = reached.max(range.start);
        while reached < range.end {
            match covered.peek() {
                Some(next) if next.end <= reached => {
                    covered.next();
                }
                Some(next) if next.start < range.end => {
                    if reached < next.start {
                        found(reached..next.start);
                    }
                    reached = next.end;
                    // It may reach into the next range too, so it stays.
                }
                _ => {
                    found(reached..range.end);
                    reached = range.end;
                }
            }
        }
    }
}

/// Two ascending sequences as one.
pub(super) fn merged<A, B>(a: A, b: B) -> impl Iterator<Item = Range<u64>>
where
    A: Iterator<Item = Range<u64>>,
    B: Iterator<Item = Range<u64>>,
{
    let (mut a, mut b) = (a.peekable(), b.peekable());
    core::iter::from_fn(move || {
        if is_first(&mut a, &mut b) {
            a.next()
        } else {
            b.next()
        }
    })
}

fn is_first<A, B>(a: &mut Peekable<A>, b: &mut Peekable<B>) -> bool
where
    A: Iterator<Item = Range<u64>>,
    B: Iterator<Item = Range<u64>>,
{
    match (a.peek(), b.peek()) {
        (Some(a), Some(b)) => a.start <= b.start,
        (a, _) => a.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    type Pairs<'a> = &'a [(u64, u64)];

    fn ranges(pairs: Pairs<'_>) -> Vec<Range<u64>> {
        pairs.iter().map(|(start, end)| *start..*end).collect()
    }

    fn left(whole: Pairs<'_>, covered: Pairs<'_>) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let covered = ranges(covered).into_iter();
        uncovered(&ranges(whole), covered, |range| {
            found.push((range.start, range.end));
        });
        found
    }

    #[test]
    fn what_is_not_covered_is_found_once() {
        let two = [(0, 10), (20, 30)];
        assert_eq!(
            left(&two, &[(2, 3), (2, 4), (8, 22), (25, 26)]),
            [(0, 2), (4, 8), (22, 25), (26, 30)]
        );
        assert_eq!(left(&two, &[]), two);
        assert_eq!(left(&two, &[(0, 30)]), []);
        assert_eq!(left(&[(5, 10)], &[(0, 1), (2, 3), (12, 13)]), [(5, 10)]);
        assert_eq!(left(&[(0, u64::MAX)], &[(5, 6)]), [(0, 5), (6, u64::MAX)]);
        assert_eq!(left(&[], &[(5, 6)]), []);
    }

    #[test]
    fn two_sequences_become_one() {
        let (a, b) = (
            ranges(&[(0, 1), (5, 6)]),
            ranges(&[(0, 2), (3, 4), (9, 10)]),
        );
        let merged: Vec<_> = merged(a.into_iter(), b.into_iter()).collect();
        assert_eq!(merged, ranges(&[(0, 1), (0, 2), (3, 4), (5, 6), (9, 10)]));
    }
}
