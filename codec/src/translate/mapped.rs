//! Everything that page tables map, in order.

use alloc::collections::BTreeMap;

use super::fixed::Mapping;
use super::geometry::IN_REGION;
use super::how::Origin;
use super::tables::{MOST_LEVELS, Tables};
use crate::memory::Memory;

/// A table on the way.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    table: u64,
    /// First address within the region that it covers.
    base: u64,
    /// The next entry.
    index: u64,
}

/// The pages that the tables of a region map from one address to another, ascending.
///
/// However tables name each other, no more is gone through than there is memory: a table that has its
/// place at one address is not entered at another.
#[derive(Debug)]
pub(super) struct Pages<'a, 't> {
    memory: &'a Memory<'a>,
    tables: &'t Tables,
    region: usize,
    /// Last address within the region.
    last: u64,
    shift: u32,
    root: (u64, Origin),
    steps: [Step; MOST_LEVELS],
    /// Steps that are taken; the last is the lowest table.
    depth: usize,
}

/// Where tables have their place: level, and first address within the region.
pub(super) type Places = BTreeMap<u64, (u32, u64)>;

impl<'a, 't> Pages<'a, 't> {
    /// Those of `first` to `last`, two addresses of one region of 0 to 5.
    pub fn new(
        memory: &'a Memory<'a>,
        tables: &'t Tables,
        (first, last): (u64, u64),
        rr_log2: Option<u32>,
    ) -> Option<Self> {
        let region = (first >> 61) as usize;
        let root = tables.directory(region).ok()?;
        let geometry = tables.geometry;
        let reach = (1 << geometry.reach_log2(region)) - 1;
        let shift = geometry.shift(rr_log2);
        let from = first & IN_REGION;
        let mut pages = Pages {
            memory,
            tables,
            region,
            last: (last & IN_REGION).min(reach),
            shift,
            root,
            steps: [Step::default(); MOST_LEVELS],
            depth: 0,
        };
        if from <= pages.last {
            pages.enter(root.0, 0, from);
        }
        Some(pages)
    }

    /// The level of a step.
    fn level(&self, depth: usize) -> u32 {
        self.tables.geometry.levels - 1 - depth as u32
    }

    /// Log2 of the addresses that an entry covers.
    fn span_log2(&self, level: u32) -> u32 {
        self.tables.geometry.span_log2(level) + self.shift
    }

    /// Begins with a table, at the entry for an address.
    fn enter(&mut self, table: u64, base: u64, from: u64) {
        let level = self.level(self.depth);
        let index = from.saturating_sub(base) >> self.span_log2(level).min(63);
        self.steps[self.depth] = Step { table, base, index };
        self.depth += 1;
    }

    /// The next page.
    pub fn next(&mut self, from: u64, places: &mut Places) -> Option<Mapping> {
        let geometry = self.tables.geometry;
        while self.depth > 0 {
            let depth = self.depth - 1;
            let level = self.level(depth);
            let step = &mut self.steps[depth];
            let (table, index) = (step.table, step.index);
            step.index += 1;
            let base = step.base;
            let span_log2 = self.span_log2(level);
            let covered = index
                .checked_shl(span_log2)
                .filter(|covered| covered >> span_log2 == index)
                .and_then(|covered| base.checked_add(covered))
                .filter(|first| index < geometry.entries() && *first <= self.last);
            let Some(first) = covered else {
                self.depth = depth;
                continue;
            };
            let top = level + 1 == geometry.levels;
            let place = if top {
                geometry.index(self.region, level, first >> self.shift)
            } else {
                index
            };
            let entry = Tables::entry(self.memory, table, place, level, self.root.1);
            let Ok(entry) = entry else {
                self.depth = depth;
                continue;
            };
            if level == 0 {
                let Ok(leaf) = self.tables.leaf(entry, self.shift) else {
                    continue;
                };
                let base = (self.region as u64) << 61;
                return Some(Mapping {
                    first: base | first,
                    last: base | (first + ((1 << leaf.log2) - 1)).min(IN_REGION),
                    physical: leaf.physical,
                    how: self.tables.how(self.root),
                });
            }
            let Ok(next) = self.tables.next(self.memory, entry) else {
                continue;
            };
            let own = (level - 1, (self.region as u64) << 61 | first);
            let is_root = [self.tables.process, self.tables.kernel]
                .iter()
                .any(|root| root.is_ok_and(|(root, _)| root == next));
            if !is_root && *places.entry(next).or_insert(own) == own {
                self.enter(next, first, from & IN_REGION);
            }
        }
        None
    }
}
