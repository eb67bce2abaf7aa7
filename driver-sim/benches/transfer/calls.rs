//! Calls to the hypervisor for each 1000 pages. The original made 1000 maps, 1000 unmaps and, in a
//! restore, 1000 populates.

use std::time::Duration;

use ia64save_codec::transfer::restore::{Options, Restore};
use ia64save_codec::transfer::save::Save;
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::link::Link;
use ia64save_sim::workload::Pattern;
use ia64save_sim::{Contents, GuestSpec, Host, SimSource, SimTarget};

use crate::table::Table;

const GOAL: f64 = 20.0;
const PAGES: u64 = 16384;
/// Bytes of what a restore is shown at a time.
const PIECE: usize = 4 << 20;

/// A busy domain with holes in its memory, saved live and restored.
pub fn measure(table: &mut Table) {
    let there = Host::of(Dialect::D11);
    let spec = GuestSpec {
        vcpus: 8,
        ballooned: PAGES / 10,
        contents: Contents::Marked,
        ..GuestSpec::new(Guest::Pv, PAGES)
    };
    let domid = spec.build(&there).expect("a domain");
    let workload = spec.workload(&there, Pattern::HotSet, 20_000);
    there
        .set_workload(domid, workload.expect("a workload"))
        .expect("a domain");
    there.reset_counts();
    let mut source = SimSource::new(&there, domid);
    let mut link = Link::new(&there, 1 << 27, Duration::from_millis(1), Vec::new());
    let saved = Save::new(&mut source, &mut link).run().expect("a save");
    let image = link.into_receiver();
    let mut row = |name: &str, host: &Host, pages: u64| {
        let calls = host.counts().total();
        let each = calls as f64 * 1000.0 / pages as f64;
        table.row(
            name,
            format!("{each:.1} for 1000 pages"),
            format!("<= {GOAL:.0}"),
            each <= GOAL,
            format!("{calls} calls for {pages} pages"),
        );
    };
    row("calls of a live save", &there, saved.sent);

    let here = Host::of(Dialect::D11);
    let mut target = SimTarget::create(&here, Guest::Pv, 8, PAGES).expect("a domain");
    let mut restore = Restore::new(&mut target, Options::default());
    let (mut at, mut shown) = (0, 0);
    while at < image.len() {
        shown = (shown + PIECE).min(image.len());
        let fed = restore.feed(&image[at..shown], shown == image.len());
        at += fed.expect("a restore").consumed;
    }
    let restored = restore.finish().expect("a whole restore");
    row("calls of a restore", &here, restored.records);
}
