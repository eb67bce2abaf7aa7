//! A table of what two policies make of guests at work:
//! `cargo run --release -p ia64save-sim --example policies [SEED]`.

use ia64save_codec::transfer::{Adaptive, Xen};
use ia64save_sim::comparison::Setting;

fn main() {
    let seed = std::env::args()
        .nth(1)
        .map_or(1, |seed| seed.parse().expect("a seed"));
    println!(
        "{:<28} {:>19} {:>23} {:>19}  {:>9}",
        "guest, rate, link", "MB xen, adaptive", "downtime ms", "total ms", "stretches"
    );
    let mut ratios = Vec::new();
    for setting in Setting::all(seed) {
        let xen = setting.measure(&mut Xen::default());
        let ours = setting.measure(&mut Adaptive::default());
        let ratio = ours.downtime.as_secs_f64() / xen.downtime.as_secs_f64();
        ratios.push(ratio);
        println!(
            "{setting:<28} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {ratio:>5.2} {:>9.0} {:>9.0} {:>4} {:>4}",
            xen.bytes as f64 / 1e6,
            ours.bytes as f64 / 1e6,
            xen.downtime.as_secs_f64() * 1e3,
            ours.downtime.as_secs_f64() * 1e3,
            xen.total.as_secs_f64() * 1e3,
            ours.total.as_secs_f64() * 1e3,
            xen.stretches,
            ours.stretches,
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "downtime of adaptive to that of xen: median {:.2}",
        ratios[ratios.len() / 2]
    );
}
