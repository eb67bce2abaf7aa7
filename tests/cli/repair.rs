//! `repair`: each bad image is repaired, or refused with a reason.

use std::fmt::Write as _;
use std::fs;

use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::{Params, generate, golden, goldens, hostile};
use serde_json::Value;

use super::program::{self, Folder, arg, run};

#[test]
fn every_bad_image_is_repaired_or_refused() {
    let folder = Folder::new();
    let mut told = String::new();
    for case in hostile() {
        let path = folder.file("in.sav", &case.bytes());
        let out = folder.path("out.sav");
        let done = run(["repair", "--format", "json", arg(&path), "-o", arg(&out)]);
        let value = done.json();
        let notes = value["notes"].as_array().expect("notes");
        let remaining = value["remaining"].as_array().expect("findings");
        let outcome = value["outcome"].as_str().expect("an outcome");
        let _ = writeln!(told, "{}: {outcome}", case.name);
        for note in notes {
            let what = if note["lost"] == true {
                "lost"
            } else {
                "changed"
            };
            let _ = writeln!(
                told,
                "  {what} {}: {}",
                text(&note["path"]),
                number(note) + text(&note["what"])
            );
        }
        for found in remaining {
            let _ = writeln!(
                told,
                "  {} ({})",
                text(&found["code"]),
                text(&found["path"])
            );
        }
        if outcome == "refused" {
            assert_eq!(done.code, 1, "{}", case.name);
            assert!(!remaining.is_empty(), "{}: a reason", case.name);
            assert!(!out.exists(), "{}", case.name);
            continue;
        }
        assert_eq!(done.code, 0, "{}", case.name);
        let checked = run(["check", "--format", "json", arg(&out)]);
        assert_eq!(checked.code, 0, "{}: {checked:?}", case.name);
        let same = fs::read(&out).expect("the output") == *case.bytes();
        assert_eq!(same, outcome == "intact", "{}", case.name);
        assert_eq!(notes.is_empty(), same, "{}", case.name);
        // What is repaired is intact.
        let again = run(["repair", "--format", "json", arg(&out), "-o", "/dev/null"]);
        assert_eq!(again.json()["outcome"], "intact", "{}", case.name);
        fs::remove_file(&out).expect("the output");
    }
    insta::assert_snapshot!("repair-hostile", told);
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Where a bad image differs from its good original in one place, that is what comes back.
#[test]
fn what_the_image_says_elsewhere_comes_back() {
    let good = hostile();
    let good = good
        .iter()
        .find(|case| case.name == "trailing-garbage")
        .expect("a case");
    let good = good.bytes();
    let good = &good[..good.len() - 256];
    let folder = Folder::new();
    for name in [
        "ver-0",
        "ver-3-high-bit",
        "ver-2-on-v3-body",
        "p2m_size-max",
        "memmap-pages-2",
        "memmap-size-max",
        "memdesc-npages-huge",
        "memdesc-type-mmio",
        "no-terminator",
        "unalloc-count-max",
        "max_virt_cpus-2pow40",
        "start_info_pfn-2pow50",
        "trailing-garbage",
    ] {
        let cases = hostile();
        let case = cases.iter().find(|case| case.name == name).expect("a case");
        let path = folder.file("in.sav", &case.bytes());
        let out = folder.path("out.sav");
        let done = run(["repair", arg(&path), "-o", arg(&out)]);
        assert_eq!(done.code, 0, "{name}: {done:?}");
        let written = fs::read(&out).expect("the output");
        if name == "p2m_size-max" {
            continue; // a warning; it is copied as it is
        }
        assert!(written == good, "{name}: {done:?}");
    }
}

#[test]
fn goldens_are_intact() {
    let folder = Folder::new();
    for golden in goldens() {
        let bytes = golden.bytes();
        let path = folder.file("in.sav", &bytes);
        let out = folder.path("out.sav");
        let done = run(["repair", arg(&path), "-o", arg(&out)]);
        assert_eq!(done.code, 0, "{}: {done:?}", golden.name);
        assert!(
            fs::read(&out).expect("the output") == bytes,
            "{}",
            golden.name
        );
        assert!(done.out.contains("nothing to repair"), "{done:?}");
    }
}

#[test]
fn a_round_of_remus_that_is_not_whole_is_dropped() {
    let mut params = Params::rich(Dialect::D11, Guest::Pv, 3);
    params.rounds = 2;
    params.trailing = ia64save_corpus::Trailing::Nothing;
    let made = generate(&params.sound());
    let image = Image::parse(&made.bytes, &Options::default());
    assert_eq!(image.checkpoints.len(), 3);
    let folder = Folder::new();
    let out = folder.path("out.sav");
    for round in [1, 2] {
        let pages = &image.checkpoints[round].pages;
        let start = pages.offset() as usize;
        let last = made.plan.rounds[round].end as usize - 1;
        // Inside its first record, behind it, in its tail.
        for cut in [start + 9, start + 5000, start + 20_000, last] {
            let path = folder.file("in.sav", &made.bytes[..cut.min(last)]);
            let done = run(["repair", arg(&path), "-o", arg(&out)]);
            assert_eq!(done.code, 0, "{done:?}");
            let lost = ["lost checkpoint[", "lost trailing"];
            assert!(lost.iter().any(|lost| done.out.contains(lost)), "{done:?}");
            let kept = fs::read(&out).expect("the output");
            assert!(kept == made.bytes[..start], "round {round} cut at {cut}");
        }
    }
}

/// Both versions of HVM images fit where contexts are alike: a flipped bit tells which it was, and where
/// more is wrong the user is asked.
#[test]
fn a_damaged_version_is_the_nearest_or_asked_for() {
    let folder = Folder::new();
    let out = folder.path("out.sav");
    let mut asked = 0;
    for dialect in [Dialect::D10, Dialect::D11] {
        let mut params = Params::rich(dialect, Guest::Hvm, 5);
        params.trailing = ia64save_corpus::Trailing::Nothing;
        let good = generate(&params.sound()).bytes;
        let version = u64::from(good[8]);
        let repaired = |word: u64, more: &[&str]| {
            let mut bad = good.to_vec();
            bad[8..16].copy_from_slice(&word.to_le_bytes());
            let path = folder.file("in.sav", &bad);
            let args = ["repair", "--output", "json", arg(&path), "-o", arg(&out)];
            let done = run(args.iter().chain(more).copied());
            let same = done.code == 0 && fs::read(&out).expect("the output") == *good;
            (same, done)
        };
        for bit in [2, 11, 63] {
            let (same, done) = repaired(version ^ 1 << bit, &[]);
            assert!(same, "{dialect}, bit {bit}: {done:?}");
        }
        for word in [0, u64::MAX, 0x8_0800 | version, 0x1234_5678] {
            let (_, done) = repaired(word, &[]);
            let value = done.json();
            if value["outcome"] == "refused" {
                asked += 1;
                let question = &value["question"];
                assert_eq!(question["path"], "version", "{word:#x}");
                assert_eq!(question["option"], "--format-version");
                let values = question["values"].as_array().expect("values");
                assert!(values.contains(&version.into()) && values.len() > 1);
            }
            let (same, done) = repaired(word, &["--format-version", &version.to_string()]);
            assert!(same, "{dialect} with {word:#x}: {done:?}");
        }
    }
    assert!(asked > 0, "some fit both");
    let wrong = run(["repair", "--format-version", "4", "x", "-o", "y"]);
    assert_eq!(wrong.code, 2);
}

#[test]
fn what_is_missing_is_named_and_never_made_up() {
    let golden = golden("real340-pv-2vcpu");
    let bytes = golden.bytes();
    let image = Image::parse(&bytes, &Options::default());
    let first = image.first().expect("a checkpoint");
    let folder = Folder::new();
    let out = folder.path("out.sav");
    let cut = first.vcpus[1].context.offset as usize + 100;
    let path = folder.file("in.sav", &bytes[..cut]);
    let done = run(["repair", arg(&path), "-o", arg(&out)]);
    assert_eq!(done.code, 1);
    for what in [
        "the context of vcpu 1",
        "the privregs page of vcpu 1",
        "shared_info",
        "--pages-only",
    ] {
        assert!(done.err.contains(what), "{what}: {done:?}");
    }
    assert!(!done.err.contains("context of vcpu 0"), "{done:?}");
    assert_eq!(done.out, "");
    assert!(!out.exists());
    // The pages are there, under a name that promises no more.
    let pages = folder.path("pages");
    let done = run(["repair", "--pages-only", arg(&path), "-o", arg(&pages)]);
    assert_eq!(done.code, 0, "{done:?}");
    let index = fs::read_to_string(pages.join("pages.json")).expect("the index");
    let index: Value = serde_json::from_str(&index).expect("JSON");
    assert_eq!(index["schema"], "ia64save/pages-only/2");
    let data = fs::read(pages.join("pages.bin")).expect("the pages");
    let mut at = 0;
    for range in index["ranges"].as_array().expect("ranges") {
        let number = |name: &str| program::number(&range[name]).expect("a number");
        assert_eq!(number("offset"), at as u64);
        for pfn in number("first_pfn")..number("first_pfn") + number("num_pages") {
            let (_, page) = image.page_of(0, pfn).expect("a page");
            assert!(&data[at..at + 16384] == page, "pfn {pfn}");
            at += 16384;
        }
    }
    assert_eq!(at, data.len());
    assert_eq!(data.len() / 16384, first.pages.distinct());
}

#[test]
fn no_pages_no_file() {
    let folder = Folder::new();
    let path = folder.file("in.sav", b"\x10\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0");
    let out = folder.path("pages");
    assert_eq!(
        run(["repair", "--pages-only", arg(&path), "-o", arg(&out)]).code,
        1
    );
    assert!(!out.exists());
}

/// `"0 -> 1, "` of a note about a number.
fn number(note: &Value) -> String {
    match (&note["was"], &note["is"]) {
        (Value::Null, _) => String::new(),
        (was, is) => format!("{was} -> {is}, "),
    }
}

/// What the check complains of as an error, the repair knows how to take away.
#[test]
fn a_ring_that_would_be_given_back_is_taken_off_the_list() {
    let bytes = golden("real340-pv-2vcpu").bytes();
    let image = Image::parse(&bytes, &Options::default());
    let first = image.first().expect("a checkpoint");
    let list = first.unallocated.as_ref().expect("a list");
    let (_, page) = image.start_info(0).expect("start_info");
    let ring = &page[56..64]; // store_mfn
    let mut bad = bytes.to_vec();
    let at = list.offset as usize;
    bad[at..at + 8].copy_from_slice(ring);
    let folder = Folder::new();
    let (path, out) = (folder.file("in.sav", &bad), folder.path("out.sav"));
    let checked = run(["check", arg(&path)]);
    assert!(checked.out.contains("unallocated-needed"), "{checked:?}");
    let done = run(["repair", arg(&path), "-o", arg(&out)]);
    assert_eq!(done.code, 0, "{done:?}");
    let checked = run(["check", arg(&out)]);
    assert!(!checked.out.contains("unallocated-needed"), "{checked:?}");
}

#[test]
fn a_note_names_the_number_that_is_another() {
    let mut bad = golden("real340-pv-2vcpu").bytes().to_vec();
    bad[68] = 8; // efi_memdesc_size
    let folder = Folder::new();
    let (path, out) = (folder.file("in.sav", &bad), folder.path("out.sav"));
    let done = run(["repair", arg(&path), "-o", arg(&out)]);
    let note = "memmap.efi_memdesc_size at byte 68: 8 -> 40, ";
    assert!(done.out.contains(note), "{done:?}");
}
