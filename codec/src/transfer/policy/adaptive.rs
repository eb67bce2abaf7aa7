//! The default policy.
//!
//! Four things set it apart from the original:
//!
//! - **It cleans often.** A page counts as sent when it is sent, not when a pass ends, and what is
//!   written to before its turn comes is not sent twice. What is left to send is known at any time.
//! - **It learns the guest's habits** (`habits`), and sends first what is likely to stay clean: pages
//!   that were left alone of late, or, where the guest walks through memory, those it has just left.
//! - **It knows what the original would have come to** (`baseline`), and so when more traffic is worth
//!   it.
//! - **It suspends in a quiet moment**: with nothing left to send while the guest is writing more than
//!   usual, it waits for the end of that, but no longer than the original would have gone on.
//!
//! ```text
//!            nothing left to send, or the bound on traffic is reached
//!      +------------------------------------------------------------> suspend
//!      |                                                                ^
//!   Following ------------------------------> Improving ----------------+
//!   as far as the original would go          while less and less is left;
//!                                             where nothing is gained so far, for at most a
//!                                             twenty-fifth of the traffic
//! ```

use core::time::Duration;

use super::baseline::Baseline;
use super::habits::{Habit, Habits};
use super::{Plan, Policy, View, Xen};
use crate::transfer::bitmap::PfnBitmap;

/// Cleans in a trip through all of RAM.
const CLEANS: u64 = 64;
/// Fewest pages between two cleans, where there are as many to send.
const FEWEST: u64 = 256;
/// Cleans without progress until it is said that there is none.
const PATIENCE: u32 = 8;
/// So few pages are as good as none, where they do not become fewer.
const FEW: u64 = 50;
/// Parts of RAM over which progress is looked at.
const SLOPE: u64 = 8;
/// How long one wait is.
const WAIT: Duration = Duration::from_millis(5);

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

#[derive(Clone, Debug)]
struct State {
    baseline: Baseline,
    habits: Habits,
    clock: Clock,
    /// The least that was ever left, and the cleans since.
    least: u64,
    since: u32,
    /// Pages sent and left some while ago.
    before: (u64, u64),
    now: (u64, u64),
    /// The pages that may be sent next.
    among: PfnBitmap,
}

/// Time, in pages that the link would have taken.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// Time spent sending.
    sending: Duration,
    /// Time spent waiting.
    waiting: Duration,
    /// The last wait took no time: the sink cannot.
    stands_still: bool,
}

impl Clock {
    fn passed(&mut self, view: &View<'_>) {
        let Some(pass) = view.pass else { return };
        let time = pass.ended.saturating_sub(pass.began);
        if pass.sent > 0 {
            self.sending += time;
        } else {
            self.waiting += time;
            self.stands_still = time.is_zero();
        }
    }

    fn reading(&self, view: &View<'_>) -> u64 {
        let pages = u128::from(view.sent) * self.waiting.as_nanos();
        let waited = pages.checked_div(self.sending.as_nanos()).unwrap_or(0);
        view.sent + u64::try_from(waited).unwrap_or(u64::MAX)
    }
}

impl State {
    fn new(max_factor: u64, view: &View<'_>) -> Self {
        let xen = Xen {
            max_factor,
            ..Xen::default()
        };
        State {
            baseline: Baseline::new(xen, view),
            habits: Habits::new(view),
            clock: Clock::default(),
            least: view.left,
            since: 0,
            before: (0, view.left),
            now: (0, view.left),
            among: PfnBitmap::new(view.to_send.pfns()),
        }
    }

    fn cleaned(&mut self, view: &View<'_>) {
        self.clock.passed(view);
        self.baseline.cleaned(view, self.clock.reading(view));
        self.habits.cleaned(view);
        // Progress is a twentieth at least, so that a plateau is known as one.
        if view.left < self.least - self.least / 20 {
            self.least = view.left;
            self.since = 0;
        } else {
            self.since += 1;
        }
        if view.sent > self.now.0 + view.present / SLOPE {
            self.before = self.now;
            self.now = (view.sent, view.left);
        }
    }

    /// Whether the domain is to be suspended, given what would have been sent in all if it were
    /// suspended after one stretch more.
    fn is_done(&self, view: &View<'_>, total: u64, limit: u64) -> bool {
        // With less than that a flood of writes could not be made good again.
        let near_the_limit = limit - total < view.present / 4;
        let rises = view.left > self.least + self.least / 8;
        if near_the_limit && rises {
            return true;
        }
        let Some(outcome) = self.baseline.outcome() else {
            return false;
        };
        if view.left > outcome.last {
            return false;
        }
        if self.since > PATIENCE || rises && self.since > PATIENCE / 4 {
            return true;
        }
        if view.left <= outcome.last / 2 {
            return !self.will_have(view, view.left / 2, view.present / 2);
        }
        let gains = view.left < outcome.last - outcome.last / 8;
        let dear = total > outcome.sent + outcome.sent / 25;
        dear && !gains && !self.will_have(view, outcome.last / 2, limit - total)
    }

    /// Whether no more than `wanted` will be left before `room` more pages are sent, if it goes on as
    /// it did of late.
    fn will_have(&self, view: &View<'_>, wanted: u64, room: u64) -> bool {
        let (sent, left) = self.before;
        let sent = view.sent - sent;
        let fewer = left.saturating_sub(view.left);
        let missing = view.left.saturating_sub(wanted);
        // missing / (fewer / sent) <= room
        u128::from(missing) * u128::from(sent) <= u128::from(room) * u128::from(fewer)
    }

    /// Chooses what to send: `false` for anything that there is.
    fn choose(&mut self, view: &View<'_>, chunk: u64) -> bool {
        let (once, twice) = (&self.habits.once, &self.habits.twice);
        self.among.clone_from(view.to_send);
        match self.habits.habit() {
            Habit::Walks => {
                self.among.intersect(once);
                return self.among.len() >= chunk;
            }
            Habit::Stays => {
                self.among.subtract(once);
                if self.among.len() >= chunk {
                    return true;
                }
                self.among.clone_from(view.to_send);
            }
            Habit::Wanders => {}
        }
        self.among.subtract(twice);
        self.among.len() >= chunk
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
        let waits = state.baseline.outcome().is_none()
            && state.habits.is_bursting()
            && !state.clock.stands_still;
        if view.left == 0 && waits {
            return Plan::Wait(WAIT);
        }
        // A few pages that never become fewer. Those of a guest that rests are gone at once.
        let simmers = view.left < FEW && state.since > PATIENCE && view.dirty_pages > 0;
        if view.left == 0 || simmers && !waits {
            return Plan::Suspend;
        }
        let chunk = (view.present / CLEANS).max(FEWEST).min(view.left);
        let pass = state
            .baseline
            .until_the_pass_ends(state.clock.reading(view));
        let chunk = chunk.min(pass);
        let dirty = state.habits.most_dirty;
        let total = view.sent + chunk + view.present.min(view.left + dirty + dirty / 2);
        let limit = view.p2m_size.saturating_mul(max_factor);
        if total > limit || state.is_done(view, total, limit) {
            return Plan::Suspend;
        }
        let chosen = state.choose(view, chunk);
        Plan::Stretch {
            most: chunk,
            among: chosen.then_some(&state.among),
        }
    }
}
