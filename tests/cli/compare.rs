//! `compare`: what differs by meaning, and what does not.

use ia64save_corpus::{golden, goldens, hostile};
use serde_json::Value;

use super::program::{Folder, Run, arg, run};

fn compare(folder: &Folder, a: &[u8], b: &[u8], args: &[&str]) -> (i32, Value) {
    let (a, b) = (folder.file("a.sav", a), folder.file("b.sav", b));
    let command = ["compare", arg(&a), arg(&b), "--format", "json"];
    let run: Run = run(command.into_iter().chain(args.iter().copied()));
    assert!(!run.err.contains("panicked"), "{run:?}");
    (
        run.code,
        if run.code < 2 {
            run.json()
        } else {
            Value::Null
        },
    )
}

fn paths(value: &Value) -> Vec<&str> {
    let differences = value["differences"].as_array().expect("differences");
    differences
        .iter()
        .filter_map(|d| d["path"].as_str())
        .collect()
}

#[test]
fn an_image_is_like_itself_and_like_its_compact_self() {
    let folder = Folder::new();
    for golden in goldens() {
        let bytes = golden.bytes();
        for args in [&[][..], &["--strict"], &["--garbage"]] {
            let (code, value) = compare(&folder, &bytes, &bytes, args);
            assert_eq!(
                (code, &value["same"]),
                (0, &true.into()),
                "{} {args:?}: {value}",
                golden.name
            );
        }
        let path = folder.file("in.sav", &bytes);
        let out = folder.path("compact.sav");
        assert_eq!(
            run(["convert", "--compact", arg(&path), "-o", arg(&out)]).code,
            0
        );
        let compact = std::fs::read(&out).expect("the output");
        let (code, value) = compare(&folder, &bytes, &compact, &[]);
        assert_eq!(code, 0, "{}: {value}", golden.name);
        let strict = compare(&folder, &bytes, &compact, &["--strict"]).0;
        assert_eq!(strict, i32::from(compact != bytes), "{}", golden.name);
    }
}

#[test]
fn two_different_images_differ() {
    let folder = Folder::new();
    let goldens = goldens();
    for pair in goldens.windows(2) {
        let (code, value) = compare(&folder, &pair[0].bytes(), &pair[1].bytes(), &[]);
        assert_eq!(code, 1, "{} and {}", pair[0].name, pair[1].name);
        assert_eq!(value["same"], false);
    }
}

#[test]
fn one_bit_anywhere_is_found_and_called_by_name() {
    let folder = Folder::new();
    let golden = golden("real340-pv-2vcpu");
    let bytes = golden.bytes();
    let context = &golden.truth["vcpus"][1]["ctx_offset"];
    let context = context.as_u64().expect("an offset") as usize;
    let shared = golden.truth["sections"].as_array().expect("sections");
    let shared = shared
        .iter()
        .find(|section| section[0] == "shared_info")
        .expect("shared_info");
    let shared = shared[1].as_u64().expect("an offset") as usize;
    let page = golden.truth["pages"]["offset"].as_u64().expect("an offset") as usize + 5 * 16392;
    for (offset, path) in [
        (0, "p2m_size"),
        (16 + 24, "arch_setup.xsi_va"),
        (84 + 8, "memmap.descriptors[0].phys_addr"),
        (context + 16 + 8 * 5, "vcpu[1].regs.r[5]"),
        (context + 464, "vcpu[1].regs.ip"),
        (shared + 3584 + 8 * 3, "shared_info.evtchn_mask[3]"),
        (shared + 16000, "shared_info.rest"),
    ] {
        let mut changed = bytes.to_vec();
        changed[offset] ^= 0x10;
        let (code, value) = compare(&folder, &bytes, &changed, &[]);
        assert_eq!(code, 1, "{path}: {value}");
        assert_eq!(paths(&value), [path], "{value}");
        assert_eq!(value["differences"][0]["offset_b"], offset, "{value}");
        let (code, value) = compare(&folder, &bytes, &changed, &["--strict"]);
        assert_eq!(
            (code, &value["first"]["offset"]),
            (1, &offset.into()),
            "{value}"
        );
    }
    let mut changed = bytes.to_vec();
    changed[page + 8 + 77] ^= 1;
    let (code, value) = compare(&folder, &bytes, &changed, &[]);
    assert_eq!((code, &value["pages"]["differ"]), (1, &1.into()), "{value}");
    let first = &value["pages"]["first"][0];
    assert_eq!(
        (&first["pfn"], &first["in_page"]),
        (&"0x5".into(), &77.into()),
        "{value}"
    );
    assert_eq!(first["offset_a"], page + 8 + 77, "{value}");
    assert_eq!(paths(&value), Vec::<&str>::new());
    // A page that one of them gave back.
    let mut moved = bytes.to_vec();
    moved[page] = 0x70;
    let (_, value) = compare(&folder, &bytes, &moved, &[]);
    assert_eq!(
        (&value["pages"]["only_a"], &value["pages"]["only_b"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn garbage_counts_only_if_asked_for() {
    let folder = Folder::new();
    for name in [
        "real340-pv-2vcpu",
        "r320-hvm-nonlive-1vcpu",
        "v1old-pv-nonlive",
    ] {
        let golden = golden(name);
        let bytes = golden.bytes();
        let mut places = vec![
            golden.truth["arch_setup"]["offset"]
                .as_u64()
                .expect("an offset")
                + 38,
        ];
        let context = &golden.truth["vcpus"][0]["ctx_offset"];
        places.push(context.as_u64().expect("an offset") + 9);
        if let Some(tail) = golden.truth["memmap"]["tail_offset"].as_u64() {
            places.push(tail + 100);
        }
        for record in golden.truth["hvm_context"]["records"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if record["typecode"] == 3 {
                let body = record["body_offset"].as_u64().expect("an offset");
                places.extend([body + 2, body + 16, body + 31744 + 8]);
            }
        }
        for offset in places {
            let mut changed = bytes.to_vec();
            changed[offset as usize] ^= 0x55;
            let (code, value) = compare(&folder, &bytes, &changed, &[]);
            assert_eq!(code, 0, "{name} at {offset}: {value}");
            let (code, value) = compare(&folder, &bytes, &changed, &["--garbage"]);
            assert_eq!(code, 1, "{name} at {offset}: {value}");
        }
    }
}

#[test]
fn dialects_are_compared_by_what_both_carry() {
    let folder = Folder::new();
    for (name, to) in [
        ("real340-pv-live", "xen-3.2"),
        ("real320-pv", "xen-3.3"),
        ("seed-pv-nonlive", "xen-3.3"),
        ("v1old-pv-nonlive", "xen-3.3"),
        ("r320-hvm-nonlive-1vcpu", "xen-3.3"),
    ] {
        let bytes = golden(name).bytes();
        let path = folder.file("in.sav", &bytes);
        let out = folder.path("other.sav");
        let done = run([
            "convert",
            "--to",
            to,
            "--allow-loss",
            arg(&path),
            "-o",
            arg(&out),
        ]);
        assert_eq!(done.code, 0, "{done:?}");
        let other = std::fs::read(&out).expect("the output");
        let (code, value) = compare(&folder, &bytes, &other, &["--limit", "1000"]);
        assert_eq!(value["pages"]["differ"], 0, "{name}: {value}");
        assert_eq!((code, paths(&value)), (0, vec![]), "{name}: {value}");
    }
}

#[test]
fn a_core_is_compared_with_the_image_it_was_made_of() {
    let folder = Folder::new();
    for golden in goldens() {
        let bytes = golden.bytes();
        let path = folder.file("in.sav", &bytes);
        let out = folder.path("core");
        assert_eq!(
            run(["extract", "--xen-core", arg(&path), "-o", arg(&out)]).code,
            0
        );
        let core = std::fs::read(&out).expect("the core");
        let (code, value) = compare(&folder, &bytes, &core, &["--limit", "1000"]);
        // Dialects without a release of their own have contexts that a core cannot tell apart.
        if golden.dialect().spec().releases.starts_with("none") {
            assert_eq!(value["pages"]["differ"], 0, "{}: {value}", golden.name);
        } else {
            assert_eq!(code, 0, "{}: {value}", golden.name);
        }
    }
}

#[test]
fn what_cannot_be_compared_is_no_difference() {
    let folder = Folder::new();
    let good = folder.file("good.sav", &golden("real310-pv").bytes());
    for case in hostile() {
        let bad = folder.file("bad.sav", &case.bytes());
        let run = run(["compare", arg(&good), arg(&bad)]);
        assert!(!run.err.contains("panicked"), "{}: {run:?}", case.name);
        if case.is_truncated() {
            assert!(run.code >= 2, "{}: {run:?}", case.name);
        }
        assert_ne!(run.code, 0, "{}", case.name);
    }
    let text = folder.file(
        "text",
        b"nothing of the kind, but long enough to be looked at",
    );
    assert!(run(["compare", arg(&good), arg(&text)]).code >= 2);
    assert_eq!(
        run(["compare", arg(&good), arg(&folder.path("none"))]).code,
        4
    );
    assert_eq!(run(["compare", "-", "-"]).code, 2);
}

#[test]
fn strict_says_what_it_unpacked() {
    let folder = Folder::new();
    let golden = golden("real310-pv");
    let plain = folder.file("a.sav", &golden.bytes());
    let packed = folder.path("a.sav.gz");
    assert_eq!(run(["repair", arg(&plain), "-o", arg(&packed)]).code, 0);
    let done = run(["compare", "--strict", arg(&plain), arg(&packed)]);
    assert_eq!(done.code, 0);
    assert!(done.out.contains("what is packed in"), "{}", done.out);
    let json = run([
        "compare",
        "--strict",
        "-f",
        "json",
        arg(&plain),
        arg(&packed),
    ])
    .json();
    assert_eq!(json["unpacked"], serde_json::json!([false, true]));
    let done = run(["compare", "--strict", arg(&plain), arg(&plain)]);
    assert!(!done.out.contains("packed"), "{}", done.out);
}
