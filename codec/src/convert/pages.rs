//! The page records: all of them in the order of the stream, or the last copy of each page (spec 5).

use alloc::collections::BinaryHeap;
use alloc::format;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::{Range, RangeInclusive};

use super::unallocated::{contains, disjoint};
use crate::code::Code;
use crate::decode::Event;
use crate::error::Error;
use crate::grammar::PageRun;
use crate::image::{Checkpoint, Image};

/// Records in one run: as many as the decoder gives at once.
const RUN: usize = 256;

/// Which records go out.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    image: &'a Image,
    checkpoints: &'a [Checkpoint],
    /// The pfns whose records are dropped, where but the last copy of each page goes out.
    compact: Option<Vec<RangeInclusive<u64>>>,
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
            disjoint(list.map_or(Vec::new(), |list| list.ranges.clone()))
        };
        let mut pages = Pages {
            image,
            checkpoints,
            compact: compact.then(listed),
            records: 0,
        };
        pages.records = match &pages.compact {
            None => checkpoints.iter().map(|c| c.pages.len() as u64).sum(),
            Some(dropped) => survivors(checkpoints)
                .filter(|(pfn, ..)| !contains(dropped, *pfn))
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
            for checkpoint in self.checkpoints {
                let all = checkpoint.pages.len();
                for first in (0..all).step_by(RUN) {
                    self.run(checkpoint, first..all.min(first + RUN), &mut sink)?;
                }
            }
            return Ok(());
        };
        let mut pending: Option<(usize, Range<usize>)> = None;
        for (pfn, index, record) in survivors(self.checkpoints) {
            if contains(dropped, pfn) {
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

    /// Gives records that stand side by side.
    fn run<E>(
        &self,
        checkpoint: &Checkpoint,
        run: Range<usize>,
        sink: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let page_size = self.image.page_size;
        let untouched = checkpoint.replaced.range(run.clone()).next().is_none();
        if let (true, Some(data)) = (untouched, &self.image.data) {
            let place = |record| checkpoint.pages.record_offset(record) as usize;
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

/// Every pfn once, ascending, with the checkpoint and the record that have its last copy.
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
    core::iter::from_fn(move || {
        loop {
            let (Reverse(pfn), index, record) = heads.pop()?;
            let next = cursors[index].next();
            heads.extend(next.map(|(pfn, record, _)| (Reverse(pfn), index, record)));
            if before.replace(pfn) != Some(pfn) {
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
