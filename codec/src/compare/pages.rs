//! Which pages to compare.

use alloc::vec::Vec;

use crate::memory::{Memory, Run};
use crate::pfns::Pfns;

/// The pages of two memories, side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagePairs {
    /// Runs of equal pfns that both have.
    pub both: Vec<(Run, Run)>,
    /// Pfns that the first alone has.
    pub only_a: Vec<Pfns>,
    /// Pfns that the second alone has.
    pub only_b: Vec<Pfns>,
}

impl PagePairs {
    /// Pairs the pages of two memories.
    pub fn new(a: &Memory<'_>, b: &Memory<'_>) -> Self {
        let mut pairs = PagePairs::default();
        let (mut runs_a, mut runs_b) = (a.runs().iter(), b.runs().iter());
        let (mut next_a, mut next_b) = (runs_a.next().cloned(), runs_b.next().cloned());
        loop {
            let (run_a, run_b) = match (&next_a, &next_b) {
                (Some(run_a), Some(run_b)) => (run_a, run_b),
                (Some(run_a), None) => {
                    push(&mut pairs.only_a, run_a.pfns);
                    next_a = runs_a.next().cloned();
                    continue;
                }
                (None, Some(run_b)) => {
                    push(&mut pairs.only_b, run_b.pfns);
                    next_b = runs_b.next().cloned();
                    continue;
                }
                (None, None) => return pairs,
            };
            let (pfns_a, pfns_b) = (run_a.pfns, run_b.pfns);
            if let Some(before) = pfns_a.before(pfns_b.first()) {
                push(&mut pairs.only_a, before);
            }
            if let Some(before) = pfns_b.before(pfns_a.first()) {
                push(&mut pairs.only_b, before);
            }
            if let (Some(part_a), Some(part_b)) = (run_a.cut(pfns_b), run_b.cut(pfns_a)) {
                pairs.both.push((part_a, part_b));
            }
            // Up to where one of them ends, all is told.
            let told = pfns_a.last().min(pfns_b.last());
            let rest = |run: &Run| run.cut(run.pfns.after(told)?);
            let (rest_a, rest_b) = (rest(run_a), rest(run_b));
            next_a = rest_a.or_else(|| runs_a.next().cloned());
            next_b = rest_b.or_else(|| runs_b.next().cloned());
        }
    }
}

/// Neighbours belong together.
fn push(runs: &mut Vec<Pfns>, run: Pfns) {
    if !runs.last_mut().is_some_and(|last| last.push(run)) {
        runs.push(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Checkpoint, Image, Options, PageIndex};
    use alloc::vec;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn image(pfns: &[u64]) -> Image {
        let mut image = Image::parse(&Bytes::new(), &Options::default());
        image.page_size = 8;
        let mut checkpoint = Checkpoint::default();
        checkpoint.pages = PageIndex::of_bare_pages(0, 8, pfns.to_vec());
        image.checkpoints = vec![checkpoint];
        image
    }

    proptest! {
        #[test]
        fn every_pfn_is_in_the_right_list(
            a in proptest::collection::vec(0u64..24, 0..24),
            b in proptest::collection::vec(0u64..24, 0..24),
        ) {
            let (image_a, image_b) = (image(&a), image(&b));
            let (memory_a, memory_b) = (Memory::new(&image_a, 0), Memory::new(&image_b, 0));
            let pairs = PagePairs::new(&memory_a, &memory_b);
            for pfn in 0..24 {
                let within = |runs: &[Pfns]| {
                    runs.iter().filter(|run| run.contains(pfn)).count()
                };
                let both = pairs.both.iter().filter(|(run, _)| run.pfns.contains(pfn));
                let both: Vec<_> = both.collect();
                let (in_a, in_b) = (a.contains(&pfn), b.contains(&pfn));
                prop_assert_eq!(both.len(), usize::from(in_a && in_b));
                prop_assert_eq!(within(&pairs.only_a), usize::from(in_a && !in_b));
                prop_assert_eq!(within(&pairs.only_b), usize::from(in_b && !in_a));
                for (run_a, run_b) in both {
                    prop_assert_eq!(&run_a.pfns, &run_b.pfns);
                    let last = |list: &[u64]| list.iter().rposition(|p| *p == pfn).unwrap() as u64;
                    prop_assert_eq!(run_a.offset_of(pfn), last(&a) * 8);
                    prop_assert_eq!(run_b.offset_of(pfn), last(&b) * 8);
                }
            }
        }
    }
}
