//! Migrations in which something fails: whatever it is, exactly one domain runs afterwards, with the
//! memory and the registers of the source, and nothing is left over.

use ia64save_codec::transfer::migration::{Protocol, SourceFate};
use ia64save_codec::transfer::ports::ShutdownReason;
use ia64save_codec::transfer::ports::{Errno, PortCall};
use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::generate::Random;
use ia64save_sim::hypervisor::guest::Suspends;
use ia64save_sim::hypervisor::{Fault, Kernel, Leftovers};
use ia64save_sim::workload::Pattern;
use ia64save_sim::{DomId, GuestSpec, Host};
use proptest::prelude::*;

use crate::common::{DomainState, assert_same, host, state};
use crate::migrate::{Course, Migrated, migrate};
use crate::ports;

const ERRNOS: [Errno; 4] = [Errno::EINVAL, Errno::ENOMEM, Errno::EAGAIN, Errno::EFAULT];

/// Two hosts and a domain on the first.
struct World {
    there: Host,
    here: Host,
    domid: DomId,
    before: DomainState,
    idle: bool,
}

impl World {
    fn new(dialect: Dialect, guest: Guest, busy: bool, seed: u64) -> Self {
        let there = host(ports::era(dialect), 1024);
        let spec = GuestSpec {
            vcpus: 3,
            offline: vec![1],
            ballooned: 4,
            firmware: 4,
            seed,
            ..GuestSpec::new(guest, 40)
        };
        let domid = spec.build(&there).unwrap();
        if guest == Guest::Pv {
            there.set_kernel(domid, Kernel::Cancels).unwrap();
        }
        if busy {
            let workload = spec.workload(&there, Pattern::Uniform, 5000).unwrap();
            there.set_workload(domid, workload).unwrap();
        }
        let before = state(&there, domid);
        World {
            here: host(ports::era(dialect), 1024),
            there,
            domid,
            before,
            idle: !busy,
        }
    }

    fn run(&self, course: &Course) -> Migrated {
        migrate(&self.there, self.domid, &self.here, course)
    }

    /// Exactly one domain runs, it is what it was, and nothing is left over.
    fn check(&self, migrated: &Migrated, what: &str) {
        let running = |host: &Host| {
            let domains = host.domains().into_iter();
            domains.filter(|domid| host.runs(*domid)).count() as u64
        };
        let counts = (running(&self.there), running(&self.here));
        let alone = |domains| Leftovers {
            domains,
            ..Leftovers::default()
        };
        let left = (self.there.leftovers(), self.here.leftovers());
        match (&migrated.fate, &migrated.twin) {
            (SourceFate::Gone, Some((twin, restored))) => {
                assert_eq!(counts, (0, 1), "{what}");
                assert_eq!(left, (alone(0), alone(1)), "{what}");
                let suspended = migrated.suspended.as_ref().expect("it was suspended");
                let after = state(&self.here, *twin);
                assert_same(suspended, &after, restored, what);
                assert_eq!(self.before.vcpus.len(), after.vcpus.len(), "{what}");
            }
            (SourceFate::Stays(_), None) => {
                assert_eq!(counts, (1, 0), "{what}: {migrated:?}");
                assert_eq!(left, (alone(1), alone(0)), "{what}");
                let after = state(&self.there, self.domid);
                assert!(
                    self.before.vcpus == after.vcpus,
                    "{what}: registers changed"
                );
                assert!(self.before.hvm_context == after.hvm_context, "{what}");
                if self.idle {
                    assert!(self.before.memory == after.memory, "{what}: memory changed");
                }
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

fn worlds() -> impl Iterator<Item = (Dialect, Guest, bool)> {
    [
        (Dialect::D1b, Guest::Pv),
        (Dialect::D10, Guest::Hvm),
        (Dialect::D11, Guest::Pv),
        (Dialect::D11, Guest::Hvm),
    ]
    .into_iter()
    .flat_map(|(dialect, guest)| [(dialect, guest, false), (dialect, guest, true)])
}

/// Batches, which can fail in the middle.
fn is_batch(call: PortCall) -> bool {
    matches!(
        call,
        PortCall::ReadPages
            | PortCall::WritePages
            | PortCall::Populate
            | PortCall::DecreaseReservation
            | PortCall::ClearPages
    )
}

#[test]
fn nothing_fails() {
    for (dialect, guest, live) in worlds() {
        for protocol in [Protocol::Acknowledged, Protocol::Xend] {
            let world = World::new(dialect, guest, live, 1);
            let course = Course {
                protocol,
                ..Course::smooth(live)
            };
            let migrated = world.run(&course);
            assert_eq!(migrated.fate, SourceFate::Gone);
            world.check(&migrated, &format!("{dialect} {guest} {protocol:?}"));
        }
    }
}

#[test]
fn every_call_fails_once() {
    let mut struck = 0;
    for (dialect, guest, live) in worlds() {
        let course = Course::smooth(live);
        let smooth = World::new(dialect, guest, live, 2);
        smooth.run(&course);
        for at_target in [false, true] {
            let host = |world: &World| {
                if at_target {
                    world.here.clone()
                } else {
                    world.there.clone()
                }
            };
            let calls: Vec<(PortCall, u64)> =
                host(&smooth).faults(|faults| faults.all_calls().collect());
            for (call, times) in calls {
                let halves: &[Option<u64>] = if is_batch(call) {
                    &[None, Some(0), Some(1)]
                } else {
                    &[None]
                };
                for (nth, after) in (0..times).flat_map(|n| halves.iter().map(move |h| (n, *h))) {
                    let errno = ERRNOS[(nth % 4) as usize];
                    let world = World::new(dialect, guest, live, 2);
                    let fault = Fault {
                        call,
                        nth,
                        errno,
                        after,
                    };
                    host(&world).faults(|faults| faults.add(fault));
                    let migrated = world.run(&course);
                    host(&world).faults(|faults| {
                        struck += faults.struck();
                        faults.clear();
                    });
                    let side = if at_target { "target" } else { "source" };
                    let what = format!("{dialect} {guest} live {live}, {side}: {fault:?}");
                    world.check(&migrated, &what);
                }
            }
        }
    }
    assert!(struck > 500, "only {struck} calls failed");
}

#[test]
fn the_connection_is_cut_everywhere() {
    for (dialect, guest, live) in worlds() {
        let smooth = World::new(dialect, guest, live, 3).run(&Course::smooth(live));
        let [to_target, to_source] = smooth.carried;
        // The lines, the frames, the parts of the stream; then anywhere.
        let mut cuts: Vec<u64> = (0..60).chain(to_target - 16..=to_target).collect();
        for write in &smooth.writes {
            cuts.extend([write - 4, write - 1, *write, write + 1, write + 1032]);
        }
        let mut random = Random::new(9, &[to_target]);
        cuts.extend((0..20).map(|_| random.below(to_target)));
        cuts.sort_unstable();
        cuts.dedup();
        let cuts = cuts.into_iter().map(|cut| [Some(cut), None]);
        let back = (0..=to_source).map(|cut| [None, Some(cut)]);
        for (number, room) in cuts.chain(back).enumerate() {
            let course = Course {
                room,
                silent: number % 2 == 1,
                asks_early: number % 3 == 1,
                ..Course::smooth(live)
            };
            let world = World::new(dialect, guest, live, 3);
            let migrated = world.run(&course);
            world.check(&migrated, &format!("{dialect} {guest} {course:?}"));
        }
    }
}

#[test]
fn xends_protocol_never_runs_two_and_never_destroys_the_last() {
    let protocol = Protocol::Xend;
    for (dialect, guest, live) in worlds() {
        let course = Course {
            protocol,
            ..Course::smooth(live)
        };
        let smooth = World::new(dialect, guest, live, 4).run(&course);
        let [to_target, to_source] = smooth.carried;
        let cuts = smooth.writes.iter().flat_map(|write| [*write, write + 1]);
        let cuts = cuts.chain([0, 3, 8, to_target - 1, to_target]);
        let cuts = cuts.map(|cut| [Some(cut), None]);
        for room in cuts.chain((0..=to_source).map(|cut| [None, Some(cut)])) {
            let course = Course {
                room,
                ..course.clone()
            };
            let world = World::new(dialect, guest, live, 4);
            let migrated = world.run(&course);
            let runs = |host: &Host| host.domains().iter().any(|domid| host.runs(*domid));
            match migrated.fate {
                SourceFate::InDoubt(_) => {
                    // Suspended, for a person to decide; the other may or may not run.
                    assert_eq!(world.there.domains(), [world.domid]);
                    assert!(!runs(&world.there));
                }
                _ => world.check(&migrated, &format!("{dialect} {guest} {room:?}")),
            }
        }
    }
}

#[test]
fn a_guest_that_does_not_suspend_stays() {
    for (suspends, runs) in [
        (Suspends::Ignores, true),
        (Suspends::ShutsDown(ShutdownReason::Crash), false),
        (Suspends::ShutsDown(ShutdownReason::Poweroff), false),
    ] {
        for live in [false, true] {
            let world = World::new(Dialect::D11, Guest::Hvm, live, 5);
            world.there.set_suspends(world.domid, suspends).unwrap();
            let migrated = world.run(&Course::smooth(live));
            assert!(matches!(migrated.fate, SourceFate::Stays(_)));
            assert!(migrated.twin.is_none());
            assert_eq!(world.there.runs(world.domid), runs);
            assert_eq!(world.here.leftovers(), Leftovers::default());
            let left = world.there.leftovers();
            assert_eq!((left.domains, left.exposed_p2ms, left.log_dirty), (1, 0, 0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Bits that turn over on the way may go unnoticed, but never leave two domains or none.
    #[test]
    fn bytes_change_on_the_way(
        which in 0..8_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        piece in prop_oneof![Just(usize::MAX), 1..5000_usize],
        cut in prop::option::of(any::<prop::sample::Index>()),
        original: bool,
    ) {
        let (dialect, guest, live) = worlds().nth(which).unwrap();
        let smooth = World::new(dialect, guest, live, 6).run(&Course::smooth(live));
        let length = smooth.carried[0] as usize;
        let course = Course {
            flips: flips.iter().map(|(at, bits)| (at.index(length) as u64, *bits)).collect(),
            piece,
            original,
            room: [cut.map(|cut| cut.index(length) as u64), None],
            ..Course::smooth(live)
        };
        let world = World::new(dialect, guest, live, 6);
        let migrated = world.run(&course);
        let running = |host: &Host| {
            host.domains().iter().filter(|domid| host.runs(**domid)).count()
        };
        match migrated.fate {
            SourceFate::Gone => {
                prop_assert_eq!((running(&world.there), running(&world.here)), (0, 1));
            }
            SourceFate::Stays(_) => world.check(&migrated, "flipped"),
            SourceFate::InDoubt(why) => {
                // The request, or `commit`, came as something else: the token is another's.
                prop_assert!(!world.there.runs(world.domid), "{why}");
                prop_assert_eq!(running(&world.here), 0);
            }
        }
        for left in [world.there.leftovers(), world.here.leftovers()] {
            prop_assert_eq!((left.zombies, left.exposed_p2ms, left.mapped_pages), (0, 0, 0));
            prop_assert_eq!((left.log_dirty, left.device_model_logs), (0, 0));
        }
    }

    /// Anything at all in place of a stream leaves no domain behind.
    #[test]
    fn random_bytes_make_no_domain(bytes in prop::collection::vec(any::<u8>(), 0..4000), hvm: bool) {
        let host = host(Dialect::D11, 1024);
        let guest = if hvm { Guest::Hvm } else { Guest::Pv };
        let restored = crate::common::restore(&host, guest, 2, 100, &bytes, 777);
        prop_assert!(restored.is_err());
        prop_assert_eq!(host.leftovers(), Leftovers::default());
    }
}
