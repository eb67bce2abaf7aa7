//! All that is mapped, in order.

use core::ops::RangeInclusive;

use super::fixed::Mapping;
use super::mapped::{Pages, Places};
use super::view::View;

/// The mappings of a view, ascending ([`View::mappings`]). Pages that follow each other in both respects
/// are one.
#[derive(Debug)]
pub struct Mappings<'a, 'v> {
    view: &'v View<'a>,
    /// The next address; `None` at the end.
    next: Option<u64>,
    last: u64,
    /// The tables of the gap between two fixed mappings that is gone through.
    pages: Option<Pages<'a, 'v>>,
    /// Behind that gap.
    after: u64,
    places: Places,
    /// Found, and not yet given, since what follows may belong to it.
    held: Option<Mapping>,
    /// Page tables of regions 0 to 4 are gone through too.
    processes: bool,
}

impl<'a> View<'a> {
    /// What is mapped among these addresses, by registers and by tables, ascending; pages that follow each
    /// other in both respects are one. Whether the image has them is not looked at.
    pub fn mappings(&self, addresses: RangeInclusive<u64>) -> Mappings<'a, '_> {
        Mappings::new(self, *addresses.start(), *addresses.end())
    }
}

impl<'a, 'v> Mappings<'a, 'v> {
    fn new(view: &'v View<'a>, first: u64, last: u64) -> Self {
        Mappings {
            view,
            next: (first <= last).then_some(first),
            last,
            pages: None,
            after: 0,
            places: Places::new(),
            held: None,
            processes: true,
        }
    }

    /// Without what page tables map in regions 0 to 4.
    #[must_use]
    pub fn without_processes(mut self) -> Self {
        self.processes = false;
        self
    }

    /// The next, whatever it follows.
    fn step(&mut self) -> Option<Mapping> {
        loop {
            let from = self.next?;
            if let Some(pages) = &mut self.pages {
                let found = pages.next(from, &mut self.places);
                if let Some(page) = found {
                    let end = self.after.min(self.last);
                    // A page of hugetlbfs may begin before the gap, and end behind it.
                    let (first, last) = (page.first.max(from), page.last.min(end));
                    if first <= last {
                        return Some(page.part(first, last));
                    }
                    continue;
                }
                self.pages = None;
                self.go_on(self.after);
                continue;
            }
            let place = self.view.fixed.place(from);
            let fixed = self.view.fixed.mappings.get(place);
            if let Some(mapping) = fixed.filter(|mapping| mapping.first <= from) {
                let last = mapping.last.min(self.last);
                let part = mapping.part(from, last);
                self.go_on(last);
                return Some(part);
            }
            // A gap: up to the next fixed mapping, or the end of the region.
            let region = from >> 61;
            let mut end = self.last.min(from | ((1 << 61) - 1));
            if let Some(mapping) = fixed {
                end = end.min(mapping.first - 1);
            }
            if region > 5 || region < 5 && !self.processes {
                self.go_on(end);
                continue;
            }
            let log2 = self.view.registers().page_log2(region as usize);
            let range = (from, end);
            self.pages = Pages::new(self.view.memory, &self.view.tables, range, log2);
            self.after = end;
            if self.pages.is_none() {
                self.go_on(end);
            }
        }
    }

    /// Goes on behind an address.
    fn go_on(&mut self, behind: u64) {
        self.next = behind.checked_add(1).filter(|next| *next <= self.last);
    }
}

impl Iterator for Mappings<'_, '_> {
    type Item = Mapping;

    fn next(&mut self) -> Option<Mapping> {
        loop {
            let Some(found) = self.step() else {
                return self.held.take();
            };
            let joined = self.held.as_mut().is_some_and(|held| held.push(&found));
            if !joined && let Some(done) = self.held.replace(found) {
                return Some(done);
            }
        }
    }
}
