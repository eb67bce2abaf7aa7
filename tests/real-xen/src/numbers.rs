//! What batches are worth: calls and seconds for 1000 pages, one by one and in one batch.
//!
//! Under emulation a second means little; the ratio is what counts.

use std::time::Instant;

use ia64save_xen::transport::DomainId;

use crate::calls::with;
use crate::guest;
use crate::report::{Outcome, equal, holds};
use crate::x86::{PAGE, Xen};

/// Pages that the numbers are for, and pages of a batch.
const PAGES: u64 = 1000;
/// As many are measured one by one.
const SOME: usize = 250;
/// A batch is measured as often, and the best counts; one by one the pages make an average of themselves.
const TIMES: usize = 3;

/// Prints the table, of a transport by its name.
pub fn measure(xen: &mut Xen<'_>, transport: &str) -> Outcome {
    let domain = guest::empty(xen, PAGES)?;
    with(xen, domain, |xen, domain| {
        println!("numbers: {transport}: {PAGES} pages, one by one and in a batch");
        let frames: Vec<u64> = (0..PAGES).collect();
        compare("populate, give back", 2, &frames, |frames| {
            let all = frames.len() as u64;
            equal("populated", xen.populate(domain, frames, 0)?, all)?;
            equal("given back", xen.decrease(domain, frames)?, all)
        })?;
        xen.populate(domain, &frames, 0)?;
        compare("read", 1, &frames, |frames| read(xen, domain, frames))?;
        let bytes = vec![0x33; frames.len() * PAGE];
        compare("write", 1, &frames, |frames| {
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
    frames: &[u64],
    mut call: impl FnMut(&[u64]) -> Outcome,
) -> Outcome {
    let start = Instant::now();
    for frame in &frames[..SOME] {
        call(std::slice::from_ref(frame))?;
    }
    let slow = start.elapsed().as_secs_f64() * frames.len() as f64 / SOME as f64;
    let mut fast = f64::MAX;
    for _ in 0..TIMES {
        let start = Instant::now();
        call(frames)?;
        fast = fast.min(start.elapsed().as_secs_f64());
    }
    println!(
        "numbers:   {what:<20} {:>4} calls {slow:>7.4} s {calls:>2} calls {fast:>7.4} s   {:>6.1} times as fast",
        calls * frames.len(),
        slow / fast.max(1e-9),
    );
    Ok(())
}
