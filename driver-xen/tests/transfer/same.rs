//! By hypercalls or by the simulation's own ports: the same images, byte for byte, in as many calls.

use std::time::Duration;

use ia64save_codec::transfer::ports::SourceDomain;
use ia64save_codec::transfer::{Adaptive, Policy, Save, Xen, save};
use ia64save_sim::hypervisor::Op;
use ia64save_sim::link::Link;
use ia64save_sim::workload::Pattern;
use ia64save_sim::{DomId, GuestSpec, Host};

use crate::common::{eras, host};
use crate::ports;

fn saved<D: SourceDomain>(
    mut source: D,
    host: &Host,
    live: bool,
    policy: &mut dyn Policy,
) -> (Vec<u8>, Duration) {
    let mut link = Link::new(host, 1 << 24, Duration::from_millis(1), Vec::new());
    let options = save::Options::default().live(live);
    let saved = Save::new(&mut source, &mut link)
        .options(options)
        .policy(policy)
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(saved.leftovers.is_empty());
    (link.into_receiver(), saved.total())
}

#[test]
fn an_image_does_not_tell_how_its_domain_was_reached() {
    for (era, guest) in eras() {
        for (live, original) in [(false, true), (true, true), (true, false)] {
            let made = || -> (Host, DomId) {
                let host = host(era, 16384);
                let spec = GuestSpec {
                    vcpus: 3,
                    offline: vec![1],
                    ballooned: 6,
                    ..GuestSpec::new(guest, 150)
                };
                let domid = spec.build(&host).unwrap();
                let workload = spec.workload(&host, Pattern::HotSet, 2000).unwrap();
                host.set_workload(domid, workload).unwrap();
                (host, domid)
            };
            let (mut adaptive, mut xen) = (Adaptive::default(), Xen::default());
            let (here, domid) = made();
            let policy: &mut dyn Policy = if original { &mut xen } else { &mut adaptive };
            let sim = ia64save_sim::SimSource::new(&here, domid);
            let expected = saved(sim, &here, live, policy);
            let (mut adaptive, mut xen) = (Adaptive::default(), Xen::default());
            let (there, domid) = made();
            there.reset_counts();
            let policy: &mut dyn Policy = if original { &mut xen } else { &mut adaptive };
            let found = saved(ports::SimSource::new(&there, domid), &there, live, policy);
            let what = format!("{era} {guest} live {live} original {original}");
            assert_eq!(found.1, expected.1, "{what}");
            assert!(found.0 == expected.0, "{what}");
            // Each call takes many pages: 20 calls for 1000, and what every pass takes besides.
            let counts = there.counts();
            let maps = counts.of(Op::MapPages) + counts.of(Op::UnmapPages);
            let most = 40 + counts.pages_read() / 50;
            assert!(
                maps <= most,
                "{what}: {maps} calls for {} pages",
                counts.pages_read()
            );
        }
    }
}
