//! The copies that count, as runs of neighbours.

use alloc::vec::Vec;
use core::ops::Range;

use crate::image::{Checkpoint, Image, Unallocated};

/// Pages that are neighbours in memory and in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Their pfns; never empty.
    pub pfns: Range<u64>,
    /// File offset of the first page.
    pub offset: u64,
    /// Bytes from one page to the next in the file.
    pub stride: u64,
    checkpoint: usize,
    record: usize,
}

impl Run {
    /// Pages in it.
    pub fn pages(&self) -> u64 {
        self.pfns.end - self.pfns.start
    }

    /// File offset of the page of a pfn in it.
    pub fn offset_of(&self, pfn: u64) -> u64 {
        self.offset + (pfn - self.pfns.start) * self.stride
    }

    /// The part of it that lies in `pfns`.
    pub fn cut(&self, pfns: &Range<u64>) -> Option<Run> {
        let pfns = self.pfns.start.max(pfns.start)..self.pfns.end.min(pfns.end);
        if pfns.start >= pfns.end {
            return None;
        }
        let skipped = pfns.start - self.pfns.start;
        Some(Run {
            offset: self.offset_of(pfns.start),
            record: self.record + skipped as usize,
            pfns,
            ..*self
        })
    }
}

/// The memory of a domain as of a checkpoint.
///
/// Of several copies of a page the last one counts (spec 5.2), those of earlier checkpoints
/// included. A page that was given back after it was sent (spec 6.2) is not in it: a restore frees
/// it.
#[derive(Clone, Debug)]
pub struct Memory<'a> {
    image: &'a Image,
    runs: Vec<Run>,
    given_back: u64,
}

/// A page: its pfn, its checkpoint, its record.
type Copy = (u64, usize, usize);

impl<'a> Memory<'a> {
    /// The memory as of that checkpoint; of an image that has fewer, that of its last.
    pub fn new(image: &'a Image, checkpoint: usize) -> Self {
        let mut memory = Memory {
            image,
            runs: Vec::new(),
            given_back: 0,
        };
        let last = checkpoint.min(image.checkpoints.len().saturating_sub(1));
        let Some(newest) = image.checkpoints.get(last) else {
            return memory;
        };
        let listed = listed(newest);
        if last == 0 {
            let copies = newest.pages.last_copies();
            memory.fill(copies.map(|(pfn, record, _)| (pfn, 0, record)), &listed);
            return memory;
        }
        let mut copies: Vec<Copy> = Vec::new();
        for (number, checkpoint) in image.checkpoints[..=last].iter().enumerate() {
            let own = checkpoint.pages.last_copies();
            copies.extend(own.map(|(pfn, record, _)| (pfn, number, record)));
        }
        copies.sort_unstable();
        let newest_of_each = copies
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(<[_]>::last)
            .copied();
        memory.fill(newest_of_each, &listed);
        memory
    }

    fn fill(&mut self, copies: impl Iterator<Item = Copy>, listed: &[Range<u64>]) {
        let mut listed = listed.iter().peekable();
        for (pfn, checkpoint, record) in copies {
            while listed.next_if(|range| range.end <= pfn).is_some() {}
            if listed.peek().is_some_and(|range| range.start <= pfn) {
                self.given_back += 1;
                continue;
            }
            self.push(pfn, checkpoint, record);
        }
    }

    fn push(&mut self, pfn: u64, checkpoint: usize, record: usize) {
        // The last number of all cannot end a range, and is no frame of any machine.
        let Some(end) = pfn.checked_add(1) else {
            return;
        };
        if let Some(last) = self.runs.last_mut() {
            let next = last.record as u64 + last.pages();
            if last.pfns.end == pfn && last.checkpoint == checkpoint && next == record as u64 {
                last.pfns.end = end;
                return;
            }
        }
        let pages = &self.image.checkpoints[checkpoint].pages;
        self.runs.push(Run {
            pfns: pfn..end,
            offset: pages.page_offset(record),
            stride: pages.stride(),
            checkpoint,
            record,
        });
    }

    /// The image.
    pub fn image(&self) -> &'a Image {
        self.image
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> u64 {
        self.image.page_size as u64
    }

    /// The runs, ascending by pfn.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The parts of runs that lie in a range of pfns.
    pub fn within(&self, pfns: Range<u64>) -> impl Iterator<Item = Run> + '_ {
        let first = self.runs.partition_point(|run| run.pfns.end <= pfns.start);
        self.runs[first..]
            .iter()
            .map_while(move |run| run.cut(&pfns))
    }

    /// Pages.
    pub fn pages(&self) -> u64 {
        self.runs.iter().map(Run::pages).sum()
    }

    /// Pages that were sent and given back afterwards.
    pub fn given_back(&self) -> u64 {
        self.given_back
    }

    /// First pfn behind the last page.
    pub fn end(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.pfns.end)
    }

    /// The run that holds a pfn.
    pub fn run_of(&self, pfn: u64) -> Option<&Run> {
        let place = self.runs.partition_point(|run| run.pfns.end <= pfn);
        self.runs.get(place).filter(|run| run.pfns.contains(&pfn))
    }

    /// The page of a pfn. `None` where there is none, or where pages are not at hand.
    pub fn page(&self, pfn: u64) -> Option<&'a [u8]> {
        self.page_in(self.run_of(pfn)?, pfn)
    }

    /// The page of a pfn in a run.
    pub fn page_in(&self, run: &Run, pfn: u64) -> Option<&'a [u8]> {
        let record = run.record + (pfn - run.pfns.start) as usize;
        let checkpoint = self.image.checkpoints.get(run.checkpoint)?;
        self.image.page(checkpoint, record)
    }

    /// Every page with its pfn and file offset, ascending.
    pub fn each(&self) -> impl Iterator<Item = (u64, u64, &'a [u8])> + '_ {
        self.runs.iter().flat_map(move |run| {
            run.pfns
                .clone()
                .filter_map(move |pfn| Some((pfn, run.offset_of(pfn), self.page_in(run, pfn)?)))
        })
    }
}

/// The unallocated list, ascending, without overlap.
fn listed(checkpoint: &Checkpoint) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    let sorted = checkpoint.unallocated.as_ref().map(Unallocated::sorted);
    for range in sorted.unwrap_or_default() {
        let range = *range.start()..range.end().saturating_add(1);
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Options, PageIndex};
    use alloc::vec;
    use bytes::Bytes;

    fn image(rounds: &[&[u64]]) -> Image {
        let mut image = Image::parse(&Bytes::new(), &Options::default());
        image.page_size = 8;
        image.checkpoints = rounds
            .iter()
            .map(|pfns| {
                let mut checkpoint = Checkpoint::default();
                checkpoint.pages = PageIndex::of_bare_pages(100, 8, pfns.to_vec());
                checkpoint
            })
            .collect();
        image
    }

    fn told(memory: &Memory<'_>) -> Vec<(Range<u64>, u64)> {
        let runs = memory.runs().iter();
        runs.map(|run| (run.pfns.clone(), run.offset)).collect()
    }

    #[test]
    fn the_last_copies_count_and_what_was_given_back_does_not() {
        let mut image = image(&[&[0, 1, 2, 7, 1, 8, 9]]);
        image.checkpoints[0].unallocated = Some(Unallocated {
            ranges: vec![8..=8, 30..=40],
            ..Unallocated::default()
        });
        let memory = Memory::new(&image, 0);
        assert_eq!(
            told(&memory),
            vec![
                (0..1, 100),
                (1..2, 132),
                (2..3, 116),
                (7..8, 124),
                (9..10, 148)
            ]
        );
        assert_eq!(
            (memory.pages(), memory.given_back(), memory.end()),
            (5, 1, 10)
        );
        assert!(memory.run_of(8).is_none() && memory.run_of(7).is_some());
        let within: Vec<_> = memory.within(1..8).map(|run| run.pfns).collect();
        assert_eq!(within, vec![1..2, 2..3, 7..8]);
    }

    #[test]
    fn a_round_replaces_pages_of_the_rounds_before() {
        let image = image(&[&[0, 1, 2, 3], &[2], &[u64::MAX, 9]]);
        assert_eq!(told(&Memory::new(&image, 0)), vec![(0..4, 100)]);
        let second = vec![(0..2, 100), (2..3, 100), (3..4, 124)];
        assert_eq!(told(&Memory::new(&image, 1)), second);
        assert_eq!(Memory::new(&image, 77).end(), 10);
        let run = Memory::new(&image, 0).runs()[0].clone();
        assert_eq!(run.cut(&(2..9)).unwrap().offset, 116);
        assert_eq!(run.cut(&(4..9)), None);
    }
}
