//! `info --format json` against the truth about every golden image.

use ia64save_corpus::goldens;
use serde_json::Value;

use super::program::{Folder, agree, arg, number, run};

/// Pfns as the ranges that `info` prints.
fn ranges(pfns: &[Value]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for pfn in pfns.iter().filter_map(Value::as_u64) {
        match ranges.last_mut() {
            Some((start, length)) if *start + *length == pfn => *length += 1,
            _ => ranges.push((pfn, 1)),
        }
    }
    ranges
}

#[test]
fn every_golden_image_is_told_as_it_is() {
    let folder = Folder::new();
    for golden in goldens() {
        let name = &golden.name;
        let path = folder.file("image.sav", &golden.bytes());
        let run = run(["info", "--digest", "--format", "json", arg(&path)]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}");
        let told = run.entry();
        assert!(
            run.out.trim_start().starts_with("{\n  \"schema\""),
            "schema comes first"
        );
        // What the truth calls an era is the tools', not the hypervisor's.
        let mut truth = golden.truth.clone();
        truth.as_object_mut().expect("an object").remove("era");
        let truth = &truth;
        agree(name, truth, &told);
        // What has another name or shape in the truth.
        assert_eq!(truth["file_sha256"], told["sha256"], "{name}");
        assert_eq!(truth["mode"], told["guest"], "{name}");
        let own = golden.dialect().name();
        let candidates = told["dialect_candidates"].as_array().expect("candidates");
        assert!(candidates.iter().any(|one| one == own), "{name}");
        if candidates.len() == 1 {
            assert_eq!(told["dialect"], own, "{name}");
        } else {
            assert_eq!(told["dialect"], Value::Null, "{name}");
        }
        let eras = told["era_candidates"].as_array().expect("eras");
        assert!(eras.iter().any(|era| era == golden.era().id()), "{name}");
        assert!(eras.contains(&told["era_likeliest"]), "{name}");
        assert_eq!(told["era"].is_string(), eras.len() == 1, "{name}");
        assert_eq!(told["envelope"]["kind"], "bare", "{name}");
        assert_eq!(
            told["envelope"]["stream_size"], truth["file_size"],
            "{name}"
        );
        let duplicates = truth["pages"]["duplicates"]
            .as_object()
            .expect("duplicates")
            .values();
        let superseded: u64 = duplicates
            .filter_map(Value::as_u64)
            .map(|copies| copies - 1)
            .sum();
        assert_eq!(
            told["pages"]["num_superseded"].as_u64(),
            Some(superseded),
            "{name}"
        );
        let told_ranges = told["unallocated"]["ranges"]
            .as_array()
            .expect("ranges")
            .iter();
        let told_ranges: Vec<_> = told_ranges
            .filter_map(|range| Some((number(&range["start"])?, range["length"].as_u64()?)))
            .collect();
        let pfns = truth["unallocated"]["pfns"].as_array().expect("pfns");
        assert_eq!(told_ranges, ranges(pfns), "{name}");
        // Every field that the design promises is there.
        for key in [
            "file",
            "outcome",
            "file_size",
            "envelope",
            "format_version",
            "dialect",
            "dialect_candidates",
            "dialect_evidence",
            "guest",
            "p2m_size",
            "arch_setup",
            "memmap",
            "pages",
            "unallocated",
            "vcpumap",
            "vcpus",
            "shared_info",
            "magic_pfns",
            "hvm_context",
            "trailing_bytes",
        ] {
            assert!(told.get(key).is_some(), "{name}: {key}");
        }
        let zero = "4fe7b59af6de3b665b67788cc2f99892ab827efae3a467342b3bb4e3bc8e5bfe";
        let last = truth["pages"]["last_sha256"].as_object().expect("digests");
        let zero_pages = last.values().filter(|digest| **digest == zero).count() as u64;
        // A superseded copy may be zero too.
        assert!(
            told["pages"]["num_zero"].as_u64() >= Some(zero_pages),
            "{name}"
        );
    }
}

#[test]
fn several_images_have_an_entry_or_a_line_each() {
    let folder = Folder::new();
    let images = goldens();
    let paths: Vec<_> = images[..2]
        .iter()
        .map(|golden| folder.file(&golden.name, &golden.bytes()))
        .collect();
    let document = run(["info", "--format", "json", arg(&paths[0]), arg(&paths[1])]).json();
    assert_eq!(document["files"].as_array().map(Vec::len), Some(2));
    let lines = run(["info", "--format", "jsonl", arg(&paths[0]), arg(&paths[1])]);
    let lines = lines.out.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let keys = line.as_object_mut().expect("an object");
        assert_eq!(keys.remove("schema").as_ref(), Some(&document["schema"]));
        keys.remove("tool_version");
        line
    });
    assert_eq!(Value::Array(lines.collect()), document["files"]);
}

#[test]
fn what_can_be_told_of_a_broken_image_is_told() {
    let folder = Folder::new();
    let golden = ia64save_corpus::golden("real320-pv");
    let bytes = golden.bytes();
    let path = folder.file("cut.sav", &bytes[..bytes.len() - 1]);
    let run = run(["info", "--format", "json", arg(&path)]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("truncated"), "{}", run.err);
    let told = run.entry();
    assert_eq!(told["error"]["code"], "truncated");
    assert_eq!(told["complete"], false);
    assert_eq!(
        told["pages"]["num_records"],
        golden.truth["pages"]["num_records"]
    );
}

#[test]
fn a_range_within_a_page_is_told_in_bytes() {
    let folder = Folder::new();
    let case = ia64save_corpus::hostile();
    let case = case
        .iter()
        .find(|case| case.name == "memdesc-phys-unaligned");
    let path = folder.file("in.sav", &case.expect("the case").bytes());
    let shown = run(["info", arg(&path)]).out;
    let descriptor = &run(["info", "-f", "json", arg(&path)]).entry()["memmap"]["descriptors"][0];
    let start = descriptor["phys_addr"]
        .as_str()
        .expect("an address")
        .to_owned();
    assert!(shown.contains(&format!("bytes {start} .. ")), "{shown}");
    let page = run(["report", arg(&path), "-o", "-"]).out;
    assert!(page.contains("In bytes") && page.contains(&format!("{start} to ")));
    // Where nothing is uneven, nothing is said.
    let path = folder.file("in.sav", &ia64save_corpus::golden("real310-pv").bytes());
    assert!(!run(["info", arg(&path)]).out.contains("bytes 0x"));
}
