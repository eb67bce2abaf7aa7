//! The copies that count, as runs of neighbours.

use alloc::vec::Vec;

use crate::image::{GivenBack, Image, Unallocated};
use crate::pfns::{PfnSet, Pfns};
use crate::size::place;

/// Pages that are neighbours in memory and in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Their pfns.
    pub pfns: Pfns,
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
        self.pfns.pages()
    }

    /// File offset of the page of a pfn in it.
    pub fn offset_of(&self, pfn: u64) -> u64 {
        self.offset + (pfn - self.pfns.first()) * self.stride
    }

    /// The part of it that lies in `pfns`.
    pub fn cut(&self, pfns: Pfns) -> Option<Run> {
        let pfns = self.pfns.common(pfns)?;
        let skipped = pfns.first() - self.pfns.first();
        Some(Run {
            offset: self.offset_of(pfns.first()),
            record: self.record + place(skipped),
            pfns,
            ..*self
        })
    }
}

/// The memory of a domain as of a checkpoint.
///
/// Of several copies of a page the last one counts (spec 5.2), those of earlier checkpoints
/// included. A page that was given back after it was sent (spec 6.2), be it by the list of an earlier
/// checkpoint (spec 11.1), is not in it: a restore frees it.
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
        let list = newest.unallocated.as_ref();
        let listed = list.map_or_else(PfnSet::default, Unallocated::set);
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
        let gone = GivenBack::of(&image.checkpoints[..last]);
        let newest_of_each: Vec<Copy> = copies
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(<[_]>::last)
            .copied()
            .filter(|(pfn, sent, _)| {
                let is_gone = gone.is_gone(*pfn, *sent);
                memory.given_back += u64::from(is_gone);
                !is_gone
            })
            .collect();
        memory.fill(newest_of_each.into_iter(), &listed);
        memory
    }

    fn fill(&mut self, copies: impl Iterator<Item = Copy>, listed: &PfnSet) {
        let mut listed = listed.cursor();
        for (pfn, checkpoint, record) in copies {
            if listed.contains(pfn) {
                self.given_back += 1;
            } else {
                self.push(pfn, checkpoint, record);
            }
        }
    }

    fn push(&mut self, pfn: u64, checkpoint: usize, record: usize) {
        let pfns = Pfns::one(pfn);
        if let Some(last) = self.runs.last_mut() {
            let next = last.record as u64 + last.pages();
            let follows = last.checkpoint == checkpoint && next == record as u64;
            if follows && last.pfns.push(pfns) {
                return;
            }
        }
        let pages = &self.image.checkpoints[checkpoint].pages;
        self.runs.push(Run {
            pfns,
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
    pub fn within(&self, pfns: Pfns) -> impl Iterator<Item = Run> + '_ {
        let first = self
            .runs
            .partition_point(|run| run.pfns.last() < pfns.first());
        self.runs[first..]
            .iter()
            .map_while(move |run| run.cut(pfns))
    }

    /// Pages.
    pub fn pages(&self) -> u64 {
        self.runs.iter().map(Run::pages).sum()
    }

    /// Pages that were sent and given back afterwards.
    pub fn given_back(&self) -> u64 {
        self.given_back
    }

    /// First pfn behind the last page; the highest number where that page has it.
    pub fn end(&self) -> u64 {
        let last = self.runs.last();
        last.map_or(0, |run| run.pfns.last().saturating_add(1))
    }

    /// The run that holds a pfn.
    pub fn run_of(&self, pfn: u64) -> Option<&Run> {
        let place = self.runs.partition_point(|run| run.pfns.last() < pfn);
        self.runs.get(place).filter(|run| run.pfns.contains(pfn))
    }

    /// The page of a pfn. `None` where there is none, or where pages are not at hand.
    pub fn page(&self, pfn: u64) -> Option<&'a [u8]> {
        self.page_in(self.run_of(pfn)?, pfn)
    }

    /// The page of a pfn in a run.
    pub fn page_in(&self, run: &Run, pfn: u64) -> Option<&'a [u8]> {
        let record = run.record + place(pfn - run.pfns.first());
        let checkpoint = self.image.checkpoints.get(run.checkpoint)?;
        self.image.page(checkpoint, record)
    }

    /// Every page with its pfn and file offset, ascending.
    pub fn each(&self) -> impl Iterator<Item = (u64, u64, &'a [u8])> + '_ {
        self.runs.iter().flat_map(move |run| {
            run.pfns
                .iter()
                .filter_map(move |pfn| Some((pfn, run.offset_of(pfn), self.page_in(run, pfn)?)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Checkpoint, Options, PageIndex};
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

    fn told(memory: &Memory<'_>) -> Vec<(Pfns, u64)> {
        let runs = memory.runs().iter();
        runs.map(|run| (run.pfns, run.offset)).collect()
    }

    fn pfns(range: core::ops::Range<u64>) -> Pfns {
        Pfns::of(range).unwrap()
    }

    #[test]
    fn the_last_copies_count_and_what_was_given_back_does_not() {
        let mut image = image(&[&[0, 1, 2, 7, 1, 8, 9]]);
        image.checkpoints[0].unallocated = Some(Unallocated {
            runs: vec![Pfns::one(8), pfns(30..41)],
            ..Unallocated::default()
        });
        let memory = Memory::new(&image, 0);
        assert_eq!(
            told(&memory),
            vec![
                (pfns(0..1), 100),
                (pfns(1..2), 132),
                (pfns(2..3), 116),
                (pfns(7..8), 124),
                (pfns(9..10), 148)
            ]
        );
        assert_eq!(
            (memory.pages(), memory.given_back(), memory.end()),
            (5, 1, 10)
        );
        assert!(memory.run_of(8).is_none() && memory.run_of(7).is_some());
        let within: Vec<_> = memory.within(pfns(1..8)).map(|run| run.pfns).collect();
        assert_eq!(within, [1..2, 2..3, 7..8].map(pfns));
    }

    #[test]
    fn a_round_replaces_pages_of_the_rounds_before() {
        let image = image(&[&[0, 1, 2, 3], &[2], &[u64::MAX, 9]]);
        assert_eq!(told(&Memory::new(&image, 0)), vec![(pfns(0..4), 100)]);
        let second = [(0..2, 100), (2..3, 100), (3..4, 124)];
        let second = second.map(|(range, offset)| (pfns(range), offset));
        assert_eq!(told(&Memory::new(&image, 1)), second);
        let last = Memory::new(&image, 77);
        assert_eq!((last.pages(), last.end()), (6, u64::MAX));
        assert_eq!(last.run_of(u64::MAX).unwrap().offset, 100);
        let run = Memory::new(&image, 0).runs()[0].clone();
        assert_eq!(run.cut(pfns(2..9)).unwrap().offset, 116);
        assert_eq!(run.cut(pfns(4..9)), None);
    }

    #[test]
    fn what_a_round_gave_back_is_gone_until_it_is_sent_again() {
        let mut image = image(&[&[0, 1, 2, 3], &[0], &[2], &[]]);
        let lists = [vec![], vec![1, 2], vec![3], vec![]];
        for (checkpoint, list) in image.checkpoints.iter_mut().zip(lists) {
            checkpoint.unallocated = Some(Unallocated {
                runs: Pfns::gather(list),
                ..Unallocated::default()
            });
        }
        let has = |checkpoint| -> Vec<u64> {
            let memory = Memory::new(&image, checkpoint);
            memory
                .runs()
                .iter()
                .flat_map(|run| run.pfns.iter())
                .collect()
        };
        assert_eq!(has(0), [0, 1, 2, 3]);
        assert_eq!(has(1), [0, 3]);
        // 1 was taken anew, and nothing of it was sent; 2 was, and is there again.
        assert_eq!(has(2), [0, 2]);
        assert_eq!(has(3), [0, 2]);
        let memory = Memory::new(&image, 3);
        assert_eq!((memory.pages(), memory.given_back()), (2, 2));
        let copies = [0, 1, 2, 3].map(|pfn| image.copy_of(3, pfn));
        assert_eq!(copies, [Some((1, 0)), None, Some((2, 0)), None]);
    }
}
