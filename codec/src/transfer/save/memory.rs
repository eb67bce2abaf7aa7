//! Which pages are to be sent, and the trips through RAM that send them.
//!
//! Per page of the p2m this takes two bits, and four bytes more in a live save: the frame that was
//! sent last. Log-dirty does not see a page that the guest gave back and got anew, nor one that it
//! got after log-dirty began, until the next clean; another frame, or none, gives both away. What came and
//! was sent between two cleans is sent again after the second: only from there on writes to it are seen.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::output::Output;
use crate::dialect::Version;
use crate::pfns::Pfns;
use crate::ram::RamMap;
use crate::transfer::bitmap::PfnBitmap;
use crate::transfer::cancel::Cancel;
use crate::transfer::error::Cause;
use crate::transfer::observer::{Observer, Pass};
use crate::transfer::ports::{
    Domain, Errno, P2mEntry, PageResult, PortCall, PortError, Sink, SourceDomain,
};

/// Pages of one call. A real one takes up to 2047; from some hundred on more does not help, and the
/// sink's buffer has to hold them.
pub(super) const BATCH: usize = 256;

/// Entries of the p2m that one of its pages holds: what is looked at at once.
const BLOCK: u64 = 2048;

/// No frame of the page has been sent.
const NEVER: u32 = u32::MAX;

/// Which pages a trip sends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trip<'a> {
    /// Those to be sent that are not dirty.
    Pass,
    /// Those to be sent that are in a set, up to a number.
    Stretch {
        most: u64,
        among: Option<&'a PfnBitmap>,
    },
    /// Those of the snapshot that are to be sent, or all of it.
    Last { all: bool },
}

/// The state of the page stream.
#[derive(Debug)]
pub(super) struct Memory {
    version: Version,
    /// RAM in the order of the memory map, as far as the p2m reaches, and the rank of the first page
    /// of each range.
    ranges: Vec<(Range<u64>, u64)>,
    /// Pages of all ranges; more than there are where ranges overlap.
    total: u64,
    pub(super) ram_pages: u64,
    ram: RamMap,
    /// Trips through RAM that a reader finds in what was sent, and the rank of the last record.
    pub(super) passes: u32,
    last_rank: Option<u64>,
    /// What lies between the ranges.
    gaps: Vec<Range<u64>>,
    /// Live alone.
    pub(super) to_send: PfnBitmap,
    /// What became dirty; in the last pass the snapshot of what is there.
    pub(super) dirty: PfnBitmap,
    /// The low bits of the frame that each page had when it was looked at first, or sent. Live alone.
    frames: Vec<u32>,
    /// Pages to send again whatever log-dirty says: they could not be read, or came since the last clean.
    again: Vec<u64>,
    /// Where the next stretch begins: a rank.
    cursor: u64,
    pub(super) sent: u64,
    skip_unreadable: bool,
    batch: Vec<u64>,
    batch_frames: Vec<u32>,
    results: Vec<PageResult>,
    entries: Vec<P2mEntry>,
}

impl Memory {
    /// For a domain whose p2m has `p2m_size` entries.
    pub(super) fn new(
        version: Version,
        ram: &RamMap,
        p2m_size: u64,
        live: bool,
        skip_unreadable: bool,
    ) -> Memory {
        let table = p2m_size.next_multiple_of(BLOCK);
        let mut total = 0;
        let mut ranges = Vec::new();
        // Of the p2m, nothing is below no page.
        let below = |run: &Pfns| run.before(table);
        for run in ram.runs().iter().filter_map(below) {
            ranges.push((run.first()..run.last() + 1, total));
            total += run.pages();
        }
        let mut gaps = Vec::new();
        let mut covered = 0;
        let mut ram_pages = 0;
        for run in ram.joined().runs().iter().filter_map(below) {
            if run.first() > covered {
                gaps.push(covered..run.first());
            }
            ram_pages += run.pages();
            covered = run.last() + 1;
        }
        gaps.push(covered..table);
        let (mut to_send, mut frames) = (PfnBitmap::default(), Vec::new());
        if live {
            to_send = PfnBitmap::new(table);
            for (range, _) in &ranges {
                to_send.insert_range(range.clone());
            }
            frames = vec![NEVER; usize::try_from(table).unwrap_or(0)];
        }
        Memory {
            version,
            ranges,
            total,
            ram_pages,
            ram: ram.clone(),
            passes: 0,
            last_rank: None,
            gaps,
            to_send,
            dirty: PfnBitmap::new(table),
            frames,
            again: Vec::new(),
            cursor: 0,
            sent: 0,
            skip_unreadable,
            batch: Vec::with_capacity(BATCH),
            batch_frames: Vec::with_capacity(BATCH),
            results: vec![Ok(()); BATCH],
            entries: vec![P2mEntry::EMPTY; BLOCK as usize],
        }
    }

    /// Looks what is there before anything is sent: how many pages, and in `dirty` which.
    pub(super) fn first_look<D: Domain>(
        &mut self,
        domain: &mut D,
        cancel: Cancel<'_>,
    ) -> Result<u64, Cause> {
        self.snapshot(domain, cancel)?;
        Ok(self.dirty.len())
    }

    /// Has the first stretch send what the first look found. A pass looks at each page by itself.
    pub(super) fn leave_out_holes(&mut self) {
        self.to_send.clone_from(&self.dirty);
    }

    /// `dirty` has what a clean gave: the pages that a trip left and these are to be sent next.
    pub(super) fn cleaned(&mut self, trip: Trip<'_>) {
        for gap in &self.gaps {
            self.dirty.remove_range(gap.clone());
        }
        if matches!(trip, Trip::Pass) {
            self.to_send.clone_from(&self.dirty);
        } else {
            self.to_send.union(&self.dirty);
        }
        for pfn in self.again.drain(..) {
            self.to_send.insert(pfn);
        }
    }

    /// Everything was sent, but for what is dirty: a further checkpoint begins.
    pub(super) fn next_checkpoint(&mut self) {
        self.to_send.clear();
        self.last_rank = None;
    }

    /// Notes, while the domain is suspended, what is there: `dirty` becomes the set of pages that
    /// are sent or have been, all others of RAM are unallocated. One look, so that no page can fall
    /// between the two.
    pub(super) fn snapshot<D: Domain>(
        &mut self,
        domain: &mut D,
        cancel: Cancel<'_>,
    ) -> Result<(), Cause> {
        self.dirty.clear();
        let mut rank = 0;
        while rank < self.total {
            cancel.check()?;
            let block = self.block(rank, self.total - rank);
            rank += block.end - block.start;
            self.look(domain, &block)?;
            for (pfn, entry) in block.clone().zip(&self.entries) {
                let there = self.is_sendable(*entry);
                if there {
                    self.dirty.insert(pfn);
                }
                if let Some(sent_from) = self.frames.get_mut(pfn as usize) {
                    if !there {
                        *sent_from = NEVER;
                    } else if *sent_from != low_bits(*entry) {
                        *sent_from = low_bits(*entry);
                        self.to_send.insert(pfn);
                    }
                }
            }
        }
        Ok(())
    }

    /// The unallocated pages of the snapshot, in the order of the memory map.
    pub(super) fn unallocated(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges.iter().flat_map(|(range, _)| {
            let missing = |pfn: &u64| !self.dirty.contains(*pfn);
            range.clone().filter(missing)
        })
    }

    /// How many those are.
    pub(super) fn unallocated_count(&self) -> u64 {
        self.ranges
            .iter()
            .map(|(range, _)| range.end - range.start - self.dirty.count_in(range.clone()))
            .sum()
    }

    /// Sends the pages of a trip and says in `pass` what became of them.
    pub(super) fn send<D: SourceDomain, S: Sink>(
        &mut self,
        trip: Trip<'_>,
        domain: &mut D,
        out: &mut Output<'_, S>,
        observer: &mut dyn Observer,
        pass: &mut Pass,
    ) -> Result<(), Cause> {
        let most = match trip {
            Trip::Stretch { most, .. } => most,
            Trip::Pass | Trip::Last { .. } => u64::MAX,
        };
        let mut at = match trip {
            Trip::Stretch { .. } => self.cursor,
            Trip::Pass | Trip::Last { .. } => 0,
        };
        let mut left = self.total;
        let mut chosen = 0;
        while left > 0 && chosen < most {
            out.cancel.check()?;
            let block = self.block(at, left);
            let mut passed = block.end - block.start;
            if self.concerns(trip, &block) {
                self.look(domain, &block)?;
                for (index, pfn) in block.enumerate() {
                    let entry = self.entries[index];
                    if !self.chooses(trip, pfn, entry, pass) {
                        continue;
                    }
                    self.batch.push(pfn);
                    self.batch_frames.push(low_bits(entry));
                    chosen += 1;
                    if self.batch.len() == BATCH {
                        self.flush(trip, domain, out, observer, pass)?;
                    }
                    if chosen == most {
                        passed = index as u64 + 1;
                        break;
                    }
                }
            }
            at += passed;
            left -= passed;
            if at == self.total {
                at = 0;
            }
        }
        self.cursor = at;
        self.flush(trip, domain, out, observer, pass)
    }

    /// Whether a trip may send any page of a block.
    fn concerns(&self, trip: Trip<'_>, block: &Range<u64>) -> bool {
        match trip {
            Trip::Stretch {
                among: Some(among), ..
            } if !among.intersects(block.clone()) => false,
            Trip::Pass | Trip::Stretch { .. } | Trip::Last { all: false } => {
                self.to_send.intersects(block.clone())
            }
            Trip::Last { all: true } => self.dirty.intersects(block.clone()),
        }
    }

    /// Whether a trip sends a page.
    fn chooses(&mut self, trip: Trip<'_>, pfn: u64, entry: P2mEntry, pass: &mut Pass) -> bool {
        match trip {
            Trip::Last { all } => self.dirty.contains(pfn) && (all || self.to_send.contains(pfn)),
            Trip::Pass | Trip::Stretch { .. } if !self.is_sendable(entry) => {
                // Should it come back, then with a frame that was not sent.
                self.frames[pfn as usize] = NEVER;
                self.to_send.remove(pfn);
                false
            }
            Trip::Pass => {
                let to_send = self.to_send.contains(pfn);
                let is_dirty = self.dirty.contains(pfn);
                pass.skipped += u64::from(to_send && is_dirty);
                to_send && !is_dirty
            }
            Trip::Stretch { among, .. } => {
                let to_send = self.to_send.contains(pfn);
                let chosen = among.is_none_or(|among| among.contains(pfn));
                pass.held_back += u64::from(to_send && !chosen);
                to_send && chosen
            }
        }
    }

    /// Sends the batch.
    fn flush<D: SourceDomain, S: Sink>(
        &mut self,
        trip: Trip<'_>,
        domain: &mut D,
        out: &mut Output<'_, S>,
        observer: &mut dyn Observer,
        pass: &mut Pass,
    ) -> Result<(), Cause> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let results = &mut self.results[..self.batch.len()];
        results.fill(Ok(()));
        let written = out.pages(domain, &self.batch, results)? as u64;
        pass.sent += written;
        self.sent += written;
        for index in 0..self.batch.len() {
            let pfn = self.batch[index];
            match self.results[index] {
                Ok(()) => {
                    self.count(pfn);
                    if let Some(frame) = self.frames.get_mut(pfn as usize) {
                        // One that came since the last clean is written to unseen until the next.
                        let came = *frame != self.batch_frames[index];
                        *frame = self.batch_frames[index];
                        if came && !matches!(trip, Trip::Last { .. }) {
                            self.again.push(pfn);
                        }
                    }
                    if matches!(trip, Trip::Stretch { .. }) {
                        self.to_send.remove(pfn);
                    }
                }
                Err(errno) => self.unreadable(trip, domain, observer, pass, pfn, errno)?,
            }
        }
        self.batch.clear();
        self.batch_frames.clear();
        if observer.sending(self.sent) {
            Ok(())
        } else {
            Err(Cause::Cancelled)
        }
    }

    /// A record was written: whether it begins a pass.
    fn count(&mut self, pfn: u64) {
        let rank = self.ram.rank(pfn);
        if self.last_rank.is_none() || rank <= self.last_rank {
            self.passes = self.passes.saturating_add(1);
        }
        self.last_rank = rank;
    }

    /// A page could not be read. The guest may have given it back since its entry was looked at. In
    /// version 1, entries without memory of the domain's own are sent too, and need not be readable.
    fn unreadable<D: Domain>(
        &mut self,
        trip: Trip<'_>,
        domain: &mut D,
        observer: &mut dyn Observer,
        pass: &mut Pass,
        pfn: u64,
        errno: Errno,
    ) -> Result<(), Cause> {
        let mut entry = [P2mEntry::EMPTY];
        domain.read_p2m(pfn, &mut entry)?;
        let last = matches!(trip, Trip::Last { .. });
        if !self.is_sendable(entry[0]) {
            if let Some(frame) = self.frames.get_mut(pfn as usize) {
                *frame = NEVER;
            }
            if last {
                self.dirty.remove(pfn);
            }
            return Ok(());
        }
        pass.unreadable += 1;
        observer.unreadable(pfn, errno);
        if !last {
            self.again.push(pfn);
        } else if entry[0].is_allocated() && !self.skip_unreadable {
            let call = PortCall::ReadPages;
            return Err(Cause::Page { call, pfn, errno });
        }
        Ok(())
    }

    /// The entries of a block.
    fn look<D: Domain>(&mut self, domain: &mut D, block: &Range<u64>) -> Result<(), PortError> {
        let pages = (block.end - block.start) as usize;
        domain.read_p2m(block.start, &mut self.entries[..pages])
    }

    /// The pages from a rank on that lie in one range and one page of the p2m, `most` at most.
    fn block(&self, rank: u64, most: u64) -> Range<u64> {
        let after = self.ranges.partition_point(|(_, first)| *first <= rank);
        let (range, first) = &self.ranges[after - 1];
        let pfn = range.start + (rank - first);
        let end = range.end.min((pfn + 1).next_multiple_of(BLOCK));
        pfn..end.min(pfn + most)
    }

    fn is_sendable(&self, entry: P2mEntry) -> bool {
        match self.version {
            Version::V1 => entry.is_mapped(),
            Version::V2 | Version::V3 => entry.is_allocated(),
        }
    }
}

/// Enough of an entry to tell frames apart on any host with less than 64 TiB.
fn low_bits(entry: P2mEntry) -> u32 {
    entry.frame() as u32
}
