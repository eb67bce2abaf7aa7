//! Policies of a live save, compared over virtual time.
//!
//! Each [`Setting`] is a guest at work and a link. Both policies save the same guest, from the same
//! moment, over the same link; what comes out depends on nothing but the seed, so a table of it is the
//! same everywhere, and a test can hold it against goals.

use std::fmt;
use std::time::Duration;

use ia64save_codec::transfer::{Policy, Save};
use ia64save_codec::{Dialect, Guest};

use crate::builder::{Contents, GuestSpec};
use crate::hypervisor::Host;
use crate::link::Link;
use crate::ports::SimSource;
use crate::workload::{Pattern, Workload};

/// Pages of RAM of the guest: 128 MiB.
const PAGES: u64 = 8192;
/// Bytes of a page record.
const RECORD: u64 = 8 + ia64save_codec::PAGE_SIZE as u64;
/// What a bit travels.
const LATENCY: Duration = Duration::from_micros(500);

/// A guest at work, and a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What the guest does.
    pub pattern: Pattern,
    /// How fast: writes to pages, in percent of the pages that the link takes in the same time.
    pub rate: u64,
    /// Megabits a second.
    pub link: u64,
    /// What all that is random depends on.
    pub seed: u64,
}

impl Setting {
    /// All combinations of patterns, rates and links. An idle guest has no rate.
    pub fn all(seed: u64) -> impl Iterator<Item = Setting> {
        let links = [100, 1000, 10_000];
        let rates = [10, 25, 50, 100, 200];
        Pattern::ALL.into_iter().flat_map(move |pattern| {
            links.into_iter().flat_map(move |link| {
                let rates = rates
                    .into_iter()
                    .filter(move |rate| pattern != Pattern::Idle || *rate == 10);
                rates.map(move |rate| Setting {
                    pattern,
                    rate: if pattern == Pattern::Idle { 0 } else { rate },
                    link,
                    seed,
                })
            })
        })
    }

    /// Saves the guest live by a policy.
    ///
    /// # Panics
    /// If the save fails: nothing in here makes it.
    pub fn measure(&self, policy: &mut dyn Policy) -> Outcome {
        let host = Host::of(Dialect::D11);
        let spec = GuestSpec {
            vcpus: 2,
            contents: Contents::Marked,
            seed: self.seed,
            ..GuestSpec::new(Guest::Pv, PAGES)
        };
        let domid = spec.build(&host).expect("a domain");
        let bandwidth = self.link * 1_000_000 / 8;
        let writes = bandwidth / RECORD * self.rate / 100;
        let workload = Workload::new(
            self.pattern,
            writes,
            self.seed,
            std::iter::once(0..PAGES).collect(),
        );
        host.set_workload(domid, workload).expect("it is there");
        let mut source = SimSource::new(&host, domid);
        let mut link = Link::new(&host, bandwidth, LATENCY, ());
        host.reset_counts();
        let saved = Save::new(&mut source, &mut link).policy(policy).run();
        let saved = saved.unwrap_or_else(|error| panic!("{self}: {error}"));
        Outcome {
            pages: saved.sent,
            bytes: saved.bytes,
            downtime: saved.downtime(),
            total: saved.total(),
            stretches: saved.stretches,
            calls: host.counts().total(),
            bound: saved.p2m_size,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<8} {:>3}% {:>5} Mbit/s",
            self.pattern.name(),
            self.rate,
            self.link
        )
    }
}

/// What a save came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Page records.
    pub pages: u64,
    /// Bytes of the stream.
    pub bytes: u64,
    /// From the guest's suspension to the last byte.
    pub downtime: Duration,
    /// From the first byte to the last.
    pub total: Duration,
    /// Passes and stretches.
    pub stretches: u32,
    /// Calls to the hypervisor.
    pub calls: u64,
    /// `p2m_size`: what bounds of traffic go by.
    pub bound: u64,
}
