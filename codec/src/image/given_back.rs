//! Which pages of earlier checkpoints are gone.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

use super::Checkpoint;
use crate::pfns::Pfns;

/// What the unallocated lists of some checkpoints give back, each pfn with the last checkpoint that does.
///
/// A round changes what the checkpoints before it left (spec 11.1): a page that any list has named
/// since it was sent is gone. If a later list names it no more, the domain has taken a page anew, of
/// which nothing was sent: what it holds, the stream does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// Ascending, without overlap.
    segments: Vec<(Pfns, usize)>,
}

impl GivenBack {
    /// Of these checkpoints. Time and room grow with the runs of their lists.
    pub fn of(checkpoints: &[Checkpoint]) -> Self {
        let lists = checkpoints.iter().enumerate();
        let mut runs: Vec<(Pfns, usize)> = lists
            .flat_map(|(index, one)| {
                let runs = one.unallocated.iter().flat_map(|list| &list.runs);
                runs.map(move |run| (*run, index))
            })
            .collect();
        runs.sort_unstable();
        let mut runs = runs.into_iter().peekable();
        let mut segments: Vec<(Pfns, usize)> = Vec::new();
        // Runs that have begun: checkpoint and last pfn, the latest checkpoint first.
        let mut open: BinaryHeap<(usize, u64)> = BinaryHeap::new();
        let mut at = runs.peek().map(|(run, _)| run.first());
        while let Some(pfn) = at {
            while let Some((run, index)) = runs.next_if(|(run, _)| run.first() <= pfn) {
                open.push((index, run.last()));
            }
            while open.peek().is_some_and(|(_, last)| *last < pfn) {
                open.pop();
            }
            let next = runs.peek().map(|(run, _)| run.first());
            let Some((index, last)) = open.peek().copied() else {
                at = next;
                continue;
            };
            // Up to where another begins, or this one ends.
            let last = next.map_or(last, |next| last.min(next - 1));
            if let Some(segment) = Pfns::new(pfn, last) {
                let before = segments.last_mut().filter(|(_, same)| *same == index);
                if !before.is_some_and(|(before, _)| before.push(segment)) {
                    segments.push((segment, index));
                }
            }
            at = last.checked_add(1);
        }
        GivenBack { segments }
    }

    /// The last checkpoint that gives a pfn back, as an index of those that were given.
    pub fn last(&self, pfn: u64) -> Option<usize> {
        let place = self.segments.partition_point(|(run, _)| run.last() < pfn);
        let (run, index) = self.segments.get(place)?;
        run.contains(pfn).then_some(*index)
    }

    /// Whether a page that checkpoint `sent` has a record of is gone.
    pub fn is_gone(&self, pfn: u64, sent: usize) -> bool {
        self.last(pfn).is_some_and(|given_back| given_back >= sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Unallocated;
    use proptest::prelude::*;

    fn checkpoints(lists: &[Vec<(u64, u64)>]) -> Vec<Checkpoint> {
        let lists = lists.iter();
        lists
            .map(|list| Checkpoint {
                unallocated: Some(Unallocated {
                    runs: list
                        .iter()
                        .map(|(first, more)| Pfns::new(*first, first + more).unwrap())
                        .collect(),
                    ..Unallocated::default()
                }),
                ..Checkpoint::default()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn the_last_list_that_has_a_pfn_counts(
            lists in proptest::collection::vec(
                proptest::collection::vec((0u64..30, 0u64..9), 0..5),
                0..5,
            ),
            high in any::<bool>(),
        ) {
            let shift = if high { u64::MAX - 39 } else { 0 };
            let lists: Vec<Vec<(u64, u64)>> = lists
                .into_iter()
                .map(|list| list.into_iter().map(|(first, more)| (shift + first, more)).collect())
                .collect();
            let given_back = GivenBack::of(&checkpoints(&lists));
            for pfn in shift..=shift + 39 {
                let last = lists.iter().rposition(|list| {
                    list.iter().any(|(first, more)| (*first..=first + more).contains(&pfn))
                });
                prop_assert_eq!(given_back.last(pfn), last);
                for sent in 0..lists.len() {
                    prop_assert_eq!(
                        given_back.is_gone(pfn, sent),
                        last.is_some_and(|last| last >= sent)
                    );
                }
            }
        }
    }

    #[test]
    fn the_last_number_ends_the_walk() {
        let all = checkpoints(&[alloc::vec![(u64::MAX, 0)], alloc::vec![(0, u64::MAX)]]);
        let given_back = GivenBack::of(&all);
        assert_eq!(given_back.last(u64::MAX), Some(1));
        assert_eq!(given_back.segments.len(), 1);
        assert_eq!(GivenBack::of(&[]).last(0), None);
    }
}
