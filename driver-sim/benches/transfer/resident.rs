//! Memory that a streaming restore holds beyond the guest's own.

use std::time::Duration;

use ia64save_codec::transfer::ports::SinkError;
use ia64save_codec::transfer::restore::{Options as RestoreOptions, Restore};
use ia64save_codec::transfer::save::{Options as SaveOptions, Save};
use ia64save_codec::{Dialect, Guest, PAGE_SIZE};
use ia64save_sim::link::Link;
use ia64save_sim::{Contents, GuestSpec, Host, SimSource, SimTarget};

use crate::table::Table;

/// The most beyond the guest's memory.
const GOAL: u64 = 48 << 20;

/// Two sizes: what is held beyond the guest's memory must not grow with it.
pub fn measure(table: &mut Table, pages: u64) {
    for pages in [pages / 4, pages] {
        let name = format!("restore of {} MiB: beyond the guest", pages >> 6);
        let goal = format!("<= {} MiB", GOAL >> 20);
        match stream(pages) {
            Some(beyond) => {
                let measured = format!("{:.1} MiB", beyond as f64 / f64::from(1 << 20));
                let detail = "peak resident, less the guest's memory".to_owned();
                table.row(&name, measured, goal, beyond <= GOAL, detail);
            }
            None => table.row(
                &name,
                "-".to_owned(),
                goal,
                !cfg!(target_os = "linux"),
                "not measured: it takes /proc".to_owned(),
            ),
        }
    }
}

/// Streams a domain that is all zeros, and takes no memory, into one that takes all of it.
fn stream(pages: u64) -> Option<u64> {
    let there = Host::of(Dialect::D11);
    let spec = GuestSpec {
        contents: Contents::Empty,
        ..GuestSpec::new(Guest::Pv, pages)
    };
    let domid = spec.build(&there).ok()?;
    let here = Host::of(Dialect::D11);
    let mut target = SimTarget::create(&here, Guest::Pv, 1, pages).ok()?;
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    let before = resident("VmRSS:")?;
    let options = RestoreOptions::default().dialect(Some(Dialect::D11));
    let mut restore = Restore::new(&mut target, options);
    let mut left: Vec<u8> = Vec::new();
    let feed = |bytes: &[u8]| {
        left.extend_from_slice(bytes);
        let fed = restore.feed(&left, false).map_err(|error| SinkError {
            reason: error.to_string(),
        })?;
        left.drain(..fed.consumed);
        Ok(())
    };
    let mut link = Link::new(&there, 0, Duration::ZERO, feed);
    let options = SaveOptions::default().live(false);
    let mut source = SimSource::new(&there, domid);
    let save = Save::new(&mut source, &mut link).options(options);
    save.run().expect("a save");
    drop(link);
    restore.finish().expect("a whole restore");
    let peak = resident("VmHWM:")?;
    Some((peak - before).saturating_sub(pages * PAGE_SIZE as u64))
}

/// A line of the kernel's account of this process, bytes.
fn resident(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}
