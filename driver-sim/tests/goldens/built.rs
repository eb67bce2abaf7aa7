//! Domains that were never restored, on hosts of every era: saved, restored, and saved again.

use std::collections::BTreeSet;

use ia64save_codec::Guest;
use ia64save_codec::transfer::{Restore, Restored};
use ia64save_sim::{Era, GuestSpec, Host};

use crate::compare::differences;
use crate::ports::{self, SimTarget};
use crate::setting;

/// All that may differ, and why.
const MAY_DIFFER: [(&str, &str); 9] = [
    // What a restore changes by design.
    (
        "start_info.shared_info",
        "where the new domain has it: up to 3.0.3 a machine frame",
    ),
    ("start_info.store_evtchn", "the new channel"),
    ("start_info.console.domU.evtchn", "the new channel"),
    ("shared_info.evtchn_pending", "a restore clears it"),
    (
        "shared_info.vcpu_info[].evtchn_pending_sel",
        "a restore clears it",
    ),
    ("magic.store", "a restore zeroes it"),
    ("magic.ioreq", "a restore zeroes it"),
    ("magic.bufioreq", "a restore zeroes it"),
    ("magic.bufpioreq", "a restore zeroes it"),
];

#[test]
fn a_domain_that_was_never_restored_saves_as_it_was() {
    let mut seen = BTreeSet::new();
    for era in Era::all().filter(|era| ports::reach(*era)) {
        for guest in [Guest::Pv, Guest::Hvm] {
            if !era.dialect().supports(guest) {
                continue;
            }
            let host = Host::of(era);
            let spec = GuestSpec {
                vcpus: 4,
                offline: vec![2],
                ballooned: 5,
                firmware: 8,
                ..GuestSpec::new(guest, 100)
            };
            let domid = spec.build(&host).unwrap();
            let once = setting::save(&host, domid);
            let (target, _) = restore(&once, &Host::of(era), guest);
            let twice = setting::save(target.host(), target.domid());
            let found = differences(era.dialect(), &once, &twice);
            for name in found {
                let known = MAY_DIFFER.iter().any(|(field, _)| *field == name);
                assert!(known, "{era}, {guest}: {name} differs");
                seen.insert(name);
            }
        }
    }
    assert_eq!(
        seen.len(),
        MAY_DIFFER.len(),
        "the list is no longer than it has to be"
    );
}

fn restore(image: &[u8], host: &Host, guest: Guest) -> (SimTarget, Restored) {
    let p2m_size = u64::from_le_bytes(image[..8].try_into().unwrap());
    let mut target = SimTarget::create(host, guest, 4, p2m_size).unwrap();
    let mut restore = Restore::new(&mut target, setting::options());
    let fed = restore.feed(image, true);
    fed.unwrap_or_else(|error| panic!("{}, {guest}: {error}", host.machine().era));
    let done = restore.finish().unwrap();
    (target, done)
}
