//! The default policy.
//!
//! Three things set it apart from the original:
//!
//! - **It cleans often.** A page counts as sent when it is sent, not when a pass ends, and what is
//!   written to before its turn comes is not sent twice. What is left to send is known at any time.
//! - **It leaves hot pages for later**: those that were dirty at the last cleans, one after another,
//!   would be dirty again before the domain is suspended.
//! - **It knows what the original would have come to** (`baseline`), and so when more traffic is worth
//!   it.
//!
//! ```text
//!            what is left is 0, or the bound on traffic is reached
//!      +------------------------------------------------------------> suspend
//!      |                                                                ^
//!   Following ------------------------------> Improving ----------------+
//!   as far as the original would go          while less and less is left;
//!                                             where nothing is gained so far, for at most a
//!                                             twentieth of the traffic
//! ```

use super::baseline::Baseline;
use super::{Plan, Policy, View, Xen};
use crate::transfer::bitmap::PfnBitmap;

/// The default policy. See the [module](self).
#[derive(Clone, Debug)]
pub struct Adaptive {
    /// Bound on traffic, in multiples of `p2m_size`: the original's default is 3.
    pub max_factor: u64,
    state: Option<State>,
}

impl Default for Adaptive {
    fn default() -> Self {
        Adaptive {
            max_factor: 3,
            state: None,
        }
    }
}

/// Cleans in a trip through all of RAM.
const CLEANS: u64 = 64;
/// Fewest pages between two cleans, where there are as many to send.
const FEWEST: u64 = 128;
/// Cleans without progress until it is said that there is none.
const PATIENCE: u32 = 8;

#[derive(Clone, Debug)]
struct State {
    baseline: Baseline,
    /// Dirty at the last clean, and at the last two.
    once: PfnBitmap,
    twice: PfnBitmap,
    /// The least that was ever left, and the cleans since.
    least: u64,
    since: u32,
    /// The most that became dirty between two cleans of late.
    most_dirty: u64,
}

impl State {
    fn new(max_factor: u64, view: &View<'_>) -> Self {
        let xen = Xen {
            max_factor,
            ..Xen::default()
        };
        let pfns = view.to_send.pfns();
        State {
            baseline: Baseline::new(xen, view),
            once: PfnBitmap::new(pfns),
            twice: PfnBitmap::new(pfns),
            least: u64::MAX,
            since: 0,
            most_dirty: 0,
        }
    }

    fn cleaned(&mut self, view: &View<'_>) {
        self.baseline.cleaned(view);
        self.twice.clone_from(&self.once);
        self.twice.intersect(view.dirty);
        self.once.clone_from(view.dirty);
        self.most_dirty = view.dirty_pages.max(self.most_dirty / 8 * 7);
        // Progress is a twentieth at least, so that a plateau is known as one.
        if view.left < self.least - self.least / 20 {
            self.least = view.left;
            self.since = 0;
        } else {
            self.since += 1;
        }
    }
}

impl Policy for Adaptive {
    fn next<'a>(&'a mut self, view: &View<'_>) -> Plan<'a> {
        let max_factor = self.max_factor;
        let state = self
            .state
            .get_or_insert_with(|| State::new(max_factor, view));
        if view.pass.is_some() {
            state.cleaned(view);
        }
        let chunk = (view.present / CLEANS).max(FEWEST).min(view.left);
        let chunk = chunk.min(state.baseline.until_the_pass_ends(view.sent));
        // What would have been sent at the end, if the domain were suspended after one more chunk.
        let total = view.sent + view.left + 2 * state.most_dirty;
        if view.left == 0 || total > view.p2m_size.saturating_mul(max_factor) {
            return Plan::Suspend;
        }
        if let Some(outcome) = state.baseline.outcome() {
            let gains = view.left < outcome.last - outcome.last / 8;
            let stuck = state.since > PATIENCE && view.left <= state.least + state.least / 20;
            let dear = total > outcome.sent + outcome.sent / 25;
            if stuck || !gains && dear && view.left <= outcome.last {
                return Plan::Suspend;
            }
        }
        // Hot pages have their turn when there is nothing else to send.
        let hot = state.twice.common(view.to_send);
        let hold_back = (view.left - hot.min(view.left) >= chunk).then_some(&state.twice);
        Plan::Stretch {
            most: chunk,
            hold_back,
        }
    }
}
