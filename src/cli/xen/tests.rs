//! The commands over a simulated host's hypercalls.
//!
//! | file | what |
//! |---|---|
//! | `left` | domains that somebody left as they should not be: half destroyed, paused, with log-dirty on |
//! | `lost` | a way to the host that breaks |
//! | `recorded` | what real hypervisors answered |

mod left;
mod lost;
mod recorded;

use std::fs::File;
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use clap::Parser;
use ia64save_codec::Guest;
use ia64save_codec::envelope::xend_header;
use ia64save_codec::transfer::ports::{Errno, PortCall};
use ia64save_sim::hypervisor::Fault;
use ia64save_sim::{DomId, Era, GuestSpec, Host};
use ia64save_xen::fake::FakeToolstack;
use ia64save_xen::hypervisor::{Direct, probe};
use ia64save_xen::privcmd::Privcmd;
use ia64save_xen::transport::Transport;
use serde_json::Value;

use super::args::What;
use super::host::Hyper;
use super::unfinished::Unfinished;
use super::{list, recover, restore, save};
use crate::cli::{Cli, Command as CliCommand};

mod way_back;

fn hypervisor(host: &Host) -> Hyper {
    let mut transport: Box<dyn Transport> = Box::new(Privcmd::fake(host));
    let release = probe(&mut transport).unwrap();
    Direct::new(transport, release)
}

fn host() -> Host {
    Host::of("xen-3.4".parse::<Era>().unwrap())
}

fn domain(host: &Host, guest: Guest) -> DomId {
    GuestSpec::new(guest, 60).build(host).unwrap()
}

fn what(words: &[&str]) -> What {
    let words = ["ia64save", "xen"].iter().chain(words);
    match Cli::try_parse_from(words).unwrap().command {
        CliCommand::Xen(args) => args.what,
        _ => unreachable!(),
    }
}

/// Saves domain 1; what a person and a script are told.
fn told(host: &Host, out: &Path, words: &[&str]) -> Result<(String, Value), String> {
    told_of(host, 1, out, words)
}

fn saved_as(host: &Host, domid: DomId, out: &Path, words: &[&str]) -> Result<String, String> {
    told_of(host, domid, out, words).map(|(text, _)| text)
}

fn told_of(
    host: &Host,
    domid: DomId,
    out: &Path,
    words: &[&str],
) -> Result<(String, Value), String> {
    let domain = domid.to_string();
    let mut all = vec![
        "save",
        &domain,
        "-o",
        out.to_str().unwrap(),
        "--suspend-wait",
        "0",
    ];
    all.extend(words);
    let What::Save(args) = what(&all) else {
        unreachable!()
    };
    told_by(host, FakeToolstack::new(host), &args)
}

fn told_by(
    host: &Host,
    toolstack: FakeToolstack,
    args: &super::args::Save,
) -> Result<(String, Value), String> {
    let done = save::save(
        args,
        hypervisor(host),
        Box::new(toolstack),
        &Unfinished::within(None),
    );
    done.map(|done| {
        (
            done.text(args),
            serde_json::to_value(done.document(args)).unwrap(),
        )
    })
    .map_err(|failure| failure.to_string())
}

fn saved(host: &Host, out: &Path, words: &[&str]) -> Result<String, String> {
    told(host, out, words).map(|(text, _)| text)
}

fn restored(host: &Host, image: &Path, words: &[&str]) -> Result<(), String> {
    let mut all = vec!["restore", image.to_str().unwrap()];
    all.extend(words);
    let What::Restore(args) = what(&all) else {
        unreachable!()
    };
    let done = restore::restore(&args, hypervisor(host), &Unfinished::within(None));
    done.map(drop).map_err(|failure| failure.to_string())
}

#[test]
fn a_saved_domain_is_restored_and_nothing_is_destroyed_unasked() {
    let folder = tempfile::tempdir().unwrap();
    for guest in [Guest::Pv, Guest::Hvm] {
        let (there, here) = (host(), host());
        let domid = domain(&there, guest);
        let image = folder.path().join(guest.name());
        let text = saved(&there, &image, &["--live"]).unwrap();
        assert!(text.ends_with("it is suspended"), "{text}");
        assert_eq!(there.domains(), [domid]);
        restored(&here, &image, &[]).unwrap();
        assert!(!here.runs(1), "it is left paused");
        let pages = there.guest_pages(domid);
        assert_eq!(here.guest_pages(1), pages);
        restored(&here, &image, &["--start"]).unwrap();
        // A number between was that of a domain that only told how the host lays stacks out.
        let newest = here.domains().into_iter().max().unwrap();
        assert!(newest > 1 && here.runs(newest));
        let left = here.leftovers();
        assert_eq!((left.mapped_pages, left.exposed_p2ms), (0, 0));
    }
}

#[test]
fn people_and_scripts_are_told_of_a_save() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let host = host();
    domain(&host, Guest::Pv);
    let (text, value) = told(&host, &image, &["--then", "resume"]).unwrap();
    assert!(text.contains(" sent in 1 pass, "), "{text}");
    assert!(text.ends_with("it goes on"), "{text}");
    let first = value.as_object().unwrap().keys().next();
    assert_eq!(first.map(String::as_str), Some("schema"));
    assert_eq!(value["schema"], "ia64save/xen-save/2");
    assert_eq!(value["fate"], "runs");
    assert_eq!(value["num_passes"], 1);
    let size = std::fs::metadata(&image).unwrap().len();
    assert_eq!(value["bytes"], size);
}

#[test]
fn a_list_that_fails_names_no_domain() {
    // A hypervisor that knows no such interface refuses the first question.
    let mut transport: Box<dyn Transport> = Box::new(Privcmd::fake(&host()));
    let other = Host::of("xen-3.0.3".parse::<Era>().unwrap());
    let release = probe(&mut Privcmd::fake(&other)).unwrap();
    assert_ne!(release.name, probe(&mut transport).unwrap().name);
    let failed = list::domains(&mut Direct::new(transport, release)).unwrap_err();
    assert!(
        failed.to_string().starts_with("the domains of this host: "),
        "{failed}"
    );
}

#[test]
fn a_restore_says_where_in_the_file_it_failed() {
    let folder = tempfile::tempdir().unwrap();
    let (image, config) = (folder.path().join("image"), folder.path().join("config"));
    std::fs::write(&config, "(domain (name x))").unwrap();
    let there = host();
    domain(&there, Guest::Pv);
    let failed = |image: &Path| {
        let here = host();
        here.faults(|faults| faults.add(Fault::at(PortCall::SetVcpuContext, 0, Errno::EIO)));
        let said = restored(&here, image, &[]).unwrap_err();
        let place = said
            .split("(byte ")
            .nth(1)
            .and_then(|rest| rest.split_once(')'));
        place.unwrap().0.parse::<u64>().unwrap()
    };
    saved(&there, &image, &["--then", "resume"]).unwrap();
    let bare = failed(&image);
    let with = ["--then", "resume", "--config", config.to_str().unwrap()];
    saved(&there, &image, &with).unwrap();
    let head = xend_header(b"(domain (name x))").unwrap().len() as u64;
    assert_eq!(failed(&image), bare + head);
}

#[test]
fn what_becomes_of_a_saved_domain_is_the_users_choice() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let host = host();
    domain(&host, Guest::Pv);
    saved(&host, &image, &["--then", "resume"]).unwrap();
    assert!(host.runs(1));
    saved(&host, &image, &["--then", "destroy"]).unwrap();
    assert!(host.domains().is_empty());
}

#[test]
fn a_save_that_fails_leaves_the_domain_running_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    for call in [PortCall::Memmap, PortCall::ReadPages, PortCall::VcpuContext] {
        let host = host();
        domain(&host, Guest::Pv);
        host.faults(|faults| faults.add(Fault::at(call, 0, Errno::EIO)));
        saved(&host, &image, &["--then", "destroy"]).unwrap_err();
        assert!(host.runs(1), "{call:?}");
        assert!(!image.exists());
    }
}

#[test]
fn a_restore_that_fails_leaves_nothing_and_touches_no_other_domain() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let there = host();
    domain(&there, Guest::Pv);
    saved(&there, &image, &[]).unwrap();
    for call in [PortCall::Populate, PortCall::SetVcpuContext] {
        let here = host();
        let other = domain(&here, Guest::Pv);
        here.faults(|faults| faults.add(Fault::at(call, 0, Errno::EIO)));
        restored(&here, &image, &["--start"]).unwrap_err();
        assert_eq!(here.domains(), [other], "{call:?}");
        assert!(here.runs(other));
    }
}

#[test]
fn a_domain_that_is_something_already_is_not_restored_into() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let host = host();
    domain(&host, Guest::Pv);
    saved(&host, &image, &[]).unwrap();
    let into = [
        "--into",
        "1",
        "--store-evtchn",
        "3",
        "--console-evtchn",
        "4",
    ];
    let refused = restored(&host, &image, &into).unwrap_err();
    assert!(refused.contains("not fresh"), "{refused}");
    assert_eq!(host.domains(), [1]);
    // One that a toolstack has made.
    let made = host.create_domain(Guest::Pv, 1, 200).unwrap();
    host.pause(made).unwrap();
    let into = [
        "--into",
        "2",
        "--store-evtchn",
        "3",
        "--console-evtchn",
        "4",
    ];
    restored(&host, &image, &into).unwrap();
    assert_eq!(host.guest_pages(2), host.guest_pages(1));
}

#[test]
fn nothing_is_destroyed_for_an_image_that_nobody_can_make_safe() {
    let folder = tempfile::tempdir().unwrap();
    let host = host();
    domain(&host, Guest::Pv);
    for nothing in ["/dev/null", "/dev/full"] {
        let refused = saved(&host, Path::new(nothing), &["--then", "destroy"]).unwrap_err();
        assert!(refused.contains("--trust-output"), "{refused}");
        assert!(host.runs(1), "nothing was begun");
    }
    // Where the domain is kept, or somebody else sees to it, anything will do.
    for words in [
        &["--then", "resume"][..],
        &["--then", "destroy", "--trust-output"],
    ] {
        saved(&host, Path::new("/dev/null"), words).unwrap();
    }
    assert!(host.domains().is_empty());
    // What is not on the disk is not safe either.
    domain(&host, Guest::Pv);
    let full = Path::new("/dev/full");
    let full = saved_as(&host, 2, full, &["--then", "destroy", "--trust-output"]);
    let error = full.unwrap_err();
    assert!(error.starts_with("/dev/full: "), "{error}");
    assert!(host.runs(2));
    saved_as(
        &host,
        2,
        &folder.path().join("image"),
        &["--then", "destroy"],
    )
    .unwrap();
    assert!(host.domains().is_empty());
}

/// A pipe with a name, and who holds it open.
fn pipe(folder: &Path) -> (std::path::PathBuf, File) {
    let path = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let mut open = File::options();
    // Neither opening nor writing waits for anybody.
    open.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    let held = open.open(&path).unwrap();
    (path, held)
}

#[test]
fn what_is_packed_is_whole_before_its_domain_is_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let host = host();
    let plain = folder.path().join("plain");
    for (id, how) in ["zst", "gz", "xz"].into_iter().enumerate() {
        let id = id as DomId + 1;
        domain(&host, Guest::Pv);
        let file = folder.path().join(format!("image.{how}"));
        saved_as(&host, id, &plain, &["--then", "resume"]).unwrap();
        saved_as(&host, id, &file, &["--then", "resume"]).unwrap();
        // What cannot get its name when it is whole: standard output, a device, a pipe.
        let (path, held) = pipe(folder.path());
        let mut reader = File::open(&path).unwrap();
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let words = ["--compress", how, "--then", "destroy", "--trust-output"];
        saved_as(&host, id, &path, &words).unwrap();
        drop(held);
        let piped = reader.join().unwrap();
        assert!(!host.runs(id));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, piped).unwrap();
        for packed in [&path, &file] {
            let mut unpacked = Vec::new();
            let packed = File::open(packed).unwrap();
            let mut decoder: Box<dyn Read> = match how {
                "zst" => Box::new(zstd::Decoder::new(packed).unwrap()),
                "gz" => Box::new(flate2::read::GzDecoder::new(packed)),
                _ => Box::new(liblzma::read::XzDecoder::new(packed)),
            };
            decoder.read_to_end(&mut unpacked).unwrap();
            let length = std::fs::metadata(&plain).unwrap().len();
            assert_eq!(unpacked.len() as u64, length, "{how}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_reader_that_stopped_is_waited_for_no_longer_than_asked() {
    let folder = tempfile::tempdir().unwrap();
    let host = host();
    domain(&host, Guest::Pv);
    let (path, mut held) = pipe(folder.path());
    // There is no room in it.
    while held.write(&[0; 4096]).is_ok() {}
    for how in ["none", "zst"] {
        let words = ["--compress", how, "--wait", "1"];
        let error = saved(&host, &path, &words).unwrap_err();
        assert!(error.contains("nobody has read for 1 s"), "{how}: {error}");
        assert!(error.contains("pipe: "), "{how}: {error}");
        assert!(host.runs(1), "{how}: it goes on");
    }
}

/// Mends a domain.
fn recovered(host: &Host, words: &[&str], unfinished: &Unfinished) -> Result<Value, String> {
    let mut all = vec!["recover"];
    all.extend(words);
    let What::Recover(args) = what(&all) else {
        unreachable!()
    };
    let (xen, toolstack) = (hypervisor(host), Box::new(FakeToolstack::new(host)));
    let domain = args.domain.unwrap();
    let done = recover::recover(&args, domain, xen, toolstack, unfinished);
    done.map(|done| serde_json::to_value(done.document()).unwrap())
        .map_err(|failure| failure.to_string())
}

#[test]
fn what_a_killed_save_left_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = Unfinished::within(Some(folder.path()));
    let host = host();
    let domid = domain(&host, Guest::Hvm);
    for suspended in [false, true, true] {
        host.enable_log_dirty(domid).unwrap();
        if suspended {
            host.request_suspend(domid).unwrap();
            assert!(!host.runs(domid));
        }
        unfinished.begin("save", 1).keep();
        let done = recovered(&host, &["1"], &unfinished).unwrap();
        assert_eq!(done["fate"], if suspended { "resumed" } else { "runs" });
        assert!(host.runs(domid));
        assert_eq!(host.leftovers().log_dirty, 0);
        assert!(unfinished.found().is_empty(), "it is mended");
        // Once more does no harm.
        assert_eq!(
            recovered(&host, &["1"], &unfinished).unwrap()["fate"],
            "runs"
        );
    }
    unfinished.begin("save", 9).keep();
    assert_eq!(
        recovered(&host, &["9"], &unfinished).unwrap()["fate"],
        "gone"
    );
    assert!(recovered(&host, &["0"], &unfinished).is_err());
}

#[test]
fn what_a_killed_restore_left_is_destroyed_and_nothing_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = Unfinished::within(Some(folder.path()));
    let host = host();
    let runs = domain(&host, Guest::Pv);
    let half = host.create_domain(Guest::Pv, 1, 200).unwrap();
    host.pause(half).unwrap();
    for domain in [1, 2] {
        let mut record = unfinished.begin("restore", domain);
        record.add(&serde_json::json!({ "half_built": true }));
        record.keep();
    }
    assert_eq!(
        recovered(&host, &["2"], &unfinished).unwrap()["fate"],
        "destroyed"
    );
    let refused = recovered(&host, &["1"], &unfinished).unwrap_err();
    assert!(refused.contains("domain 1 runs"), "{refused}");
    assert!(recovered(&host, &["1", "--destroy"], &unfinished).is_err());
    assert_eq!(host.domains(), [runs]);
    assert!(host.runs(runs));
}

#[test]
fn a_domain_that_may_run_elsewhere_is_not_let_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = Unfinished::within(Some(folder.path()));
    let host = host();
    let domid = domain(&host, Guest::Pv);
    host.request_suspend(domid).unwrap();
    let given = |migration: Option<&str>| {
        for left in unfinished.found() {
            left.forget().unwrap();
        }
        let mut record = unfinished.begin("migrate", 1);
        let to = folder.path().join("nobody").display().to_string();
        record.add(&serde_json::json!({ "to": to, "migration": migration, "given": true }));
        record.keep();
    };
    for migration in [None, Some("00000000000000ab")] {
        given(migration);
        let refused = recovered(&host, &["1", "--wait", "1"], &unfinished).unwrap_err();
        assert!(refused.contains("--resume"), "{refused}");
        assert!(!host.runs(domid));
        assert_eq!(unfinished.found().len(), 1);
    }
    let done = recovered(&host, &["1", "--resume"], &unfinished).unwrap();
    assert_eq!(done["fate"], "resumed");
    host.request_suspend(domid).unwrap();
    given(None);
    let done = recovered(&host, &["1", "--destroy"], &unfinished).unwrap();
    assert_eq!(done["fate"], "destroyed");
    assert!(host.domains().is_empty() && unfinished.found().is_empty());
}
