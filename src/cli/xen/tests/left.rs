//! Domains that somebody left as they should not be: half destroyed, paused, with log-dirty on.

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{Errno, PortCall};
use ia64save_sim::Host;
use ia64save_sim::hypervisor::Fault;
use ia64save_sim::hypervisor::guest::Suspends;
use ia64save_xen::fake::{FakeDevice, FakeToolstack, Halves};
use ia64save_xen::hypervisor::{Direct, probe};
use ia64save_xen::privcmd::Privcmd;
use ia64save_xen::transport::Transport;

use super::super::host as hosts;
use super::super::{list, recover, save};
use super::{What, domain, hypervisor, saved, told, what};
use crate::cli::xen::host::Hyper;
use crate::cli::xen::unfinished::Unfinished;

/// The hypervisor of a host that destroys slowly.
fn slow(host: &Host, halves: &Halves) -> Hyper {
    let device = FakeDevice::new(host).destroying_slowly(halves);
    let mut transport: Box<dyn Transport> = Box::new(Privcmd::new(device));
    let release = probe(&mut transport).unwrap();
    Direct::new(transport, release)
}

#[test]
fn a_half_destroyed_domain_is_named_refused_and_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let (host, halves) = (super::host(), Halves::default());
    domain(&host, Guest::Pv);
    host.request_suspend(1).unwrap();
    // The save is whole, and the domain was to be destroyed then: the process was lost after 20 pages.
    host.faults(|faults| faults.add(Fault::at(PortCall::Destroy, 20, Errno::EIO)));
    let image = folder.path().join("image");
    let name = image.to_str().unwrap();
    let What::Save(args) = what(&["save", "1", "-o", name, "--suspended", "--then", "destroy"])
    else {
        unreachable!()
    };
    let nothing = Unfinished::within(None);
    let toolstack = Box::new(FakeToolstack::new(&host));
    let failed = save::save(&args, slow(&host, &halves), toolstack, &nothing)
        .err()
        .unwrap();
    let said = failed.to_string();
    let left = host.domain_info(1).unwrap().tot_pages;
    assert!(said.contains("domain 1 is half destroyed"), "{said}");
    assert!(
        said.contains(&format!("{left} pages are left of it")),
        "{said}"
    );
    assert!(
        said.contains("`ia64save xen recover 1 --destroy` goes on"),
        "{said}"
    );
    // It is listed as what it may be, and not saved as what it was.
    let mut xen = slow(&host, &halves);
    let listed = list::listed(&mut xen).unwrap();
    let states: Vec<_> = listed
        .iter()
        .map(|(info, half)| list::state(info, *half))
        .collect();
    assert_eq!(states, ["running", "dying?"]);
    let refused = hosts::savable(&mut xen, 1, &args.suspending)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("being destroyed"), "{refused}");
    // To mend it is to go on.
    let What::Recover(args) = what(&["recover", "1"]) else {
        unreachable!()
    };
    let toolstack = Box::new(FakeToolstack::new(&host));
    let done = recover::recover(&args, 1, xen, toolstack, &nothing).unwrap();
    assert_eq!(serde_json::to_value(done.document()).unwrap()["fate"], "destroyed");
    assert!(host.domains().is_empty());
}

#[test]
fn a_domain_that_is_only_paused_is_told_from_one_that_is_suspended() {
    let host = super::host();
    domain(&host, Guest::Pv);
    let refused = |words: &[&str]| {
        let all = [&["save", "1", "-o", "-"][..], words].concat();
        let What::Save(args) = what(&all) else {
            unreachable!()
        };
        let savable = hosts::savable(&mut hypervisor(&host), 1, &args.suspending);
        savable.err().map(|failure| failure.to_string())
    };
    let runs = refused(&["--suspended"]).unwrap();
    assert!(runs.contains("has not suspended itself"), "{runs}");
    host.pause(1).unwrap();
    let paused = refused(&["--suspended"]).unwrap();
    assert!(paused.contains("is paused, not suspended"), "{paused}");
    assert!(paused.contains("--suspend-command"), "{paused}");
    assert_eq!(refused(&[]), None);
    // A guest that stands still does not answer.
    host.set_suspends(1, Suspends::Ignores).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let said = saved(&host, &folder.path().join("image"), &[]).unwrap_err();
    assert!(
        said.contains("it is paused: its guest cannot suspend itself"),
        "{said}"
    );
    host.request_suspend(1).unwrap();
}

#[test]
fn log_dirty_that_was_left_on_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let host = super::host();
    domain(&host, Guest::Pv);
    let image = folder.path().join("image");
    for left in [true, false] {
        if left {
            host.enable_log_dirty(1).unwrap();
        }
        let (text, value) = told(&host, &image, &["--live", "--then", "resume"]).unwrap();
        assert_eq!(text.contains("log-dirty was on already"), left, "{text}");
        assert_eq!(value["notes"].as_array().unwrap().len(), usize::from(left));
    }
}
