//! What the way through an agent costs: `cargo bench --package ia64save-xen --bench agent`.
//!
//! Seconds differ from machine to machine and from minute to minute; the ratios are what counts.
//!
//! 1. Calls and seconds for 1000 pages of 16 KiB, local and through an agent, over the same simulated
//!    kernel. Behind the agent every page also crosses the socket to that kernel, which a real one
//!    does not need: the ratio is an upper bound.
//! 2. The same pages through an agent that has a kernel of its own, over a link with latency: one
//!    message after the other, and pipelined.

#[allow(dead_code)] // not all of it is for numbers
#[path = "../../tests/agent/bridge.rs"]
mod bridge;
mod link;
#[allow(dead_code)]
#[path = "../../tests/support/process.rs"]
mod process;
mod programs;
#[path = "../../tests/support/through_agent.rs"]
mod way;

use std::time::{Duration, Instant};

use ia64save_codec::Guest;
use ia64save_sim::{Era, GuestSpec, Host};
use ia64save_xen::Transport;
use ia64save_xen::agent::Options;
use ia64save_xen::privcmd::Privcmd;
use ia64save_xen::transport::Layout;

const PAGES: usize = 1000;
const PAGE: usize = 16384;
/// Each measurement is the best of as many.
const TIMES: usize = 5;

fn main() {
    let era: Era = "xen-3.4".parse().expect("a release");
    let host = Host::of(era);
    let spec = GuestSpec::new(Guest::Pv, PAGES as u64 + 100);
    let domain = spec.build(&host).expect("a domain") as u16;
    println!("{PAGES} pages of 16 KiB over the simulated kernel, best of {TIMES}");
    println!("                       calls      local    agent   agent/local");
    for (what, per) in [("in one batch", PAGES), ("one by one", 1)] {
        for write in [false, true] {
            let mut local = Privcmd::fake(&host);
            let (calls, near) = measure(&host, &mut local, domain, per, write);
            let mut agent = way::open(&host);
            let (calls_too, far) = measure(&host, &mut agent, domain, per, write);
            assert_eq!(
                calls, calls_too,
                "an agent makes the calls that it is asked for"
            );
            println!(
                "{:<6}{what:<13} {calls:>8} {:>8.4} s {:>7.4} s {:>11.1}",
                if write { "write" } else { "read" },
                near.as_secs_f64(),
                far.as_secs_f64(),
                far.as_secs_f64() / near.as_secs_f64()
            );
        }
    }
    println!("\n{PAGES} pages of 16 KiB read through an agent over a link, best of {TIMES}");
    println!("round trip    one at a time    pipelined    times as fast");
    for round_trip in [0, 5, 20, 80] {
        let delay = Duration::from_millis(round_trip) / 2;
        let serial = Options {
            window: 1,
            ..Options::default()
        };
        let (slow, fast) = (
            over_link(delay, &serial),
            over_link(delay, &Options::default()),
        );
        println!(
            "{round_trip:>7} ms {:>14.4} s {:>10.4} s {:>16.1}",
            slow.as_secs_f64(),
            fast.as_secs_f64(),
            slow.as_secs_f64() / fast.as_secs_f64()
        );
    }
}

/// Calls of the simulated hypervisor and seconds for all pages, `per` of them at a time.
fn measure(
    host: &Host,
    transport: &mut dyn Transport,
    domain: u16,
    per: usize,
    write: bool,
) -> (u64, Duration) {
    let frames: Vec<u64> = (0..PAGES as u64).collect();
    let mut bytes = vec![0x5a; PAGES * PAGE];
    let mut results = vec![Ok(()); PAGES];
    let layout = Layout::packed(PAGE);
    let mut best = Duration::MAX;
    host.reset_counts();
    for _ in 0..TIMES {
        let start = Instant::now();
        for frames in frames.chunks(per) {
            let (bytes, results) = (
                &mut bytes[..frames.len() * PAGE],
                &mut results[..frames.len()],
            );
            if write {
                transport.write_foreign(domain, frames, bytes, layout, results)
            } else {
                transport.read_foreign(domain, frames, bytes, layout, results)
            }
            .expect("pages");
            assert!(results.iter().all(Result::is_ok));
        }
        best = best.min(start.elapsed());
    }
    let calls: u64 = host.counts().total();
    (calls / TIMES as u64, best)
}

fn over_link(delay: Duration, options: &Options) -> Duration {
    let mut agent = link::agent(delay, options);
    // A hundred frames are there, those divisible by 7 are not.
    let frames: Vec<u64> = (0..PAGES as u64).map(|page| 1 + page % 6).collect();
    let mut bytes = vec![0; PAGES * PAGE];
    let mut results = vec![Ok(()); PAGES];
    let mut best = Duration::MAX;
    for _ in 0..TIMES {
        let start = Instant::now();
        agent
            .read_foreign(5, &frames, &mut bytes, Layout::packed(PAGE), &mut results)
            .expect("pages");
        best = best.min(start.elapsed());
        assert!(results.iter().all(Result::is_ok));
    }
    best
}
