//! Writes to memory as virtual time passes.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use ia64save_codec::dialect::UnknownName;

use crate::hypervisor::memory::Memory;
use ia64save_generate::Random;

/// Most pages that are written to in one step of time: nothing is gained by writing to more than
/// memory has.
const SWEEPS: u64 = 2;
/// Length of a burst and of the rest behind it.
const BURST: Duration = Duration::from_millis(200);
const REST: Duration = Duration::from_millis(800);

/// Which pages a guest writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// None.
    Idle,
    /// Any, all alike.
    Uniform,
    /// Nine times in ten, one of a tenth of them.
    HotSet,
    /// One after the other, over and over.
    Sweep,
    /// Twice as many for each second that passes, all alike.
    Growing,
    /// Any, five times as many as it says for a fifth of each second, and none in between.
    Bursts,
}

impl Pattern {
    /// Every pattern.
    pub const ALL: [Pattern; 6] = [
        Pattern::Idle,
        Pattern::Uniform,
        Pattern::HotSet,
        Pattern::Sweep,
        Pattern::Growing,
        Pattern::Bursts,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::Idle => "idle",
            Pattern::Uniform => "uniform",
            Pattern::HotSet => "hot",
            Pattern::Sweep => "sweep",
            Pattern::Growing => "growing",
            Pattern::Bursts => "bursts",
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Pattern {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let mut all = Pattern::ALL.into_iter();
        all.find(|pattern| pattern.name() == name)
            .ok_or(UnknownName)
    }
}

/// A guest at work.
#[derive(Clone, Debug)]
pub struct Workload {
    pattern: Pattern,
    /// Writes to pages in a second.
    rate: u64,
    /// The pages that it may write to.
    pages: Vec<Range<u64>>,
    count: u64,
    random: Random,
    passed: Duration,
    /// Writes that are due, in billionths.
    due: u128,
    next: u64,
    /// Pages to give back, and those that were.
    balloon: Option<Balloon>,
}

/// A guest that gives memory back and takes it again while it works.
#[derive(Clone, Debug)]
struct Balloon {
    every: Duration,
    since: Duration,
    out: Vec<u64>,
}

impl Workload {
    /// A guest that writes to `rate` pages a second, those of `pages`.
    pub fn new(pattern: Pattern, rate: u64, seed: u64, pages: Vec<Range<u64>>) -> Self {
        let count = pages.iter().map(|range| range.end - range.start).sum();
        Workload {
            pattern,
            rate,
            count,
            pages,
            random: Random::new(seed, &[77]),
            passed: Duration::ZERO,
            due: 0,
            next: 0,
            balloon: None,
        }
    }

    /// The same, and now and then a page goes or comes back.
    #[must_use]
    pub fn ballooning(mut self, every: Duration) -> Self {
        self.balloon = Some(Balloon {
            every: every.max(Duration::from_nanos(1)),
            since: Duration::ZERO,
            out: Vec::new(),
        });
        self
    }

    /// Time passes.
    pub(crate) fn run(&mut self, memory: &mut Memory, max_pages: u64, by: Duration) {
        if self.count == 0 {
            return;
        }
        let writes = self.writes(by).min(self.count * SWEEPS);
        for _ in 0..writes {
            let number = self.pick();
            let pfn = self.pfn(number);
            let word = self.random.word().to_le_bytes();
            if let Some(page) = memory.guest_page(pfn) {
                let places = (page.len() / 8).max(1) as u64;
                let at = self.random.below(places) as usize * 8;
                let end = (at + 8).min(page.len());
                page[at..end].copy_from_slice(&word[..end - at]);
            }
        }
        self.inflate(memory, max_pages, by);
    }

    /// How many writes are due.
    fn writes(&mut self, by: Duration) -> u64 {
        let nanos = |time: Duration| time.as_nanos();
        let begun = self.passed;
        self.passed += by;
        let working = match self.pattern {
            Pattern::Idle => 0,
            Pattern::Uniform | Pattern::HotSet | Pattern::Sweep => nanos(by),
            // Doubles each second, up to a thousandfold.
            Pattern::Growing => nanos(by) << begun.as_secs().min(10),
            Pattern::Bursts => {
                let cycle = nanos(BURST + REST);
                let busy =
                    |until: u128| until / cycle * nanos(BURST) + (until % cycle).min(nanos(BURST));
                5 * (busy(nanos(self.passed)) - busy(nanos(begun)))
            }
        };
        self.due += working * u128::from(self.rate);
        let writes = self.due / 1_000_000_000;
        self.due %= 1_000_000_000;
        u64::try_from(writes).unwrap_or(u64::MAX)
    }

    fn pick(&mut self) -> u64 {
        match self.pattern {
            Pattern::Sweep => {
                self.next = (self.next + 1) % self.count;
                self.next
            }
            Pattern::HotSet if !self.random.once_in(10) => {
                self.random.below((self.count / 10).max(1))
            }
            _ => self.random.below(self.count),
        }
    }

    /// The page of that number.
    fn pfn(&self, mut number: u64) -> u64 {
        for range in &self.pages {
            let pages = range.end - range.start;
            if number < pages {
                return range.start + number;
            }
            number -= pages;
        }
        0
    }

    fn inflate(&mut self, memory: &mut Memory, max_pages: u64, by: Duration) {
        let Some(mut balloon) = self.balloon.take() else {
            return;
        };
        balloon.since += by;
        while balloon.since >= balloon.every {
            balloon.since -= balloon.every;
            if balloon.out.len() as u64 * 8 < self.count && !self.random.once_in(3) {
                let number = self.random.below(self.count);
                let pfn = self.pfn(number);
                if memory.remove(pfn) {
                    balloon.out.push(pfn);
                }
            } else if !balloon.out.is_empty() && memory.pages() < max_pages {
                let which = self.random.below(balloon.out.len() as u64) as usize;
                let pfn = balloon.out.swap_remove(which);
                memory.add(pfn);
                if let Some(page) = memory.guest_page(pfn) {
                    let end = page.len().min(8);
                    page[..end].copy_from_slice(&self.random.word().to_le_bytes()[..end]);
                }
            }
        }
        self.balloon = Some(balloon);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ia64save_codec::transfer::bitmap::PfnBitmap;

    fn dirtied(pattern: Pattern, times: u32) -> Vec<u64> {
        let mut memory = Memory::new(64, &std::sync::Arc::default());
        for gpfn in (0..100).chain(200..300) {
            memory.add(gpfn);
        }
        memory.enable_log_dirty();
        let mut workload = Workload::new(pattern, 50, 3, vec![0..100, 200..300]);
        for _ in 0..times {
            workload.run(&mut memory, 1000, Duration::from_millis(100));
        }
        let mut dirty = PfnBitmap::new(300);
        memory.dirty(&mut dirty, true);
        dirty.iter().collect()
    }

    #[test]
    fn patterns_write_where_and_when_they_say() {
        assert!(dirtied(Pattern::Idle, 10).is_empty());
        assert_eq!(dirtied(Pattern::Sweep, 10), (1..=50).collect::<Vec<_>>());
        assert_eq!(dirtied(Pattern::Uniform, 10), dirtied(Pattern::Uniform, 10));
        let hot = dirtied(Pattern::HotSet, 20);
        assert!(hot.iter().filter(|pfn| **pfn < 20).count() * 2 > hot.len());
        assert_eq!(dirtied(Pattern::Bursts, 2), dirtied(Pattern::Bursts, 9));
        assert!(dirtied(Pattern::Growing, 30).len() > dirtied(Pattern::Growing, 10).len());
        for pattern in Pattern::ALL {
            assert_eq!(pattern.name().parse(), Ok(pattern));
        }
    }

    #[test]
    fn a_balloon_takes_pages_and_gives_them_back() {
        let mut memory = Memory::new(64, &std::sync::Arc::default());
        (0..80).for_each(|gpfn| assert!(memory.add(gpfn)));
        let mut workload = Workload::new(Pattern::Idle, 0, 5, std::iter::once(0..80).collect())
            .ballooning(Duration::from_millis(1));
        let mut least = 80;
        for _ in 0..50 {
            workload.run(&mut memory, 80, Duration::from_millis(1));
            least = least.min(memory.pages());
        }
        assert!((70..80).contains(&least), "{least}");
        assert!(memory.pages() <= 80);
    }
}
