//! What the original would have come to by now.
//!
//! Over one link, both policies have sent equally many pages at any moment. So the pages sent are a
//! clock (and time in which nothing was sent counts as the pages that it would have taken), and what
//! became dirty between two readings of it does not depend on who sends: from what
//! [`Adaptive`](super::Adaptive) sees at its cleans, the original's passes can be followed page for
//! page, without sending them.

use super::{View, Xen};
use crate::transfer::bitmap::PfnBitmap;

/// The original, followed.
#[derive(Clone, Debug)]
pub(super) struct Baseline {
    xen: Xen,
    /// The pass under way.
    number: u32,
    /// Pages of it.
    pages: u64,
    /// The clock at its end.
    end: u64,
    /// What became dirty since it began.
    dirty: PfnBitmap,
    outcome: Option<Outcome>,
}

/// What the original would have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Pages of its last pass: what its downtime goes by.
    pub(super) last: u64,
    /// Pages that it would have sent, the last pass included.
    pub(super) sent: u64,
}

impl Baseline {
    /// Begins with the first pass.
    pub(super) fn new(xen: Xen, view: &View<'_>) -> Self {
        Baseline {
            xen,
            number: 1,
            pages: view.present,
            end: view.present,
            dirty: PfnBitmap::new(view.to_send.pfns()),
            outcome: None,
        }
    }

    /// Takes in what a clean gave, at a reading of the clock.
    pub(super) fn cleaned(&mut self, view: &View<'_>, clock: u64) {
        if self.outcome.is_some() {
            return;
        }
        self.dirty.union(view.dirty);
        if clock < self.end {
            return;
        }
        let dirty = self.dirty.len();
        if self
            .xen
            .stops(self.number, self.pages, self.end, view.p2m_size)
        {
            self.outcome = Some(Outcome {
                last: dirty,
                sent: self.end + dirty,
            });
            return;
        }
        self.number += 1;
        self.pages = dirty;
        self.end += dirty;
        self.dirty.clear();
    }

    /// Pages until its pass ends: a clean just then makes the following exact.
    pub(super) fn until_the_pass_ends(&self, clock: u64) -> u64 {
        match self.outcome {
            Some(_) => u64::MAX,
            None => self.end.saturating_sub(clock).max(1),
        }
    }

    /// What it would have come to, once that is known.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const PAGES: u64 = 1000;

    fn set(pfns: impl IntoIterator<Item = u64>) -> PfnBitmap {
        let mut set = PfnBitmap::new(PAGES);
        pfns.into_iter().for_each(|pfn| set.insert(pfn));
        set
    }

    fn view<'a>(sent: u64, all: &'a PfnBitmap, dirty: &'a PfnBitmap) -> View<'a> {
        View {
            p2m_size: PAGES,
            present: PAGES,
            sent,
            to_send: all,
            left: PAGES,
            dirty,
            dirty_pages: dirty.len(),
            pass: None,
            now: Duration::ZERO,
        }
    }

    /// Cleans each time `step` pages are sent, whatever is sent; `dirties` says what becomes dirty
    /// while the pages of a range of the clock are sent.
    fn follow(step: u64, dirties: impl Fn(u64) -> Option<u64>) -> Outcome {
        let all = set(0..PAGES);
        let none = set([]);
        let mut baseline = Baseline::new(Xen::default(), &view(0, &all, &none));
        let mut clock = 0;
        loop {
            let next = clock + step.min(baseline.until_the_pass_ends(clock));
            let dirty = set((clock..next).filter_map(&dirties));
            clock = next;
            baseline.cleaned(&view(clock, &all, &dirty), clock);
            if let Some(outcome) = baseline.outcome() {
                return outcome;
            }
        }
    }

    #[test]
    fn the_original_is_followed_page_for_page() {
        // A page at every fourth tick, each another: passes of 1000, 250 and 62 or 63 pages.
        let every_fourth = |tick: u64| tick.is_multiple_of(4).then_some(tick / 4 % PAGES);
        for step in [1, 7, 64, 10_000] {
            let outcome = follow(step, every_fourth);
            assert_eq!(
                outcome,
                Outcome {
                    last: 16,
                    sent: 1000 + 250 + 63 + 16
                },
                "{step}"
            );
        }
        // Nothing at all: two passes, the second of which has nothing to send.
        assert_eq!(
            follow(64, |_| None),
            Outcome {
                last: 0,
                sent: 1000
            }
        );
        // All of it, over and over.
        let outcome = follow(64, |tick| Some(tick % PAGES));
        assert_eq!(
            outcome,
            Outcome {
                last: 1000,
                sent: 4000
            }
        );
    }
}
