//! What can be learnt of a guest from which pages are dirty at one clean after another.

use core::time::Duration;

use super::View;
use crate::transfer::bitmap::PfnBitmap;

/// How a guest goes about its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// What it wrote to lately it leaves alone: it walks through memory.
    Walks,
    /// What it wrote to lately it writes to again.
    Stays,
    /// Neither.
    Wanders,
}

/// Sums over cleans of which an older one counts less: a clean `n` before the last counts by the
/// `n`-th power of 7/8.
#[derive(Clone, Copy, Debug, Default)]
struct Recently(u64);

impl Recently {
    /// In parts of this, so that small numbers do not vanish.
    const PART: u64 = 64;

    fn add(&mut self, value: u64) {
        self.0 = self.0 / 8 * 7 + value.saturating_mul(Self::PART);
    }

    fn sum(self) -> u128 {
        u128::from(self.0)
    }
}

/// Windows of time that a save so far is cut into.
const WINDOWS: u128 = 32;

/// Pages that became dirty in some time.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    dirty: u128,
    nanos: u128,
}

impl Rate {
    fn add(&mut self, dirty: u64, nanos: u128) {
        self.dirty += u128::from(dirty);
        self.nanos += nanos;
    }
}

/// What has been seen so far.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    /// Dirty at the last clean.
    pub(super) once: PfnBitmap,
    /// Dirty at the last two.
    pub(super) twice: PfnBitmap,
    /// Pages dirty at a clean; those of them that had been at the one before; all that there are.
    dirty: Recently,
    again: Recently,
    had: Recently,
    all: Recently,
    /// How fast it writes: ever, and in the last two windows of time.
    ever: Rate,
    window: Rate,
    window_before: Rate,
    last: Duration,
    /// The most that became dirty between two cleans of late.
    pub(super) most_dirty: u64,
}

impl Habits {
    pub(super) fn new(view: &View<'_>) -> Self {
        let none = PfnBitmap::new(view.to_send.pfns());
        Habits {
            once: none.clone(),
            twice: none,
            dirty: Recently::default(),
            again: Recently::default(),
            had: Recently::default(),
            all: Recently::default(),
            ever: Rate::default(),
            window: Rate::default(),
            window_before: Rate::default(),
            last: view.now,
            most_dirty: 0,
        }
    }

    /// Takes in what a clean gave.
    pub(super) fn cleaned(&mut self, view: &View<'_>) {
        let nanos = view.now.saturating_sub(self.last).as_nanos();
        self.last = view.now;
        self.had.add(self.once.len());
        self.twice.clone_from(&self.once);
        self.twice.intersect(view.dirty);
        self.once.clone_from(view.dirty);
        self.again.add(self.twice.len());
        self.dirty.add(view.dirty_pages);
        self.all.add(view.present);
        self.ever.add(view.dirty_pages, nanos);
        self.window.add(view.dirty_pages, nanos);
        if self.window.nanos > self.ever.nanos / WINDOWS {
            self.window_before = core::mem::take(&mut self.window);
        }
        self.most_dirty = view.dirty_pages.max(self.most_dirty / 2);
    }

    /// Compares how likely a page that was dirty lately becomes dirty with how likely any does.
    pub(super) fn habit(&self) -> Habit {
        let lately = self.again.sum() * self.all.sum();
        let any = self.dirty.sum() * self.had.sum();
        if self.had.sum() < u128::from(64 * Recently::PART) {
            Habit::Wanders
        } else if lately * 2 < any {
            Habit::Walks
        } else if lately > any + any / 2 {
            Habit::Stays
        } else {
            Habit::Wanders
        }
    }

    /// Whether it writes at more than twice its usual rate.
    pub(super) fn is_bursting(&self) -> bool {
        let dirty = self.window.dirty + self.window_before.dirty;
        let nanos = self.window.nanos + self.window_before.nanos;
        dirty * self.ever.nanos > 2 * self.ever.dirty * nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: u64 = 1000;

    fn view<'a>(now: u64, all: &'a PfnBitmap, dirty: &'a PfnBitmap) -> View<'a> {
        View {
            p2m_size: PAGES,
            present: PAGES,
            sent: 0,
            to_send: all,
            left: PAGES,
            dirty,
            dirty_pages: dirty.len(),
            pass: None,
            now: Duration::from_millis(now),
        }
    }

    /// What is learnt where at the `n`-th clean these pages are dirty.
    fn learn(cleans: u64, dirty_at: impl Fn(u64) -> core::ops::Range<u64>) -> Habits {
        let all = PfnBitmap::new(PAGES);
        let mut habits = Habits::new(&view(0, &all, &all));
        for clean in 1..=cleans {
            let mut dirty = PfnBitmap::new(PAGES);
            dirty.insert_range(dirty_at(clean));
            habits.cleaned(&view(clean, &all, &dirty));
        }
        habits
    }

    #[test]
    fn a_guest_that_walks_is_told_from_one_that_stays() {
        let walks = learn(50, |clean| clean * 30 % 900..clean * 30 % 900 + 30);
        assert_eq!(walks.habit(), Habit::Walks);
        assert!(walks.twice.is_empty() && walks.once.len() == 30);
        let stays = learn(50, |_| 100..130);
        assert_eq!(stays.habit(), Habit::Stays);
        assert_eq!(stays.twice.len(), 30);
        // All of memory: what was written to lately is as likely as any.
        assert_eq!(learn(50, |_| 0..PAGES).habit(), Habit::Wanders);
        assert_eq!(learn(50, |_| 0..0).habit(), Habit::Wanders);
    }

    #[test]
    fn a_burst_is_more_than_the_usual() {
        let steady = learn(500, |clean| clean % 900..clean % 900 + 10);
        assert!(!steady.is_bursting());
        let burst = |clean: u64| if clean % 100 < 20 { 0..50 } else { 0..0 };
        assert!(learn(515, burst).is_bursting());
        assert!(!learn(580, burst).is_bursting());
        assert_eq!(learn(515, burst).most_dirty, 50);
    }
}
