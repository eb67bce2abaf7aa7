//! Which way of reading records is the cheapest is a matter of the page cache.
//!
//! Looking at a record through the mapping costs next to nothing where the cache has large folios,
//! and a page fault where it has small ones. Reading eight bytes by a system call costs the same
//! whatever the cache looks like, unless the file is not in it: then reading whole records in large
//! steps wins, because the kernel reads ahead. One file can be all of that in different places, so
//! each thread measures as it goes.

use std::time::Duration;

/// A way of getting at the headers of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Through the mapping (or memory).
    Map,
    /// Eight bytes for each record.
    Header,
    /// Whole records, many at once.
    Bulk,
}

/// Of the time spent, this part may go into finding out whether another way would be cheaper.
const SHARE: f64 = 1.0 / 32.0;
/// A method that suddenly costs so many times more has left the ground on which it was measured.
const JUMP: f64 = 4.0;

#[derive(Clone, Debug)]
struct Candidate {
    method: Method,
    /// Seconds per record, when last measured.
    cost: Option<f64>,
    /// Seconds spent with other methods since then.
    waited: f64,
}

/// Picks the cheapest method and looks at the others now and then.
#[derive(Clone, Debug)]
pub(super) struct Chooser {
    candidates: Vec<Candidate>,
}

impl Chooser {
    pub fn new(methods: &[Method]) -> Self {
        let candidates = methods
            .iter()
            .map(|&method| Candidate {
                method,
                cost: None,
                waited: 0.0,
            })
            .collect();
        Chooser { candidates }
    }

    /// The method for the next window of so many records.
    pub fn pick(&self, records: usize) -> Method {
        let due = self
            .candidates
            .iter()
            .find(|candidate| match candidate.cost {
                None => true,
                Some(cost) => cost * (records as f64) < candidate.waited * SHARE,
            });
        let cheapest = || {
            self.candidates
                .iter()
                .min_by(|a, b| a.cost.unwrap_or(0.0).total_cmp(&b.cost.unwrap_or(0.0)))
        };
        due.or_else(cheapest).expect("there is a method").method
    }

    /// Learns what a window has cost.
    pub fn note(&mut self, method: Method, records: usize, time: Duration) {
        let time = time.as_secs_f64();
        let cost = time / records as f64;
        let mut jumped = false;
        for candidate in &mut self.candidates {
            if candidate.method == method {
                jumped = candidate.cost.is_some_and(|before| cost > before * JUMP);
                candidate.cost = Some(cost);
                candidate.waited = 0.0;
            } else {
                candidate.waited += time;
            }
        }
        // Perhaps the cache changed, perhaps only this thread lost the processor for a moment:
        // measuring all of them again is right in both cases.
        if jumped {
            for candidate in &mut self.candidates {
                candidate.cost = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs windows of 100 records with these costs per record; counts the choices.
    fn run(chooser: &mut Chooser, windows: usize, costs: [u64; 3]) -> [usize; 3] {
        let mut chosen = [0; 3];
        for _ in 0..windows {
            let method = chooser.pick(100);
            chosen[method as usize] += 1;
            chooser.note(
                method,
                100,
                Duration::from_nanos(100 * costs[method as usize]),
            );
        }
        chosen
    }

    #[test]
    fn tries_each_then_keeps_to_the_cheapest() {
        let mut chooser = Chooser::new(&[Method::Map, Method::Header, Method::Bulk]);
        assert_eq!(run(&mut chooser, 3, [800, 250, 1600]), [1, 1, 1]);
        let [map, header, bulk] = run(&mut chooser, 1000, [800, 250, 1600]);
        assert!((1..=10).contains(&map), "{map}");
        assert!((1..=5).contains(&bulk), "{bulk}");
        assert!(header > 980);
    }

    #[test]
    fn notices_when_the_ground_changes() {
        let mut chooser = Chooser::new(&[Method::Map, Method::Header]);
        run(&mut chooser, 100, [20, 250, 0]);
        let [map, header, _] = run(&mut chooser, 100, [800, 250, 0]);
        assert!(map < 10 && header > 90, "{map} {header}");
        let [map, header, _] = run(&mut chooser, 1000, [20, 250, 0]);
        assert!(map > 850, "{map} {header}");
    }
}
