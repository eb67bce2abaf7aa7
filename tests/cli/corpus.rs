//! `corpus export`: what the manifest says is what the files are.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::program::{Folder, Run, arg, command, run};

/// Exports small streams and reads the manifest.
fn exported(folder: &Folder, args: &[&str]) -> BTreeMap<String, Value> {
    let out = folder.path("corpus");
    let all = [&["corpus", "export", arg(&out)], args].concat();
    let run = run(all);
    assert_eq!(run.code, 0, "{run:?}");
    let text = fs::read_to_string(out.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&text).expect("JSON");
    let files = manifest["files"].as_array().expect("files");
    let name = |row: &Value| row["file"].as_str().expect("a name").to_string();
    files.iter().map(|row| (name(row), row.clone())).collect()
}

#[test]
fn every_kind_is_there_and_every_file_is_in_the_manifest() {
    let folder = Folder::new();
    let manifest = exported(&folder, &["--page-size", "64"]);
    let out = folder.path("corpus");
    let mut kinds = 0;
    let mut files = 0;
    for kind in fs::read_dir(&out).expect("a folder") {
        let kind = kind.expect("an entry");
        if !kind.path().is_dir() {
            continue;
        }
        kinds += 1;
        let kind_name = kind.file_name().into_string().expect("a name");
        for file in fs::read_dir(kind.path()).expect("a folder") {
            let name = file.expect("an entry").file_name().into_string();
            let name = format!("{kind_name}/{}", name.expect("a name"));
            assert!(manifest.contains_key(&name), "{name}");
            files += 1;
        }
    }
    assert_eq!((kinds, files), (19, manifest.len()));
    let table = fs::read_to_string(out.join("MANIFEST.tsv")).expect("a table");
    assert_eq!(table.lines().count(), manifest.len() + 1);
    let columns = table
        .lines()
        .next()
        .map_or(0, |line| line.split('\t').count());
    assert!(
        table
            .lines()
            .all(|line| line.split('\t').count() == columns)
    );
    assert!(out.join("README.txt").is_file());
}

/// The tool itself is a reader: good streams are read to their end, truncated ones are refused where
/// they end, and numbers are where the manifest has them.
#[test]
fn the_manifest_is_true() {
    let folder = Folder::new();
    let manifest = exported(&folder, &["--dialect", "xen-3.2"]);
    let out = folder.path("corpus");
    let mut numbers = 0;
    for (name, row) in &manifest {
        let path = out.join(name);
        let class = row["class"].as_str().expect("a class");
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_string();
        let (dialect, guest) = (text("name"), text("guest"));
        let how = ["--dialect", &dialect, "--guest", &guest, "--format", "json"];
        if ["valid", "truncated"].contains(&class) {
            let report = run([&["check"], &how[..], &[arg(&path)]].concat()).entry();
            let found = report["findings"].as_array().expect("findings");
            let codes = || found.iter().filter_map(|finding| finding["code"].as_str());
            assert_eq!(
                codes().any(|code| code == "truncated"),
                class == "truncated",
                "{name}: {report}"
            );
        }
        if text("is").is_empty() {
            continue;
        }
        let part = text("path");
        let dump = run([&["dump"], &how[..], &[arg(&path), &part]].concat());
        // A number that ends the reading before it can be printed is one that steers.
        if class == "value" {
            let fields = dump.json()["fields"].clone();
            // The list is printed as ranges, not entry by entry.
            let Some(field) = fields.get(0) else {
                assert!(part.starts_with("unallocated.pfns["), "{name}");
                continue;
            };
            assert_eq!(field["offset"], row["offset"], "{name}: {fields}");
            let bytes = fs::read(&path).expect("a stream");
            let at = row["offset"].as_u64().expect("an offset") as usize;
            let size = row["length"].as_u64().expect("a length") as usize;
            let mut word = [0; 8];
            word[..size].copy_from_slice(&bytes[at..at + size]);
            assert_eq!(
                format!("{:#x}", u64::from_le_bytes(word)),
                text("is"),
                "{name}"
            );
            numbers += 1;
        }
    }
    assert!(numbers > 80, "{numbers}");
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = Folder::new();
    folder.file("kept", b"mine");
    let refused = run(["corpus", "export", arg(&folder.path("."))]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert_eq!(folder.names(), ["kept"]);
    let none = run([
        "corpus",
        "export",
        "--dialect",
        "D3",
        "--guest",
        "hvm",
        arg(&folder.path("x")),
    ]);
    assert_eq!(none.code, 2, "{none:?}");
    assert_eq!(folder.names(), ["kept"]);
}

#[test]
fn the_umask_says_who_may_read_the_folder() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let export = |umask: &str, name: &str| {
        let line = format!(
            "umask {umask}; exec \"$PROGRAM\" corpus export --dialect xen-3.2 --page-size 64 {name}"
        );
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &line]).current_dir(folder.path(""));
        shell.env("PROGRAM", env!("CARGO_BIN_EXE_ia64save"));
        Run::from(shell.output().expect("it starts"))
    };
    let mode = |name: &str| {
        let metadata = fs::metadata(folder.path(name)).expect("a folder");
        metadata.permissions().mode() & 0o777
    };
    for (umask, name, expected) in [("077", "own", 0o700), ("002", "ours", 0o775)] {
        let done = export(umask, name);
        assert_eq!((done.code, mode(name)), (0, expected), "{done:?}");
    }
    // One that was there keeps what it had.
    fs::create_dir(folder.path("there")).expect("a folder");
    let strict = fs::Permissions::from_mode(0o750);
    fs::set_permissions(folder.path("there"), strict).expect("a mode");
    assert_eq!((export("022", "there").code, mode("there")), (0, 0o750));
}

#[test]
fn a_folder_that_cannot_be_replaced_is_named() {
    let folder = Folder::new();
    let mut export = command(["corpus", "export", "--dialect", "xen-3.2", "."]);
    let refused = export.current_dir(folder.path("")).output();
    let refused = Run::from(refused.expect("it starts"));
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(
        refused.err.starts_with("ia64save: error: .: "),
        "{refused:?}"
    );
    assert!(folder.names().is_empty(), "nothing is left");
}
