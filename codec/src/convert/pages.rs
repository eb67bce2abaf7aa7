//! The page records: all of them in the order of the stream, or the last copy of each page (spec 5).

use alloc::collections::BinaryHeap;
use alloc::format;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Range;

use crate::code::Code;
use crate::decode::Event;
use crate::error::Error;
use crate::grammar::PageRun;
use crate::image::{Checkpoint, GivenBack, Image};
use crate::pfns::PfnSet;
use crate::size;

/// Records in one run: as many as the decoder gives at once.
const RUN: usize = 256;

/// Which records go out.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    image: &'a Image,
    checkpoints: &'a [Checkpoint],
    /// The pfns whose records are dropped, where but the last copy of each page goes out.
    compact: Option<PfnSet>,
    /// What all lists but the last give back: of that, earlier records do not count any more.
    given_back: GivenBack,
    records: u64,
}

impl<'a> Pages<'a> {
    /// The records of some checkpoints as if they were one.
    pub(super) fn new(image: &'a Image, range: Range<usize>, compact: bool) -> Result<Self, Error> {
        let checkpoints = &image.checkpoints[range];
        for checkpoint in checkpoints {
            at_hand(image, checkpoint)?;
        }
        let listed = || {
            let list = checkpoints
                .last()
                .and_then(|last| last.unallocated.as_ref());
            list.map_or_else(PfnSet::default, crate::image::Unallocated::set)
        };
        let mut pages = Pages {
            image,
            checkpoints,
            compact: compact.then(listed),
            given_back: given_back(checkpoints),
            records: 0,
        };
        pages.records = match &pages.compact {
            None if checkpoints.len() == 1 => checkpoints[0].pages.len() as u64,
            None => {
                let kept = (0..checkpoints.len()).map(|index| pages.kept(index).count());
                kept.sum::<usize>() as u64
            }
            Some(dropped) => survivors(checkpoints)
                .filter(|(pfn, ..)| !dropped.contains(*pfn))
                .count() as u64,
        };
        Ok(pages)
    }

    /// How many go out.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Gives them in runs, borrowed wherever the file has them side by side.
    pub(super) fn write<E>(
        &self,
        mut sink: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(dropped) = &self.compact else {
            for (index, checkpoint) in self.checkpoints.iter().enumerate() {
                let mut run = 0..0;
                for record in self.kept(index) {
                    if run.end == record && run.len() < RUN {
                        run.end += 1;
                        continue;
                    }
                    self.run(checkpoint, run.clone(), &mut sink)?;
                    run = record..record + 1;
                }
                self.run(checkpoint, run, &mut sink)?;
            }
            return Ok(());
        };
        let mut pending: Option<(usize, Range<usize>)> = None;
        for (pfn, index, record) in survivors(self.checkpoints) {
            if dropped.contains(pfn) {
                continue;
            }
            if let Some((at, run)) = &mut pending {
                if *at == index && run.end == record && run.len() < RUN {
                    run.end += 1;
                    continue;
                }
                self.run(&self.checkpoints[*at], run.clone(), &mut sink)?;
            }
            pending = Some((index, record..record + 1));
        }
        match pending {
            Some((at, run)) => self.run(&self.checkpoints[at], run, &mut sink),
            None => Ok(()),
        }
    }

    /// The numbers of a checkpoint's records whose pages no list between gives back.
    fn kept(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let pfns = self.checkpoints[index].pages.pfns().iter().enumerate();
        let kept = pfns.filter(move |(_, pfn)| !self.given_back.is_gone(**pfn, index));
        kept.map(|(record, _)| record)
    }

    /// Gives records that stand side by side.
    fn run<E>(
        &self,
        checkpoint: &Checkpoint,
        run: Range<usize>,
        sink: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if run.is_empty() {
            return Ok(());
        }
        let page_size = self.image.page_size;
        let untouched = checkpoint.replaced.range(run.clone()).next().is_none();
        if let (true, Some(data)) = (untouched, &self.image.data) {
            let place = |record| size::place(checkpoint.pages.record_offset(record));
            let bytes = &data[place(run.start)..place(run.end)];
            return sink(Event::Pages(PageRun::new(bytes, page_size)));
        }
        let mut bytes = Vec::with_capacity(8 + page_size);
        for record in run {
            let Some(page) = self.image.page(checkpoint, record) else {
                continue;
            };
            bytes.clear();
            bytes.extend_from_slice(&checkpoint.pages.pfns()[record].to_le_bytes());
            bytes.extend_from_slice(page);
            sink(Event::Pages(PageRun::new(&bytes, page_size)))?;
        }
        Ok(())
    }
}

/// What the lists of all checkpoints but the last give back.
fn given_back(checkpoints: &[Checkpoint]) -> GivenBack {
    let before = checkpoints
        .split_last()
        .map_or(&[][..], |(_, before)| before);
    GivenBack::of(before)
}

/// Every pfn once, ascending, with the checkpoint and the record that have its last copy; not those
/// that a checkpoint between gave back.
pub(super) fn survivors(
    checkpoints: &[Checkpoint],
) -> impl Iterator<Item = (u64, usize, usize)> + '_ {
    let mut cursors: Vec<_> = checkpoints
        .iter()
        .map(|checkpoint| checkpoint.pages.last_copies())
        .collect();
    // The least pfn comes out first, and of equal ones that of the last checkpoint.
    let mut heads: BinaryHeap<(Reverse<u64>, usize, usize)> = BinaryHeap::new();
    for (index, cursor) in cursors.iter_mut().enumerate() {
        heads.extend(
            cursor
                .next()
                .map(|(pfn, record, _)| (Reverse(pfn), index, record)),
        );
    }
    let mut before = None;
    let given_back = given_back(checkpoints);
    core::iter::from_fn(move || {
        loop {
            let (Reverse(pfn), index, record) = heads.pop()?;
            let next = cursors[index].next();
            heads.extend(next.map(|(pfn, record, _)| (Reverse(pfn), index, record)));
            if before.replace(pfn) != Some(pfn) && !given_back.is_gone(pfn, index) {
                return Some((pfn, index, record));
            }
        }
    })
}

/// A result without its pages would be none.
fn at_hand(image: &Image, checkpoint: &Checkpoint) -> Result<(), Error> {
    let pages = &checkpoint.pages;
    let end = pages.record_offset(pages.len());
    let whole = image
        .data
        .as_ref()
        .is_some_and(|data| end <= data.len() as u64);
    if whole {
        return Ok(());
    }
    let missing = |record: &usize| image.page(checkpoint, *record).is_none();
    match (0..pages.len()).find(missing) {
        None => Ok(()),
        Some(record) => {
            let offset = pages.record_offset(record) + 8;
            Err(
                Error::new(Code::ConvertPages, offset, format!("pages[{record}].page"))
                    .expected("an image in a file or in memory, not from a stream"),
            )
        }
    }
}
