//! What is saved is without a flaw, and what is restored is what was saved.

use bytes::Bytes;
use ia64save_codec::check::{self, CheckOptions};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Guest, Severity};
use ia64save_sim::workload::Pattern;
use ia64save_sim::{Era, GuestSpec};

use crate::common::{
    assert_same, assert_suspended, eras, host, restore, resume, save, save_by, state,
};

fn spec(guest: Guest, seed: u64) -> GuestSpec {
    GuestSpec {
        vcpus: 4,
        offline: vec![2],
        ballooned: 7,
        firmware: 8,
        seed,
        ..GuestSpec::new(guest, 120)
    }
}

#[test]
fn a_saved_domain_passes_check_without_a_warning() {
    for (era, guest) in eras() {
        for live in [false, true] {
            let host = host(era, 16384);
            let spec = spec(guest, 3);
            let domid = spec.build(&host).unwrap();
            let workload = spec.workload(&host, Pattern::HotSet, 300).unwrap();
            host.set_workload(domid, workload).unwrap();
            let (saved, bytes) = save(&host, domid, live).unwrap();
            assert_eq!(saved.bytes, bytes.len() as u64);
            assert_suspended(&host, domid);
            let options = Options::default().dialect(Some(era.dialect()));
            let image = Image::parse(&Bytes::from(bytes), &options);
            let report = check::run(&image, &CheckOptions::default());
            let bad: Vec<_> = report
                .findings
                .iter()
                .filter(|finding| finding.severity >= Severity::Warning)
                .collect();
            assert!(bad.is_empty(), "{era} {guest} live {live}: {bad:#?}");
        }
    }
}

#[test]
fn a_restored_domain_is_the_saved_one() {
    for (era, guest) in eras() {
        for (live, piece) in [(false, 1 << 20), (true, 4099)] {
            let there = host(era, 4096);
            let spec = spec(guest, 5);
            let domid = spec.build(&there).unwrap();
            let workload = spec.workload(&there, Pattern::Uniform, 400).unwrap();
            there.set_workload(domid, workload).unwrap();
            let (saved, image) = save(&there, domid, live).unwrap();
            let before = state(&there, domid);
            let info = there.domain_info(domid).unwrap();
            let here = host(era, 4096);
            let what = format!("{era} {guest} live {live}");
            let restored = restore(&here, guest, 4, info.max_pages, &image, piece);
            let (twin, restored) = restored.unwrap_or_else(|error| panic!("{what}: {error}"));
            let left = here.leftovers();
            assert_eq!((left.exposed_p2ms, left.mapped_pages), (0, 0), "{what}");
            assert_same(&before, &state(&here, twin), &restored, &what);
            assert_eq!(saved.vcpus.len(), before.vcpus.len(), "{what}");
            resume(&there, domid);
        }
    }
}

#[test]
fn ballooning_during_a_save_loses_nothing() {
    use std::time::Duration;
    for seed in 0..8 {
        for guest in [Guest::Pv, Guest::Hvm] {
            let era: Era = "xen-3.4".parse().unwrap();
            let there = host(era, 4096);
            let spec = spec(guest, seed);
            let domid = spec.build(&there).unwrap();
            let workload = spec.workload(&there, Pattern::Uniform, 200).unwrap();
            let workload = workload.ballooning(Duration::from_millis(3));
            there.set_workload(domid, workload).unwrap();
            let mut adaptive = ia64save_codec::transfer::Adaptive::default();
            let mut xen = ia64save_codec::transfer::Xen::default();
            let policy: &mut dyn ia64save_codec::transfer::Policy = if seed % 2 == 0 {
                &mut adaptive
            } else {
                &mut xen
            };
            let (_, image) = save_by(&there, domid, true, policy).unwrap();
            let before = state(&there, domid);
            let here = host(era, 4096);
            let pages = there.domain_info(domid).unwrap().max_pages;
            let (twin, restored) = restore(&here, guest, 4, pages, &image, 1 << 16).unwrap();
            assert_same(
                &before,
                &state(&here, twin),
                &restored,
                &format!("{guest} {seed}"),
            );
        }
    }
}
