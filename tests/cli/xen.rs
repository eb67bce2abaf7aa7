//! `xen` on a machine that is no Xen host, and through an agent that is none.

use std::path::Path;

use super::program::{Folder, arg, run};

/// Says why not in one line, and leaves nothing.
fn refused(args: &[&str], why: &str) {
    let run = run(args);
    assert_eq!((run.code, run.out.as_str()), (4, ""), "{run:?}");
    assert!(run.err.starts_with("ia64save: error: "), "{run:?}");
    assert_eq!(run.err.lines().count(), 1, "{run:?}");
    assert!(run.err.contains(why), "{run:?}");
}

#[test]
fn without_xen_every_command_says_so_in_one_line() {
    if ["/dev/xen/privcmd", "/proc/xen/privcmd"]
        .iter()
        .any(|path| Path::new(path).exists())
    {
        return;
    }
    let folder = Folder::new();
    let (out, config) = (folder.path("out"), folder.file("config", b"(domain)"));
    let golden = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/corpus/golden/real340-pv-2vcpu.sav.zst"
    );
    for args in [
        &["xen", "list"][..],
        &["xen", "save", "3", "-o", arg(&out)],
        &["xen", "restore", golden],
        &["xen", "migrate", "3", "itanium", "--config", arg(&config)],
    ] {
        refused(args, "not the control domain of a Xen host");
    }
    assert!(!out.exists());
}

#[test]
fn an_agent_that_does_not_answer_is_named() {
    refused(&["xen", "list", "--agent", "exit 3"], "exit 3");
    refused(
        &["xen", "list", "--agent", "echo welcome to itanium"],
        "welcome",
    );
}

#[test]
fn what_makes_no_sense_is_usage() {
    let into = ["xen", "restore", "-", "--into", "3"];
    let both = [
        "xen",
        "save",
        "3",
        "-o",
        "-",
        "--suspended",
        "--suspend-dialogue",
    ];
    let large = ["xen", "save", "70000", "-o", "-"];
    for args in [&into[..], &both[..], &large[..]] {
        assert_eq!(run(args).code, 2, "{args:?}");
    }
}

#[test]
fn both_ways_to_migrate_wait_under_one_name() {
    for command in ["simulate", "xen"] {
        let help = run([command, "migrate", "--help"]).out;
        assert!(help.contains("--wait <SECONDS>"), "{help}");
        assert!(!help.contains("--patience"), "{help}");
    }
    let help = run(["xen", "migrate", "--help"]).out;
    assert!(help.contains("--suspend-wait <SECONDS>"), "{help}");
}
