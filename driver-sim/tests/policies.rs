//! What the default policy has to achieve against the original's, over guests at work of every kind.

use std::time::Duration;

use ia64save_codec::transfer::{Adaptive, Xen};
use ia64save_sim::comparison::{Outcome, Setting};

/// Measures both policies in every setting, side by side on all processors.
fn compared(seed: u64) -> Vec<(Setting, Outcome, Outcome)> {
    let settings: Vec<Setting> = Setting::all(seed).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let share = settings.len().div_ceil(threads);
        let workers: Vec<_> = settings
            .chunks(share)
            .map(|settings| {
                let measured = |setting: &Setting| {
                    let xen = setting.measure(&mut Xen::default());
                    (*setting, xen, setting.measure(&mut Adaptive::default()))
                };
                scope.spawn(move || settings.iter().map(measured).collect::<Vec<_>>())
            })
            .collect();
        let measured = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap());
        measured.collect()
    })
}

#[test]
fn the_default_policy_keeps_its_promises() {
    let mut ratios = Vec::new();
    let mut broken = Vec::new();
    for (setting, xen, ours) in compared(1) {
        let ratio = ours.downtime.as_secs_f64() / xen.downtime.as_secs_f64();
        ratios.push(ratio);
        // Times are rounded to nanoseconds, send by send.
        if ours.downtime > xen.downtime + Duration::from_micros(1) {
            broken.push(format!(
                "{setting}: {:?} down, xen {:?}",
                ours.downtime, xen.downtime
            ));
        }
        if ours.pages > 3 * ours.bound {
            broken.push(format!(
                "{setting}: {} pages sent of {}",
                ours.pages, ours.bound
            ));
        }
        // The original made 2000 for its maps and unmaps alone. Small passes are those of small domains.
        if ours.calls * 1000 > 20 * ours.pages + 100_000 {
            broken.push(format!(
                "{setting}: {} calls for {} pages",
                ours.calls, ours.pages
            ));
        }
        let traffic = ours.bytes as f64 / xen.bytes as f64;
        if ratio > 0.9 && traffic > 1.05 {
            broken.push(format!(
                "{setting}: {ratio:.2} of the downtime, {traffic:.2} of the bytes"
            ));
        }
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    if median > 0.5 {
        broken.push(format!(
            "half of the settings have more than {median:.2} of the downtime"
        ));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
