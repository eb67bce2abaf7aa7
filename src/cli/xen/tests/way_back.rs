//! How a saved domain goes on, and when it is not suspended at all.

use std::path::Path;

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::ShutdownReason;
use ia64save_sim::hypervisor::Kernel;
use ia64save_sim::{Era, Host};
use ia64save_xen::fake::FakeToolstack;

use super::{What, domain, host, saved, told_by, what};

/// Saves domain 1 by a toolstack that has recorded nothing of its kernel.
fn saved_unrecorded(host: &Host, out: &Path, words: &[&str]) -> Result<String, String> {
    let mut all = vec![
        "save",
        "1",
        "-o",
        out.to_str().unwrap(),
        "--suspend-wait",
        "0",
    ];
    all.extend(words);
    let What::Save(args) = what(&all) else {
        unreachable!()
    };
    let toolstack = FakeToolstack::new(host).without_records();
    told_by(host, toolstack, &args).map(|(text, _)| text)
}

#[test]
fn a_guest_goes_on_as_its_kernel_wants_or_is_not_suspended() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let host = || {
        let host = host();
        let domid = domain(&host, Guest::Pv);
        host.set_kernel(domid, Kernel::Cancels).unwrap();
        (host, domid)
    };
    for live in [&[][..], &["--live"]] {
        let with = |more: &[&'static str]| [live, more].concat();
        let (there, domid) = host();
        let refused = saved_unrecorded(&there, &image, &with(&["--then", "resume"])).unwrap_err();
        assert!(refused.contains("is not suspended"), "{refused}");
        assert!(refused.contains("--resume-mode"), "{refused}");
        assert!(there.runs(domid) && !image.exists());
        let mode = with(&["--then", "resume", "--resume-mode", "cancel"]);
        saved_unrecorded(&there, &image, &mode).unwrap();
        assert!(there.runs(domid));
        // The toolstack's record does as well.
        saved(&there, &image, &with(&["--then", "resume"])).unwrap();
        assert!(there.runs(domid));
        // A kernel of ia64 passes no reset on.
        let mode = with(&["--then", "resume", "--resume-mode", "reset"]);
        let refused = saved_unrecorded(&there, &image, &mode).unwrap_err();
        assert!(refused.contains("does not pass on"), "{refused}");
        assert!(there.runs(domid));
        // Who accepts that has an image, and a domain that waits.
        let accepts = with(&["--then", "resume", "--accept-loss"]);
        let stays = saved_unrecorded(&there, &image, &accepts).unwrap_err();
        assert!(stays.contains("is saved, and stays suspended"), "{stays}");
        let info = there.domain_info(domid).unwrap();
        assert_eq!(info.shutdown, Some(ShutdownReason::Suspend));
        std::fs::remove_file(&image).unwrap();
    }
}

#[test]
fn before_3_1_no_domain_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    for release in ["xen-3.0.3", "xen-3.0.4"] {
        let there = Host::of(release.parse::<Era>().unwrap());
        let domid = domain(&there, Guest::Pv);
        let refused = saved(&there, &image, &["--then", "resume"]).unwrap_err();
        assert!(refused.contains("--accept-loss"), "{refused}");
        assert!(there.runs(domid) && !image.exists(), "{release}");
        let text = saved(&there, &image, &[]).unwrap();
        assert!(text.ends_with("it is suspended"), "{text}");
        std::fs::remove_file(&image).unwrap();
    }
}
