//! The examples do what they say. They are short enough to be read at a glance.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ia64save_codec::Dialect;
use ia64save_codec::image::{Image, Options};
use ia64save_corpus::golden;

/// An example that cargo has built beside this test.
fn example(name: &str, args: &[&str]) -> Output {
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().and_then(Path::parent).expect("a folder");
    let program = folder.join("examples").join(name);
    if !program.exists() {
        // `cargo test --test` builds no examples.
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--package", env!("CARGO_PKG_NAME"), "--examples"]);
        assert!(build.status().expect("cargo starts").success());
    }
    let output = Command::new(&program).args(args).output();
    output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A golden as a file, for as long as the folder lives.
fn image(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, golden(name).bytes()).expect("a file");
    path
}

#[test]
fn pages_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image(&folder, "r410-pv-live-balloon");
    let done = example("count_pages", &[path.to_str().expect("UTF-8")]);
    assert!(done.status.success(), "{done:?}");
    let counts = "checkpoint 0: 71 records, 53 pages, 18 sent again, ";
    assert!(text(&done.stdout).starts_with(counts), "{done:?}");
    let done = example("count_pages", &[]);
    assert!(!done.status.success());
}

#[test]
fn registers_are_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image(&folder, "real340-pv-2vcpu");
    let done = example("list_registers", &[path.to_str().expect("UTF-8")]);
    assert!(done.status.success(), "{done:?}");
    let out = text(&done.stdout);
    assert_eq!(out.matches("vcpu ").count(), 2, "{out}");
    assert!(
        out.contains("  cfm            0x0000000000000006  sof 6\n"),
        "{out}"
    );
    assert!(out.contains("ic 1, di 1, ri 2, bn 1"), "{out}");
}

#[test]
fn a_page_is_extracted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image(&folder, "r410-pv-live-balloon");
    let image = Image::parse(&golden("r410-pv-live-balloon").bytes(), &Options::default());
    let pages = &image.first().expect("a checkpoint").pages;
    let (pfn, ..) = pages
        .last_copies()
        .find(|(.., copies)| *copies > 1)
        .expect("sent again");
    let path = path.to_str().expect("UTF-8");
    for number in [format!("{pfn:#x}"), format!("{pfn}")] {
        let done = example("extract_page", &[path, &number]);
        assert!(done.status.success(), "{done:?}");
        let (offset, page) = image.page_of(0, pfn).expect("a page");
        assert_eq!(done.stdout, page);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.contains(&format!("page at byte {offset}")), "{said}");
    }
    assert!(
        !example("extract_page", &[path, "0x7fffffff"])
            .status
            .success()
    );
}

#[test]
fn a_dialect_is_rewritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = image(&folder, "real340-pv-2vcpu");
    let out = folder.path().join("out.sav");
    let (path, to) = (path.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    let done = example("rewrite_dialect", &[path, "xen-3.2", to]);
    assert!(done.status.success(), "{done:?}");
    assert!(text(&done.stdout).starts_with("lost vcpu[1]: "), "{done:?}");
    let written = fs::read(&out).expect("the output");
    let image = Image::parse(&written.into(), &Options::default());
    assert_eq!(
        (image.error.clone(), image.dialect()),
        (None, Some(Dialect::D10))
    );
    assert!(
        !example("rewrite_dialect", &[path, "xen-5", to])
            .status
            .success()
    );
}

#[test]
fn an_example_is_under_40_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("the examples") {
        let path = entry.expect("an entry").path();
        let lines = fs::read_to_string(&path)
            .expect("an example")
            .lines()
            .count();
        assert!(lines < 40, "{}: {lines}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 4);
}
