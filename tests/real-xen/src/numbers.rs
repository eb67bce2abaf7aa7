//! What batches are worth: calls and seconds for 1000 pages, one by one and in one batch.
//!
//! Under emulation a second means little; the ratio is what counts.

use std::time::{Duration, Instant};

use ia64save_xen::transport::DomainId;

use crate::calls::with;
use crate::guest;
use crate::report::{Outcome, equal, holds};
use crate::x86::{PAGE, Xen};

/// Pages of a measurement.
const PAGES: u64 = 1000;
/// A batch is measured as often, and the best counts; one by one the pages make an average of themselves.
const TIMES: usize = 3;

/// Prints the table, of a transport by its name.
pub fn measure(xen: &mut Xen<'_>, transport: &str) -> Outcome {
    let domain = guest::empty(xen, PAGES)?;
    with(xen, domain, |xen, domain| {
        println!("numbers: {transport}: {PAGES} pages, one by one and in a batch");
        let frames: Vec<u64> = (0..PAGES).collect();
        let one_by_one: Vec<&[u64]> = frames.chunks(1).collect();
        let batch = [frames.as_slice()];
        compare("populate, give back", 2, &one_by_one, &batch, |frames| {
            let all = frames.len() as u64;
            equal("populated", xen.populate(domain, frames, 0)?, all)?;
            equal("given back", xen.decrease(domain, frames)?, all)
        })?;
        xen.populate(domain, &frames, 0)?;
        compare("read", 1, &one_by_one, &batch, |frames| {
            read(xen, domain, frames)
        })?;
        let bytes = vec![0x33; frames.len() * PAGE];
        compare("write", 1, &one_by_one, &batch, |frames| {
            let results = xen.write(domain, frames, &bytes[..frames.len() * PAGE])?;
            holds("every page", results.iter().all(Result::is_ok))
        })
    })
}

fn read(xen: &mut Xen<'_>, domain: DomainId, frames: &[u64]) -> Outcome {
    let pages = xen.read(domain, frames)?;
    holds("every page", pages.results.iter().all(Result::is_ok))
}

/// Measures both ways, of which each step takes `calls` calls of the transport, and prints a line.
fn compare(
    what: &str,
    calls: usize,
    one_by_one: &[&[u64]],
    batch: &[&[u64]],
    mut call: impl FnMut(&[u64]) -> Outcome,
) -> Outcome {
    let mut best = |ways: &[&[u64]], times: usize| -> Result<Duration, crate::report::Failure> {
        let mut best = Duration::MAX;
        for _ in 0..times {
            let start = Instant::now();
            for frames in ways {
                call(frames)?;
            }
            best = best.min(start.elapsed());
        }
        Ok(best)
    };
    let (slow, fast) = (best(one_by_one, 1)?, best(batch, TIMES)?);
    println!(
        "numbers:   {what:<20} {:>4} calls {:>7.4} s {:>4} calls {:>7.4} s   {:>6.1} times as fast",
        calls * one_by_one.len(),
        slow.as_secs_f64(),
        calls * batch.len(),
        fast.as_secs_f64(),
        slow.as_secs_f64() / fast.as_secs_f64().max(1e-9),
    );
    Ok(())
}
