//! What every pfn of the domain is, as ranges: the picture of an image.

use super::{Checkpoint, PageIndex};
use crate::pfns::{Cursor, PfnSet, Pfns};
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
    pub pfns: Pfns,
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
            && self.pfns.meets(next.pfns)
            && (self.state, self.zero, self.listed) == (next.state, next.zero, next.listed)
    }

    /// Pages in it.
    pub fn pages(&self) -> u64 {
        self.pfns.pages()
    }
}

impl Checkpoint {
    /// Tells what every pfn is, from 0 to the last that is RAM, sent or listed; extents are as long
    /// as they can be. Time grows with the records and ranges of the image, not with pfns, and no
    /// extent is kept.
    pub fn map(&self, ram: &RamMap, tell: &mut dyn FnMut(Extent)) {
        let list = self.unallocated.as_ref();
        let listed = list.map_or_else(PfnSet::default, super::Unallocated::set);
        let ram = ram.joined();
        let last = ram.last().max(listed.last());
        let mut map = Map {
            tell,
            last: None,
            left_out: if self.is_told() {
                State::Hole
            } else {
                State::Unread
            },
            ram: ram.cursor(),
            listed: listed.cursor(),
            next: Some(0),
        };
        for (pfn, record, copies) in self.pages.last_copies() {
            if let Some(before) = pfn.checked_sub(1) {
                map.fill(before);
            }
            map.page(&self.pages, pfn, record, copies);
        }
        if let Some(last) = last {
            map.fill(last);
        }
        if let Some(last) = map.last {
            (map.tell)(last);
        }
    }

    /// Whether the stream got as far as to say which pages it leaves out.
    fn is_told(&self) -> bool {
        let list = self.unallocated.as_ref();
        self.complete || list.is_some_and(|list| list.len() == u64::from(list.count))
    }
}

struct Map<'t, 's> {
    tell: &'t mut dyn FnMut(Extent),
    /// May grow still.
    last: Option<Extent>,
    /// What RAM is that is neither sent nor listed.
    left_out: State,
    ram: Cursor<'s>,
    listed: Cursor<'s>,
    /// The pfn behind the last extent; none behind the last of all numbers.
    next: Option<u64>,
}

impl Map<'_, '_> {
    /// Says what the pfns without a page are, up to `last` and with it.
    fn fill(&mut self, last: u64) {
        while let Some(pfns) = self.next.and_then(|next| Pfns::new(next, last)) {
            let (is_ram, ram_until) = self.ram.look(pfns.first());
            let (is_listed, listed_until) = self.listed.look(pfns.first());
            let state = match (is_listed, is_ram) {
                (true, _) => State::Unallocated,
                (false, true) => self.left_out,
                (false, false) => State::NotRam,
            };
            // Both answers hold for the first at least.
            let until = last.min(ram_until).min(listed_until);
            let Some(pfns) = Pfns::new(pfns.first(), until) else {
                return;
            };
            self.push(Extent {
                pfns,
                state,
                zero: None,
                listed: is_listed,
                record: None,
            });
        }
    }

    fn page(&mut self, pages: &PageIndex, pfn: u64, record: usize, copies: usize) {
        let listed = self.listed.contains(pfn);
        let state = if copies > 1 {
            State::SentAgain
        } else {
            State::Sent
        };
        let zero = pages.is_zero(record);
        self.push(Extent {
            pfns: Pfns::one(pfn),
            state,
            zero,
            listed,
            record: Some(record),
        });
    }

    fn push(&mut self, extent: Extent) {
        self.next = extent.pfns.end();
        match &mut self.last {
            Some(last) if last.joins(&extent) => {
                last.pfns.push(extent.pfns);
            }
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
    use alloc::vec::Vec;

    #[test]
    fn every_pfn_is_in_one_extent() {
        let mut checkpoint = Checkpoint {
            pages: PageIndex::new(0, 8),
            ..Checkpoint::default()
        };
        checkpoint.pages.extend([0, 1, 3, 12, 1].into_iter());
        checkpoint.pages.finish();
        let runs = Pfns::gather([4, 5, 3]);
        checkpoint.unallocated = Some(Unallocated {
            count: 3,
            runs,
            ..Unallocated::default()
        });
        let mut map = Vec::new();
        let ram = RamMap::new([10..14, 0..8].into_iter().filter_map(Pfns::of));
        checkpoint.map(&ram, &mut |extent| map.push(extent));
        let told: Vec<_> = map
            .iter()
            .map(|e| (e.pfns, e.state, e.listed, e.record))
            .collect();
        let pfns = |range| Pfns::of(range).unwrap();
        assert_eq!(
            told,
            vec![
                (pfns(0..1), State::Sent, false, Some(0)),
                (pfns(1..2), State::SentAgain, false, Some(4)),
                (pfns(2..3), State::Hole, false, None),
                (pfns(3..4), State::Sent, true, Some(2)),
                (pfns(4..6), State::Unallocated, true, None),
                (pfns(6..8), State::Hole, false, None),
                (pfns(8..10), State::NotRam, false, None),
                (pfns(10..12), State::Hole, false, None),
                (pfns(12..13), State::Sent, false, Some(3)),
                (pfns(13..14), State::Hole, false, None),
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
            runs: vec![Pfns::one(2)],
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
            runs: vec![Pfns::one(u64::MAX)],
            ..Unallocated::default()
        });
        let mut told = Vec::new();
        checkpoint.map(&RamMap::default(), &mut |e| told.push((e.pfns, e.state)));
        let max = u64::MAX;
        assert_eq!(
            told,
            vec![
                (Pfns::of(0..max - 1).unwrap(), State::NotRam),
                (Pfns::one(max - 1), State::Sent),
                (Pfns::one(max), State::Unallocated),
            ]
        );
    }
}
