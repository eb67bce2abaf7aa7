//! What every pfn of the domain is, as ranges: the picture of an image.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Checkpoint, PageIndex};
use crate::ram::RamMap;

/// What a pfn is in a checkpoint (spec 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// One page record.
    Sent,
    /// Several page records; the last counts.
    SentAgain,
    /// In the unallocated list, and not sent.
    Unallocated,
    /// RAM that is neither sent nor listed.
    Hole,
    /// RAM that is not sent up to where the stream breaks off: what would have become of it, nobody
    /// knows.
    Unread,
    /// Not RAM by the memory map, and not sent.
    NotRam,
}

impl State {
    /// `"sent"`, `"sent again"` and so on.
    pub fn name(self) -> &'static str {
        match self {
            State::Sent => "sent",
            State::SentAgain => "sent again",
            State::Unallocated => "unallocated",
            State::Hole => "hole",
            State::Unread => "unread",
            State::NotRam => "not RAM",
        }
    }
}

/// Neighbouring pfns of one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The pfns.
    pub pfns: Range<u64>,
    /// What they are.
    pub state: State,
    /// Whether the pages are all zero; `None` where nobody looked, or there is no page.
    pub zero: Option<bool>,
    /// The pages are also in the unallocated list: given back after they were sent.
    pub listed: bool,
    /// The record of the first page; those of the others follow it one by one.
    pub record: Option<usize>,
}

impl Extent {
    fn joins(&self, next: &Extent) -> bool {
        let records = match (self.record, next.record) {
            (None, None) => true,
            (Some(first), Some(next)) => {
                (first as u64).checked_add(self.pages()) == Some(next as u64)
            }
            _ => false,
        };
        records
            && self.pfns.end == next.pfns.start
            && (self.state, self.zero, self.listed) == (next.state, next.zero, next.listed)
    }

    /// Pages in it.
    pub fn pages(&self) -> u64 {
        self.pfns.end - self.pfns.start
    }
}

/// Ascending ranges, walked once.
struct Cursor {
    ranges: Vec<Range<u64>>,
    at: usize,
}

impl Cursor {
    fn new(ranges: Vec<Range<u64>>) -> Self {
        Cursor { ranges, at: 0 }
    }

    /// Whether `pfn` is in a range, and up to where that answer holds. `pfn` only grows.
    fn look(&mut self, pfn: u64) -> (bool, u64) {
        while self
            .ranges
            .get(self.at)
            .is_some_and(|range| range.end <= pfn)
        {
            self.at += 1;
        }
        match self.ranges.get(self.at) {
            Some(range) if range.start <= pfn => (true, range.end),
            Some(range) => (false, range.start),
            None => (false, u64::MAX),
        }
    }
}

impl Checkpoint {
    /// Tells what every pfn is, from 0 to the last that is RAM, sent or listed; extents are as long
    /// as they can be. Time grows with the records and ranges of the image, not with pfns, and no
    /// extent is kept.
    pub fn map(&self, ram: &RamMap, tell: &mut dyn FnMut(Extent)) {
        let listed = self.listed();
        let ram = ram.joined();
        let last = [ram.last(), listed.last()];
        let end = last.into_iter().flatten().map(|range| range.end).max();
        let mut map = Map {
            tell,
            last: None,
            left_out: if self.is_told() {
                State::Hole
            } else {
                State::Unread
            },
            ram: Cursor::new(ram),
            listed: Cursor::new(listed),
            next: 0,
        };
        for (pfn, record, copies) in self.pages.last_copies() {
            map.fill(pfn);
            map.page(&self.pages, pfn, record, copies);
        }
        map.fill(end.unwrap_or(0));
        if let Some(last) = map.last {
            (map.tell)(last);
        }
    }

    /// Whether the stream got as far as to say which pages it leaves out.
    fn is_told(&self) -> bool {
        let list = self.unallocated.as_ref();
        self.complete || list.is_some_and(|list| list.len() == u64::from(list.count))
    }

    /// The unallocated list as ascending ranges that do not touch.
    fn listed(&self) -> Vec<Range<u64>> {
        let mut listed: Vec<Range<u64>> = Vec::new();
        let sorted = self.unallocated.as_ref().map(super::Unallocated::sorted);
        for range in sorted.unwrap_or_default() {
            let range = *range.start()..range.end().saturating_add(1);
            match listed.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => listed.push(range),
            }
        }
        listed
    }
}

struct Map<'t> {
    tell: &'t mut dyn FnMut(Extent),
    /// May grow still.
    last: Option<Extent>,
    /// What RAM is that is neither sent nor listed.
    left_out: State,
    ram: Cursor,
    listed: Cursor,
    next: u64,
}

impl Map<'_> {
    /// Says what the pfns without a page are, up to `end`.
    fn fill(&mut self, end: u64) {
        while self.next < end {
            let (is_ram, ram_until) = self.ram.look(self.next);
            let (is_listed, listed_until) = self.listed.look(self.next);
            let state = match (is_listed, is_ram) {
                (true, _) => State::Unallocated,
                (false, true) => self.left_out,
                (false, false) => State::NotRam,
            };
            let until = end.min(ram_until).min(listed_until);
            self.push(Extent {
                pfns: self.next..until,
                state,
                zero: None,
                listed: is_listed,
                record: None,
            });
        }
    }

    fn page(&mut self, pages: &PageIndex, pfn: u64, record: usize, copies: usize) {
        let (listed, _) = self.listed.look(pfn);
        let state = if copies > 1 {
            State::SentAgain
        } else {
            State::Sent
        };
        let zero = pages.is_zero(record);
        let pfns = pfn..pfn.saturating_add(1);
        self.push(Extent {
            pfns,
            state,
            zero,
            listed,
            record: Some(record),
        });
    }

    fn push(&mut self, extent: Extent) {
        self.next = extent.pfns.end;
        match &mut self.last {
            Some(last) if last.joins(&extent) => last.pfns.end = extent.pfns.end,
            last => {
                if let Some(done) = last.replace(extent) {
                    (self.tell)(done);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Unallocated;
    use alloc::vec;

    #[test]
    fn every_pfn_is_in_one_extent() {
        let mut checkpoint = Checkpoint {
            pages: PageIndex::new(0, 8),
            ..Checkpoint::default()
        };
        checkpoint.pages.extend([0, 1, 3, 12, 1].into_iter());
        checkpoint.pages.finish();
        let ranges = vec![4..=5, 3..=3];
        checkpoint.unallocated = Some(Unallocated {
            count: 3,
            ranges,
            ..Unallocated::default()
        });
        let mut map = Vec::new();
        checkpoint.map(&RamMap::new([10..14, 0..8]), &mut |extent| map.push(extent));
        let told: Vec<_> = map
            .iter()
            .map(|e| (e.pfns.clone(), e.state, e.listed, e.record))
            .collect();
        assert_eq!(
            told,
            vec![
                (0..1, State::Sent, false, Some(0)),
                (1..2, State::SentAgain, false, Some(4)),
                (2..3, State::Hole, false, None),
                (3..4, State::Sent, true, Some(2)),
                (4..6, State::Unallocated, true, None),
                (6..8, State::Hole, false, None),
                (8..10, State::NotRam, false, None),
                (10..12, State::Hole, false, None),
                (12..13, State::Sent, false, Some(3)),
                (13..14, State::Hole, false, None),
            ]
        );
    }

    #[test]
    fn nobody_knows_what_a_stream_would_have_said_that_breaks_off() {
        let states = |list: Option<Unallocated>| {
            let mut checkpoint = Checkpoint {
                pages: PageIndex::new(0, 8),
                unallocated: list,
                ..Checkpoint::default()
            };
            checkpoint.pages.extend([0].into_iter());
            checkpoint.pages.finish();
            let mut states = Vec::new();
            checkpoint.map(&RamMap::flat(3), &mut |extent| {
                states.push(extent.state);
            });
            states
        };
        let list = |count| Unallocated {
            count,
            ranges: vec![2..=2],
            ..Unallocated::default()
        };
        let sent = State::Sent;
        assert_eq!(states(None), [sent, State::Unread]);
        assert_eq!(
            states(Some(list(2))),
            [sent, State::Unread, State::Unallocated]
        );
        assert_eq!(
            states(Some(list(1))),
            [sent, State::Hole, State::Unallocated]
        );
    }

    #[test]
    fn frames_at_the_end_of_the_numbers_end_the_map() {
        let mut checkpoint = Checkpoint {
            pages: PageIndex::new(0, 8),
            ..Checkpoint::default()
        };
        checkpoint.pages.extend([u64::MAX - 1].into_iter());
        checkpoint.pages.finish();
        checkpoint.unallocated = Some(Unallocated {
            count: 1,
            ranges: vec![u64::MAX..=u64::MAX],
            ..Unallocated::default()
        });
        let mut count = 0;
        checkpoint.map(&RamMap::default(), &mut |_| count += 1);
        assert_eq!(count, 2);
    }
}
