//! `check`: verdicts, findings, exit codes, bounds.

use std::time::{Duration, Instant};

use ia64save_corpus::{Verdict, golden, goldens, hostile};

use super::program::{Folder, arg, run, run_with};

#[test]
fn no_golden_image_has_an_error_and_no_real_one_a_warning() {
    let folder = Folder::new();
    for golden in goldens() {
        let path = folder.file("image.sav", &golden.bytes());
        let run = run(["check", "--format", "json", arg(&path)]);
        assert_eq!(run.code, 0, "{}: {}", golden.name, run.out);
        let verdict = run.entry()["verdict"].clone();
        assert_ne!(verdict, "invalid", "{}", golden.name);
        if golden.name.starts_with("real") {
            assert_eq!(verdict, "valid", "{}: {}", golden.name, run.out);
        }
    }
}

#[test]
fn every_hostile_image_gets_its_verdict_in_bounded_time() {
    let folder = Folder::new();
    for case in hostile() {
        let bytes = case.bytes();
        let path = folder.file("image.sav", &bytes);
        let begun = Instant::now();
        let run = run(["check", "--format", "json", arg(&path)]);
        let took = begun.elapsed();
        assert!(
            took < Duration::from_secs(10),
            "{} took {took:?}",
            case.name
        );
        assert_eq!(run.err, "", "{}", case.name);
        let report = run.entry();
        let verdict = report["verdict"].as_str().expect("a verdict");
        let fits = match case.verdict {
            Verdict::Invalid => verdict == "invalid",
            Verdict::NotClean => verdict != "valid",
            Verdict::Valid => verdict != "invalid",
            Verdict::Any => true,
        };
        assert!(
            fits,
            "{}: {verdict}, not {:?}: {}",
            case.name, case.verdict, run.out
        );
        assert_eq!(run.code, i32::from(verdict == "invalid"), "{}", case.name);
        for finding in report["findings"].as_array().expect("findings") {
            for key in ["code", "severity", "path", "message", "clause"] {
                let text = finding[key].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{}: {key} of {finding}", case.name);
            }
            let offset = finding["offset"].as_u64().expect("an offset");
            assert!(offset <= bytes.len() as u64, "{}: {finding}", case.name);
        }
        // A pipe is told the same.
        let piped = run_with(["check", "--format", "json", "-"], &bytes).entry();
        assert_eq!(piped["findings"], report["findings"], "{}", case.name);
    }
}

#[test]
fn strict_turns_warnings_into_an_exit_code() {
    let folder = Folder::new();
    let case = hostile()
        .into_iter()
        .find(|case| case.name == "trailing-garbage")
        .expect("a case");
    let path = folder.file("image.sav", &case.bytes());
    assert_eq!(run(["check", arg(&path)]).code, 0);
    assert_eq!(run(["check", "--strict", arg(&path)]).code, 3);
}

#[test]
fn one_bad_image_does_not_keep_the_others_from_being_checked() {
    let folder = Folder::new();
    let good = folder.file("good.sav", &ia64save_corpus::golden("real310-pv").bytes());
    let missing = folder.path("missing.sav");
    let run = run(["check", arg(&missing), arg(&good)]);
    assert_eq!(run.code, 4);
    assert!(run.out.contains("good.sav: valid"), "{}", run.out);
    assert!(run.err.contains("missing.sav"), "{}", run.err);
}

#[test]
fn a_finding_marks_its_bytes() {
    let folder = Folder::new();
    let case = hostile()
        .into_iter()
        .find(|case| case.name == "ver-0")
        .expect("a case");
    let path = folder.file("image.sav", &case.bytes());
    let run = run(["check", arg(&path)]);
    let carets = "                                     ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^";
    assert!(
        run.out
            .lines()
            .any(|line| line.contains(carets.trim_start())),
        "{}",
        run.out
    );
    assert!(run.out.contains("error[version-unknown]"), "{}", run.out);
}

/// Guest memory holds secrets: what stands behind a page record's header is never shown.
#[test]
fn no_byte_of_a_page_is_shown() {
    let folder = Folder::new();
    let case = hostile()
        .into_iter()
        .find(|case| case.name == "gmfn-2pow40")
        .expect("a case");
    let bytes = case.bytes();
    let offset = usize::try_from(case.offset.expect("an offset")).expect("a small file");
    let page = bytes[offset + 8..offset + 12].iter();
    let page: Vec<String> = page.map(|byte| format!("{byte:02x}")).collect();
    let page = page.join(" ");
    let path = folder.file("image.sav", &bytes);
    let file = run(["check", arg(&path)]).out;
    assert!(
        file.contains("00 00 00 00  00 01 00 00"),
        "the header is shown: {file}"
    );
    for out in [file, run_with(["check", "-"], &bytes).out] {
        assert!(
            out.contains("page-outside-ram") && !out.contains(&page),
            "{out}"
        );
    }
}

#[test]
fn folders_totals_and_quiet() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("in/deep")).expect("folders");
    folder.file("in/good.sav", &golden("real310-pv").bytes());
    folder.file("in/readme.txt", b"nothing");
    let bad = folder.file("in/deep/bad.sav", &golden("real310-pv").bytes()[..100_000]);
    let inside = folder.path("in");
    let done = run(["check", arg(&inside)]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.out.ends_with("\n2 files: 1 valid, 1 invalid\n"),
        "{}",
        done.out
    );
    assert_eq!(done.err, "");
    let done = run(["check", "--quiet", arg(&inside)]);
    assert_eq!(done.code, 1);
    let expected = format!("{}: invalid (1 error)\n", bad.display());
    assert_eq!(
        done.out, expected,
        "a line for what is bad, and nothing else"
    );
    let done = run(["check", "-q", arg(&folder.path("in/good.sav"))]);
    assert_eq!((done.code, &done.out[..], &done.err[..]), (0, "", ""));
    // One image has no total, and a folder is a list however many are in it.
    assert!(!run(["check", arg(&bad)]).out.contains("files:"));
    let json = run(["check", "-f", "json", arg(&folder.path("in/deep"))]).json();
    assert_eq!(json["files"].as_array().map(Vec::len), Some(1), "{json}");
}

/// A list of unallocated pfns that says it has one more or less than it has.
fn miscounted(name: &str, by: i64) -> (Vec<u8>, Vec<u8>, u64) {
    let folder = Folder::new();
    let whole = golden(name).bytes().to_vec();
    let path = folder.file("in.sav", &whole);
    let field = run(["dump", "-f", "json", arg(&path), "unallocated.count"]).json();
    let at = field["fields"][0]["offset"].as_u64().expect("an offset") as usize;
    let count = u32::from_le_bytes(whole[at..at + 4].try_into().expect("4 bytes"));
    let mut bad = whole.clone();
    let wrong = (i64::from(count) + by) as u32;
    bad[at..at + 4].copy_from_slice(&wrong.to_le_bytes());
    (whole, bad, at as u64)
}

#[test]
fn one_count_that_explains_all_is_said_first_and_repaired() {
    for (name, by) in [
        ("r410-pv-live-balloon", 1),
        ("r410-pv-live-balloon", -1),
        ("r410-pv-live-balloon", 7),
        ("r410-hvm-live-4vcpu-hole", 1),
        ("r410-hvm-live-4vcpu-hole", -2),
    ] {
        let (whole, bad, at) = miscounted(name, by);
        let folder = Folder::new();
        let path = folder.file("bad.sav", &bad);
        let json = run(["check", "-f", "json", arg(&path)]).entry();
        assert_eq!(
            json["cause"]["path"], "unallocated.count",
            "{name} {by}: {json}"
        );
        assert_eq!(json["cause"]["offset"], at);
        let shown = run(["check", arg(&path)]).out;
        let first = shown.find("One number explains it").expect("the cause");
        assert!(first < shown.find("error[").expect("an error"), "{shown}");
        // Packed, it is the same.
        let packed = folder.path("bad.sav.gz");
        let mut gz = std::process::Command::new("gzip");
        let gz = gz.args(["-c", arg(&path)]).output().expect("gzip starts");
        std::fs::write(&packed, gz.stdout).expect("a file");
        let json = run(["check", "-f", "json", arg(&packed)]).entry();
        assert_eq!(
            json["cause"]["path"], "unallocated.count",
            "{name} {by}, packed"
        );
        let out = folder.path("out.sav");
        let done = run(["repair", arg(&path), "-o", arg(&out)]);
        assert_eq!(done.code, 0, "{name} {by}: {done:?}");
        assert!(
            std::fs::read(&out).expect("the file") == whole,
            "{name} {by}"
        );
    }
    // A file that is cut has no such cause.
    let folder = Folder::new();
    let cut = folder.file("cut.sav", &golden("real310-pv").bytes()[..100_000]);
    let json = run(["check", "-f", "json", arg(&cut)]).entry();
    assert_eq!(json["cause"], serde_json::Value::Null);
}
