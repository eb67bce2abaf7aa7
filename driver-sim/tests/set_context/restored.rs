//! Golden images of real hypervisors, restored on a simulated one of their era and got again without
//! having run: `../data/get-after-restore.txt` says what the real ones answered then.

use ia64save_codec::transfer::Restore;
use ia64save_codec::transfer::restore::Options;
use ia64save_corpus::golden;
use ia64save_sim::{Era, Heap, Host, Machine, SimTarget};

use crate::context::Context;

const TABLE: &str = include_str!("../data/get-after-restore.txt");

/// A machine on which the buffer of one call is that of the next, as it was there.
fn host(era: Era) -> Host {
    Host::new(Machine {
        heap: Heap::Reused,
        ..Machine::new(era)
    })
}

#[test]
fn a_restored_vcpu_shows_what_it_showed() {
    let mut vcpus = 0;
    for line in TABLE.lines() {
        vcpus += 1;
        let (place, expected) = line.split_once(':').unwrap();
        let (name, vcpu) = place.split_once(" vcpu ").unwrap();
        let vcpu: usize = vcpu.parse().unwrap();
        let image = golden(name);
        // The machine of that build had another place for its stack than 3.4.
        let host = match name {
            "realD41-pv" => Host::new(Machine {
                rbs_voff: 0x38,
                heap: Heap::Reused,
                ..Machine::new("xen-4.1".parse().unwrap())
            }),
            _ => host(Era::from(image.era())),
        };
        let pages = image.truth["p2m_size"].as_u64().unwrap();
        let mut target = SimTarget::create(&host, image.guest(), 2, pages).unwrap();
        let bytes = image.bytes();
        let mut restore = Restore::new(&mut target, Options::default());
        let fed = restore.feed(&bytes, true);
        let fed = fed.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(fed.done && fed.consumed == bytes.len(), "{name}");
        restore.finish().unwrap();

        let given = Context::of(name, vcpu);
        let back = host.vcpu_context(target.domid(), vcpu as u32).unwrap();
        let back = Context::new(given.layout, back);
        let (expected, whole) = match expected.trim().strip_prefix('(') {
            Some(rest) => (rest.split_once(") ").unwrap().1, false),
            None => (expected.trim(), true),
        };
        let skipped = |field: &str| {
            // Machine frames are the machine's own, and clocks run on.
            field.starts_with("regs.ar.itc")
                || (field.starts_with("privregs_pfn") && image.era().spec().machine_frame)
        };
        let mut expected: Vec<&str> = expected.split(", ").filter(|f| !f.is_empty()).collect();
        expected.retain(|field| !skipped(field));
        let mut found = given.differences(&back);
        found.retain(|field| !skipped(field));
        if !whole {
            let era = image.era();
            found.retain(|field| {
                let path = field.split(' ').next().unwrap();
                era.assigns(image.guest(), path)
            });
        }
        assert_eq!(found, expected, "{name} vcpu {vcpu}");
    }
    assert_eq!(vcpus, 36);
}
