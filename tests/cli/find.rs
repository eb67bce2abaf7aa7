//! `find`: bytes in guest memory, wherever its pages are in the file.

use ia64save_corpus::{golden, goldens, hostile};
use serde_json::Value;

use super::program::{Folder, arg, hex, number, run, run_with};

const PAGE: usize = 16384;

fn hits(path: &str, args: &[&str]) -> Vec<Value> {
    let command = ["find", path, "--format", "json", "--limit", "100000"];
    let run = run(command.into_iter().chain(args.iter().copied()));
    assert_eq!(run.code, 0, "{run:?}");
    run.json()["hits"].as_array().expect("hits").clone()
}

#[test]
fn every_hit_is_there_and_none_is_missing() {
    let folder = Folder::new();
    // The memory of an HVM domain ends at 4 GiB, most of it a hole.
    for golden in goldens()
        .into_iter()
        .filter(|golden| golden.truth["mode"] == "pv")
    {
        let bytes = golden.bytes();
        let path = folder.file("image.sav", &bytes);
        let raw = folder.path("raw");
        let extracted = run(["extract", "--raw", arg(&path), "-o", arg(&raw)]);
        assert_eq!(extracted.code, 0);
        let memory = std::fs::read(&raw).expect("memory");
        let given_back = golden.truth["unallocated"]["pfns"]
            .as_array()
            .expect("pfns");
        let sent = golden.truth["pages"]["last_sha256"]
            .as_object()
            .expect("digests");
        let present: Vec<u64> = sent
            .keys()
            .map(|pfn| pfn.parse().expect("a pfn"))
            .filter(|pfn| !given_back.iter().any(|other| other.as_u64() == Some(*pfn)))
            .collect();
        // Something that is in memory: the middle of a page that is not empty, and across its end.
        let filled = memory
            .chunks(PAGE)
            .position(|page| page[PAGE - 4..] != [0; 4]);
        let Some(filled) = filled.filter(|place| (place + 1) * PAGE < memory.len()) else {
            continue;
        };
        for (start, len) in [(filled * PAGE + 4000, 16), ((filled + 1) * PAGE - 4, 8)] {
            let needle = &memory[start..start + len];
            if needle.iter().all(|byte| *byte == 0) {
                continue;
            }
            let digits = hex(needle);
            let hits = hits(arg(&path), &["--bytes", &digits]);
            let addresses: Vec<usize> = hits
                .iter()
                .map(|hit| {
                    let text = hit["address"].as_str().expect("an address");
                    usize::from_str_radix(&text[2..], 16).expect("hex")
                })
                .collect();
            // Zeros of a page that is not there are no zeros of the guest's.
            let there = |at: usize| present.contains(&((at / PAGE) as u64));
            let all = memory
                .windows(len)
                .enumerate()
                .filter(|(at, window)| *window == needle && there(*at) && there(at + len - 1));
            let all: Vec<usize> = all.map(|(at, _)| at).collect();
            assert_eq!(addresses, all, "{}", golden.name);
            for (hit, address) in hits.iter().zip(addresses) {
                assert_eq!(
                    hit["pfn"],
                    format!("{:#x}", address / PAGE),
                    "{}",
                    golden.name
                );
                assert_eq!(hit["in_page"], address % PAGE, "{}", golden.name);
                let at = hit["file_offset"].as_u64().expect("an offset") as usize;
                let here = len.min(PAGE - address % PAGE);
                assert_eq!(bytes[at..at + here], needle[..here], "{}", golden.name);
                assert_eq!(hit["crosses_pages"], here < len, "{}", golden.name);
            }
        }
    }
}

#[test]
fn text_is_found_where_start_info_is() {
    let folder = Folder::new();
    for name in ["real310-pv", "real340-pv-2vcpu", "r410-pv-live-balloon"] {
        let golden = golden(name);
        let path = folder.file("image.sav", &golden.bytes());
        let expected = &golden.truth["shared_info"]["start_info_pfn"];
        let expected = number(expected);
        assert!(expected.is_some(), "{name}");
        let hits = hits(arg(&path), &["--text", "xen-3.0-ia64"]);
        assert!(
            hits.iter().any(|hit| number(&hit["pfn"]) == expected),
            "{name}: {hits:?}"
        );
    }
}

#[test]
fn a_limit_is_kept_and_said() {
    let folder = Folder::new();
    let path = folder.file("image.sav", &golden("real310-pv").bytes());
    let run = run([
        "find",
        arg(&path),
        "--bytes",
        "00",
        "--limit",
        "3",
        "--format",
        "json",
    ]);
    let value = run.json();
    assert_eq!(
        (&value["num_hits"], &value["more"]),
        (&3.into(), &true.into())
    );
    // Nothing of what was found is shown.
    let text = super::program::run(["find", arg(&path), "--text", "xen-3.0", "--limit", "1"]);
    assert!(!text.out.contains("xen-3.0"), "{}", text.out);
}

#[test]
fn hostile_images_never_crash() {
    for case in hostile() {
        let run = run_with(
            ["find", "-", "--bytes", "ff00ff00ff00ff00ff00"],
            &case.bytes(),
        );
        assert!([0, 1, 2, 63].contains(&run.code), "{}: {run:?}", case.name);
        assert!(!run.err.contains("panicked"), "{}: {run:?}", case.name);
    }
}

#[test]
fn the_exit_code_says_what_was_found() {
    let folder = Folder::new();
    let path = folder.file("in.sav", &golden("real310-pv").bytes());
    let code = |args: &[&str]| run(["find", arg(&path)].iter().chain(args)).code;
    assert_eq!(code(&["--text", "xen-3.0-ia64"]), 0);
    assert_eq!(code(&["--text", "there is no such text in it"]), 1);
    assert_eq!(code(&["--text", "no such text", "--format", "json"]), 1);
    assert_eq!(code(&["--text", "xen-3.0-ia64", "--limit", "0"]), 0);
    // What is broken is an error, and no answer.
    let cut = folder.file("cut.sav", &golden("real310-pv").bytes()[..100_000]);
    assert_eq!(run(["find", arg(&cut), "--text", "x"]).code, 2);
}
