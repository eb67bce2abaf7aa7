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
