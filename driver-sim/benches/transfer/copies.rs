//! A domain saved and restored, against its memory copied.
//!
//! Warm: both ends of the copy have been touched before. Cold: the destination comes fresh from the
//! system, and page faults are most of the time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ia64save_codec::transfer::restore::{Options as RestoreOptions, Restore};
use ia64save_codec::transfer::save::{Options as SaveOptions, Save};
use ia64save_codec::{Dialect, Guest, PAGE_SIZE};
use ia64save_sim::link::MemorySink;
use ia64save_sim::{Contents, GuestSpec, Host, SimSource, SimTarget};

use crate::options::Options;
use crate::table::Table;

/// Bytes of a stream beyond its page records.
const REST: usize = 1 << 20;
/// What is asked for: against a warm copy, and against a cold one.
const WARM: f64 = 0.6;
const COLD: f64 = 0.9;

/// Measures in turns.
pub fn measure(table: &mut Table, options: &Options) {
    let bytes = options.pages * PAGE_SIZE as u64;
    let there = Host::of(Dialect::D11);
    let spec = GuestSpec {
        contents: Contents::Random,
        ..GuestSpec::new(Guest::Pv, options.pages)
    };
    let domid = spec.build(&there).expect("a domain");
    let room = options.pages as usize * (8 + PAGE_SIZE) + REST;
    let here = Host::of(Dialect::D11);
    here.keep_memory(options.pages + 4096);
    let fresh = Host::of(Dialect::D11);
    let mut image = vec![1; room];
    let mut copied = vec![1; room];
    let mut times: [Vec<Duration>; 6] = Default::default();
    // The first round warms up and is not counted.
    for round in 0..=options.reps {
        let length = save(&there, domid, &mut image).0;
        let took = [
            copy(&image[..length], &mut copied),
            save(&there, domid, &mut copied).1,
            restore(&here, options.pages, &image[..length]),
            cold(|target| copy(&image[..length], target), room),
            cold(|target| save(&there, domid, target).1, room),
            restore(&fresh, options.pages, &image[..length]),
        ];
        for (times, took) in times.iter_mut().zip(took) {
            if round > 0 {
                times.push(took);
            }
        }
    }
    let [warm, saved, restored, cold, saved_cold, restored_cold] = times;
    let mut row = |name, goal, own: &[Duration], copy: &[Duration]| {
        table.speed(name, goal, own, copy, bytes);
    };
    row("save, memory touched before", WARM, &saved, &warm);
    row("restore, memory touched before", WARM, &restored, &warm);
    row("save into fresh memory", COLD, &saved_cold, &cold);
    row("restore into fresh memory", COLD, &restored_cold, &cold);
}

/// The copy that anybody would make, in pieces of a page.
fn copy(from: &[u8], to: &mut [u8]) -> Duration {
    let began = Instant::now();
    for (from, to) in from
        .chunks_exact(PAGE_SIZE)
        .zip(to.chunks_exact_mut(PAGE_SIZE))
    {
        to.copy_from_slice(black_box(from));
    }
    began.elapsed()
}

/// Something done to memory that nobody has touched.
fn cold(work: impl FnOnce(&mut [u8]) -> Duration, room: usize) -> Duration {
    let mut fresh = vec![0; room];
    let took = work(&mut fresh);
    black_box(&fresh);
    took
}

/// Saves the domain, which runs on; how many bytes it took, and how long.
fn save(host: &Host, domid: u32, into: &mut [u8]) -> (usize, Duration) {
    let mut sink = MemorySink::new(into);
    let mut source = SimSource::new(host, domid);
    let began = Instant::now();
    let options = SaveOptions::default().live(false);
    let saved = Save::new(&mut source, &mut sink).options(options).run();
    let took = began.elapsed();
    saved.expect("a save");
    host.resume(domid).expect("a domain that goes on");
    (sink.len(), took)
}

/// Restores an image into a new domain, which is destroyed afterwards.
fn restore(host: &Host, pages: u64, image: &[u8]) -> Duration {
    let mut target = SimTarget::create(host, Guest::Pv, 1, pages).expect("a domain");
    let began = Instant::now();
    let mut restore = Restore::new(&mut target, RestoreOptions::default());
    let fed = restore.feed(image, true).expect("a restore");
    assert!(fed.done);
    restore.finish().expect("a whole restore");
    let took = began.elapsed();
    host.destroy_domain(target.domid())
        .expect("a domain to destroy");
    took
}
