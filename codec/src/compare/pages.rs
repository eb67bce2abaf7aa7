//! Which pages to compare.

use alloc::vec::Vec;
use core::ops::Range;

use crate::memory::{Memory, Run};

/// The pages of two memories, side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagePairs {
    /// Runs of equal pfns that both have.
    pub both: Vec<(Run, Run)>,
    /// Pfns that the first alone has.
    pub only_a: Vec<Range<u64>>,
    /// Pfns that the second alone has.
    pub only_b: Vec<Range<u64>>,
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
                    push(&mut pairs.only_a, run_a.pfns.clone());
                    next_a = runs_a.next().cloned();
                    continue;
                }
                (None, Some(run_b)) => {
                    push(&mut pairs.only_b, run_b.pfns.clone());
                    next_b = runs_b.next().cloned();
                    continue;
                }
                (None, None) => return pairs,
            };
            let (start_a, start_b) = (run_a.pfns.start, run_b.pfns.start);
            let begin = start_a.max(start_b);
            if start_a < begin {
                push(&mut pairs.only_a, start_a..begin.min(run_a.pfns.end));
            }
            if start_b < begin {
                push(&mut pairs.only_b, start_b..begin.min(run_b.pfns.end));
            }
            let end = run_a.pfns.end.min(run_b.pfns.end);
            let common = begin..end;
            if let (Some(part_a), Some(part_b)) = (run_a.cut(&common), run_b.cut(&common)) {
                pairs.both.push((part_a, part_b));
            }
            let rest_a = run_a.cut(&(end.max(begin)..u64::MAX));
            let rest_b = run_b.cut(&(end.max(begin)..u64::MAX));
            next_a = rest_a.or_else(|| runs_a.next().cloned());
            next_b = rest_b.or_else(|| runs_b.next().cloned());
        }
    }
}

/// Neighbours belong together.
fn push(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
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
                let within = |ranges: &[Range<u64>]| {
                    ranges.iter().filter(|range| range.contains(&pfn)).count()
                };
                let both = pairs.both.iter().filter(|(run, _)| run.pfns.contains(&pfn));
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
