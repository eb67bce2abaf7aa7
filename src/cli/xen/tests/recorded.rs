//! The commands against what real hypervisors answered.

use ia64save_corpus::golden;
use ia64save_xen::fake::Other::{Less, More};
use ia64save_xen::fake::{Replay, World};
use ia64save_xen::hypervisor::{Direct, probe};
use ia64save_xen::transport::Transport;

use super::super::{host, restore, save};
use super::{What, what};
use crate::cli::xen::host::Hyper;
use crate::cli::xen::unfinished::Unfinished;
use session::Session;

#[allow(dead_code)] // not all of it is for commands
#[path = "../../../../driver-xen/tests/traces/session.rs"]
mod session;

/// The recordings.
const TRACES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/driver-xen/tests/data/traces/agent"
);

/// A recorded hypervisor, and what it has been asked.
fn replayed(session: &Session, world: World) -> (Replay, Hyper) {
    let replay = Replay::new(&session::text(session.name), world).unwrap();
    let mut transport: Box<dyn Transport> = Box::new(replay.clone());
    let release = probe(&mut transport).unwrap();
    (replay, Direct::new(transport, release))
}

#[test]
fn restores_go_as_they_went_on_real_hypervisors() {
    let folder = tempfile::tempdir().unwrap();
    let fits = &[More("getdomaininfo"), More("max_mem")][..];
    let asked = &[More("scratch domain")][..];
    for (name, image, others) in [
        ("xen-3.0.3-restore", "real310-pv", &[][..]),
        ("xen-3.0.4-restore", "real310-pv", &[]),
        ("xen-3.1.0-restore", "real310-pv", fits),
        ("xen-3.2.0-restore", "real320-pv", asked),
        ("xen-3.4.0-restore", "real340-pv-2vcpu", asked),
        ("xen-3.4.0-hvm-2vcpu-restore", "real340-hvm-2vcpu", asked),
        ("xen-4.0.0-restore", "real340-pv-2vcpu", asked),
    ] {
        let session = Session::new(name);
        let path = folder.path().join(image);
        std::fs::write(&path, golden(image).bytes()).unwrap();
        let world = World {
            any_handle: true,
            ..session.target(image.contains("hvm"))
        };
        let (replay, xen) = replayed(&session, world);
        let What::Restore(args) = what(&["restore", path.to_str().unwrap()]) else {
            unreachable!()
        };
        restore::restore(&args, xen, &Unfinished::within(None))
            .unwrap_or_else(|failure| panic!("{name}: {failure}"));
        session.ended(&replay, others);
    }
}

#[test]
fn saves_go_as_they_went_on_real_hypervisors() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    // From 3.3 on a domain is asked after that may be half destroyed.
    let (asked, tried) = (More("channel status"), Less("get_memmap"));
    let mapped = Less("add_physmap_with_gmfn");
    // What brings a domain back in the way of its kernel.
    let back = [More("way back"), More("getdomaininfo")];
    for (name, live, then, others) in [
        ("xen-3.0.3-save", false, "suspended", &[][..]),
        ("xen-3.0.3-live-save", true, "suspended", &[mapped]),
        ("xen-3.0.4-save", false, "suspended", &[]),
        ("xen-3.0.4-live-save", true, "resume", &[]),
        ("xen-3.1.0-save-destroy", false, "destroy", &[]),
        ("xen-3.1.0-live-save-resume", true, "resume", &back),
        (
            "xen-3.2.0-save-fixed",
            false,
            "suspended",
            std::slice::from_ref(&tried),
        ),
        (
            "xen-3.3.0-live-save-resume-fixed",
            true,
            "resume",
            &[
                asked.clone(),
                back[0].clone(),
                tried.clone(),
                back[1].clone(),
            ],
        ),
        (
            "xen-3.4.0-save-destroy",
            false,
            "destroy",
            std::slice::from_ref(&asked),
        ),
        (
            "xen-3.4.0-live-save-resume",
            true,
            "resume",
            &[asked.clone(), back[0].clone(), back[1].clone()],
        ),
        (
            "xen-3.4.0-hvm-2vcpu-save",
            false,
            "suspended",
            std::slice::from_ref(&asked),
        ),
        (
            "xen-4.0.0-save-destroy",
            false,
            "destroy",
            std::slice::from_ref(&asked),
        ),
        (
            "xen-4.0.0-live-save-resume",
            true,
            "resume",
            &[asked.clone(), back[0].clone(), back[1].clone()],
        ),
        (
            "xen-4.0.0-hvm-live-save",
            true,
            "suspended",
            std::slice::from_ref(&asked),
        ),
    ] {
        let session = Session::new(name);
        let (replay, mut xen) = replayed(&session, session.world());
        let domain = session.domain().to_string();
        let mut words = vec![
            "save",
            &domain,
            "-o",
            image.to_str().unwrap(),
            "--then",
            then,
            "--resume-mode",
            "cancel",
        ];
        // Before 3.1 nobody would suspend it otherwise.
        let in_vain = name.starts_with("xen-3.0.4-live");
        words.extend(in_vain.then_some("--accept-loss"));
        words.extend(live.then_some("--live"));
        let What::Save(args) = what(&words) else {
            unreachable!()
        };
        host::savable(&mut xen, args.domain, &args.suspending).unwrap();
        let toolstack = Box::new(session::Asks);
        let done = save::save(&args, xen, toolstack, &Unfinished::within(None));
        match done {
            // There is no call for it before 3.1.
            Err(failure) if in_vain => {
                let said = failure.to_string();
                assert!(said.contains("stays suspended"), "{said}");
                // The call that is not there is not made.
                let (made, all) = replay.progress();
                assert_eq!(made + 1, all, "{name}");
                continue;
            }
            done => drop(done.unwrap_or_else(|failure| panic!("{name}: {failure}"))),
        }
        session.ended(&replay, others);
    }
    for name in [
        "xen-3.1.0-save-absent",
        "xen-3.4.0-save-absent",
        "xen-4.0.0-save-absent",
    ] {
        let session = Session::new(name);
        let (replay, mut xen) = replayed(&session, World::default());
        let refused = host::require(&mut xen, session.domain())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("there is no domain"), "{refused}");
        session.ended(&replay, &[]);
    }
}
