//! Any pfns, as runs.

use alloc::vec::Vec;

use super::Pfns;

/// Pfns as ascending runs that neither overlap nor touch: what look-ups search and walks follow.
///
/// Runs, not a bit set: a stream names pfns up to 2^64, and what guests have is few runs of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PfnSet {
    runs: Vec<Pfns>,
}

impl PfnSet {
    /// The runs, ascending.
    pub fn runs(&self) -> &[Pfns] {
        &self.runs
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many.
    pub fn pages(&self) -> u64 {
        Pfns::sum(self.runs.iter().copied())
    }

    /// The highest.
    pub fn last(&self) -> Option<u64> {
        self.runs.last().map(|run| run.last())
    }

    /// Whether a pfn is in it.
    pub fn contains(&self, pfn: u64) -> bool {
        self.run_of(pfn).is_some()
    }

    /// The run that a pfn is in.
    pub fn run_of(&self, pfn: u64) -> Option<Pfns> {
        let after = self.runs.partition_point(|run| run.first() <= pfn);
        let run = *self.runs.get(after.checked_sub(1)?)?;
        run.contains(pfn).then_some(run)
    }

    /// The runs that reach into `pfns`, whole.
    pub fn touching(&self, pfns: Pfns) -> &[Pfns] {
        let from = self.runs.partition_point(|run| run.last() < pfns.first());
        let behind = self.runs.partition_point(|run| run.first() <= pfns.last());
        self.runs.get(from..behind).unwrap_or(&[])
    }

    /// What two sets have in common.
    #[must_use]
    pub fn common(&self, other: &PfnSet) -> PfnSet {
        let (mut i, mut j) = (0, 0);
        let mut runs = Vec::new();
        while let (Some(a), Some(b)) = (self.runs.get(i), other.runs.get(j)) {
            runs.extend(a.common(*b));
            if a.last() <= b.last() {
                i += 1;
            } else {
                j += 1;
            }
        }
        PfnSet { runs }
    }

    /// Looks at ascending pfns, one after the other.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { runs: &self.runs }
    }
}

/// In any order; runs that overlap or touch become one.
impl FromIterator<Pfns> for PfnSet {
    fn from_iter<I: IntoIterator<Item = Pfns>>(runs: I) -> Self {
        let mut all: Vec<Pfns> = runs.into_iter().collect();
        all.sort_unstable();
        let mut runs: Vec<Pfns> = Vec::with_capacity(all.len());
        for run in all {
            match runs.last_mut() {
                Some(last) => match last.joined(run) {
                    Some(both) => *last = both,
                    None => runs.push(run),
                },
                None => runs.push(run),
            }
        }
        PfnSet { runs }
    }
}

/// A walk over a [`PfnSet`] that is asked about pfns that only grow.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    /// Those that do not end before the pfn that was asked for last.
    runs: &'a [Pfns],
}

impl Cursor<'_> {
    /// Whether the set has this pfn.
    pub fn contains(&mut self, pfn: u64) -> bool {
        self.look(pfn).0
    }

    /// Whether the set has this pfn, and the last pfn up to which the answer is the same.
    pub fn look(&mut self, pfn: u64) -> (bool, u64) {
        while let [run, rest @ ..] = self.runs
            && run.last() < pfn
        {
            self.runs = rest;
        }
        match self.runs.first() {
            Some(run) if run.first() <= pfn => (true, run.last()),
            Some(run) => (false, run.first() - 1),
            None => (false, u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    const MAX: u64 = u64::MAX;

    fn set(runs: &[(u64, u64)]) -> PfnSet {
        let runs = runs.iter();
        runs.map(|(first, last)| Pfns::new(*first, *last).unwrap())
            .collect()
    }

    #[test]
    fn runs_are_joined_and_intersected() {
        let a = set(&[(8, 9), (0, 3), (2, 5), (6, 6)]);
        assert_eq!(a, set(&[(0, 6), (8, 9)]));
        assert_eq!(a.runs().len(), 2);
        assert_eq!(a.common(&set(&[(3, 8), (20, 30)])), set(&[(3, 6), (8, 8)]));
        assert!(a.contains(6) && !a.contains(7) && !PfnSet::default().contains(0));
        assert_eq!((a.pages(), a.last()), (9, Some(9)));
        let touched = a.touching(Pfns::new(6, 7).unwrap());
        assert_eq!(touched, set(&[(0, 6)]).runs());
        assert_eq!(a.touching(Pfns::one(7)), []);
    }

    #[test]
    fn the_last_number_is_one_like_any_other() {
        let a = set(&[(MAX, MAX), (5, 6), (MAX - 1, MAX)]);
        assert_eq!(a, set(&[(5, 6), (MAX - 1, MAX)]));
        assert!(a.contains(MAX) && a.run_of(MAX) == Pfns::new(MAX - 1, MAX));
        let mut cursor = a.cursor();
        assert_eq!(cursor.look(0), (false, 4));
        assert_eq!(cursor.look(7), (false, MAX - 2));
        assert_eq!(cursor.look(MAX), (true, MAX));
        assert_eq!(set(&[(0, MAX), (4, MAX)]), set(&[(0, MAX)]));
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in(
            a in proptest::collection::vec((0u64..40, 0u64..6), 0..8),
            b in proptest::collection::vec((0u64..40, 0u64..6), 0..8),
            shift in prop_oneof![Just(0), Just(MAX - 45)],
        ) {
            let made = |list: &[(u64, u64)]| -> PfnSet {
                let runs = list.iter();
                runs.map(|(first, more)| Pfns::new(shift + first, shift + first + more).unwrap())
                    .collect()
            };
            let plain = |list: &[(u64, u64)]| -> BTreeSet<u64> {
                let runs = list.iter();
                runs.flat_map(|(first, more)| shift + first..=shift + first + more).collect()
            };
            let (one, other) = (made(&a), made(&b));
            let (all_a, all_b) = (plain(&a), plain(&b));
            prop_assert!(one.runs().windows(2).all(|w| w[0].joined(w[1]).is_none()));
            prop_assert_eq!(one.pages(), all_a.len() as u64);
            let both = one.common(&other);
            let mut cursor = one.cursor();
            for pfn in shift..=shift + 45 {
                prop_assert_eq!(one.contains(pfn), all_a.contains(&pfn));
                prop_assert_eq!(cursor.contains(pfn), all_a.contains(&pfn));
                let in_both = all_a.contains(&pfn) && all_b.contains(&pfn);
                prop_assert_eq!(both.contains(pfn), in_both);
            }
        }
    }
}
