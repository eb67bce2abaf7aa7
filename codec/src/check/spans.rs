//! Runs of pfns: what is left when some are taken away.

use core::iter::Peekable;

use crate::pfns::Pfns;

/// Calls `found` with every part of `whole` that no run of `covered` covers.
///
/// Both ascend by their firsts; `whole` does not overlap itself.
pub(super) fn uncovered(
    whole: &[Pfns],
    covered: impl Iterator<Item = Pfns>,
    mut found: impl FnMut(Pfns),
) {
    let mut covered = covered.peekable();
    for run in whole {
        // What is not told of yet.
        let mut left = Some(*run);
        while let Some(here) = left {
            match covered.peek() {
                Some(next) if next.last() < here.first() => {
                    covered.next();
                }
                Some(next) if next.first() <= here.last() => {
                    here.before(next.first()).into_iter().for_each(&mut found);
                    left = here.after(next.last());
                    // It may reach into the next run too, so it stays.
                }
                _ => {
                    found(here);
                    left = None;
                }
            }
        }
    }
}

/// Two ascending sequences as one.
pub(super) fn merged<A, B>(a: A, b: B) -> impl Iterator<Item = Pfns>
where
    A: Iterator<Item = Pfns>,
    B: Iterator<Item = Pfns>,
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
    A: Iterator<Item = Pfns>,
    B: Iterator<Item = Pfns>,
{
    match (a.peek(), b.peek()) {
        (Some(a), Some(b)) => a.first() <= b.first(),
        (a, _) => a.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    type Pairs<'a> = &'a [(u64, u64)];

    const MAX: u64 = u64::MAX;

    fn runs(pairs: Pairs<'_>) -> Vec<Pfns> {
        let pairs = pairs.iter();
        pairs
            .map(|(first, last)| Pfns::new(*first, *last).unwrap())
            .collect()
    }

    fn left(whole: Pairs<'_>, covered: Pairs<'_>) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        uncovered(&runs(whole), runs(covered).into_iter(), |run| {
            found.push((run.first(), run.last()));
        });
        found
    }

    #[test]
    fn what_is_not_covered_is_found_once() {
        let two = [(0, 9), (20, 29)];
        assert_eq!(
            left(&two, &[(2, 2), (2, 3), (8, 21), (25, 25)]),
            [(0, 1), (4, 7), (22, 24), (26, 29)]
        );
        assert_eq!(left(&two, &[]), two);
        assert_eq!(left(&two, &[(0, 29)]), []);
        assert_eq!(left(&[(5, 9)], &[(0, 0), (2, 2), (12, 12)]), [(5, 9)]);
        assert_eq!(left(&[(0, MAX)], &[(5, 5)]), [(0, 4), (6, MAX)]);
        assert_eq!(left(&[(MAX, MAX)], &[(5, 5)]), [(MAX, MAX)]);
        assert_eq!(left(&[(4, MAX)], &[(MAX, MAX)]), [(4, MAX - 1)]);
        assert_eq!(left(&[], &[(5, 5)]), []);
    }

    #[test]
    fn two_sequences_become_one() {
        let (a, b) = (runs(&[(0, 0), (5, 5)]), runs(&[(0, 1), (3, 3), (9, 9)]));
        let merged: Vec<_> = merged(a.into_iter(), b.into_iter()).collect();
        assert_eq!(merged, runs(&[(0, 0), (0, 1), (3, 3), (5, 5), (9, 9)]));
    }
}
