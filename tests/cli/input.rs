//! Where images come from.

use std::fs;
use std::io::Write;

use flate2::write::GzEncoder;
use ia64save_corpus::{Params, generate, golden};

use super::program::{Folder, Run, arg, run, run_with};

/// A report without the name of its file.
fn anonymous(run: &Run) -> serde_json::Value {
    let mut value = run.json();
    // Of info and check that of the one file there is.
    if let Some(file) = value.get_mut("files").map(|files| files[0].take()) {
        value = file;
    }
    let told = value.as_object_mut().expect("an object");
    // What a packed file is itself stands beside what is in it.
    for (own, unpacked) in [
        ("file_size", "unpacked_size"),
        ("sha256", "unpacked_sha256"),
    ] {
        if let Some(inside) = told.remove(unpacked) {
            told[own] = inside;
        }
    }
    for key in ["file", "compression"] {
        told.remove(key);
    }
    value
}

#[test]
fn files_pipes_and_packed_images_say_the_same() {
    let folder = Folder::new();
    for name in ["real340-pv-live", "r410-hvm-live-4vcpu-hole"] {
        let bytes = golden(name).bytes();
        let path = folder.file("image.sav", &bytes);
        let options = ["info", "--digest", "--format", "json"];
        let of = |last: &str| run(options.into_iter().chain([last]));
        let plain = anonymous(&of(arg(&path)));
        assert_eq!(
            plain,
            anonymous(&run(options.into_iter().chain(["--no-mmap", arg(&path)])))
        );
        assert_eq!(
            plain,
            anonymous(&run_with(options.into_iter().chain(["-"]), &bytes))
        );
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&bytes).expect("memory");
        let packed = [
            ("zstd", zstd::encode_all(&bytes[..], 1).expect("memory")),
            ("gzip", gzip.finish().expect("memory")),
            ("xz", liblzma::encode_all(&bytes[..], 0).expect("memory")),
        ];
        for (kind, packed) in packed {
            // The name says nothing: content decides.
            let path = folder.file("image.bin", &packed);
            let run = of(arg(&path));
            assert_eq!(run.entry()["compression"], kind);
            assert_eq!(plain, anonymous(&run), "{kind}");
            assert_eq!(
                plain,
                anonymous(&run_with(options.into_iter().chain(["-"]), &packed)),
                "{kind}"
            );
        }
    }
}

/// The scanner of files and the decoder of streams see the same records, in every kind of image and
/// in every Remus round.
#[test]
fn files_and_pipes_agree_on_every_kind_of_image() {
    let folder = Folder::new();
    for (dialect, guest) in ia64save_corpus::kinds() {
        for seed in 0..3 {
            let made = generate(&Params::rich(dialect, guest, seed));
            let path = folder.file("image.sav", &made.bytes);
            let page_size = made.page_size.to_string();
            for command in ["info", "check", "map"] {
                let options = [command, "--format", "json", "--page-size", &page_size];
                let file = run(options.into_iter().chain([arg(&path)]));
                let pipe = run_with(options.into_iter().chain(["-"]), &made.bytes);
                let what = format!("{command} {:?}", made.params);
                assert_eq!(file.code, pipe.code, "{what}");
                if command == "map" {
                    assert_eq!(anonymous(&file), anonymous(&pipe), "{what}");
                    continue;
                }
                assert_eq!(anonymous(&file), anonymous(&pipe), "{what}");
                if command == "info" {
                    let told = file.entry();
                    let rounds = made.plan.rounds.len();
                    assert_eq!(told["num_checkpoints"], rounds, "{what}");
                    for (index, round) in made.plan.rounds.iter().enumerate() {
                        let place = match rounds {
                            1 => &told["pages"],
                            _ => &told["checkpoints"][index]["pages"],
                        };
                        assert_eq!(place["num_records"], round.pages.len(), "{what} {index}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_no_image_is_called_by_name() {
    let folder = Folder::new();
    let v2 = [&[0xff; 8][..], b"XENF\0\0\0\x02", &[0; 64]].concat();
    let mut legacy = 0x4000u64.to_le_bytes().to_vec();
    legacy.extend_from_slice(&[0xff; 8]);
    legacy.extend_from_slice(&[0x10; 64]);
    let libxl = [&b"LibxlFmt"[..], &[0, 0, 0, 2, 0, 0, 0, 0], &[0; 64]].concat();
    for (bytes, what) in [(&v2, "libxc"), (&legacy, "x86"), (&libxl, "libxl")] {
        let path = folder.file("image.sav", bytes);
        for command in ["info", "check", "dump", "map"] {
            let run = run([command, arg(&path)]);
            assert_eq!((run.code, run.out.as_str()), (63, ""), "{command}: {run:?}");
            assert!(run.err.contains(what), "{command}: {}", run.err);
        }
    }
}

#[test]
fn an_empty_file_is_an_image_cut_short() {
    let folder = Folder::new();
    let path = folder.file("image.sav", b"");
    let run = run(["check", arg(&path)]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("truncated"), "{}", run.out);
    assert_eq!(run_with(["check", "-"], b"").code, 1);
}

#[test]
fn failing_to_read_is_another_exit_code_than_a_bad_image() {
    let folder = Folder::new();
    let run_missing = run(["info", arg(&folder.path("missing"))]);
    assert_eq!(run_missing.code, 4);
    assert!(run_missing.err.contains("missing"), "{}", run_missing.err);
    assert_eq!(run(["info"]).code, 2);
    assert_eq!(run(["info", "--dialect", "xen-9"]).code, 2);
}

#[test]
fn what_is_packed_badly_is_a_bad_image() {
    let folder = Folder::new();
    let packed = zstd::encode_all(&golden("real310-pv").bytes()[..], 1).expect("memory");
    let cut = folder.file("cut.zst", &packed[..packed.len() / 2]);
    let done = run(["info", arg(&cut)]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("damaged zstd data: "), "{done:?}");
    assert!(done.err.contains(" bytes of the image"), "{done:?}");
    // 1 would say that the two differ.
    assert_eq!(run(["compare", arg(&cut), arg(&cut)]).code, 2);
    let done = run(["batch", arg(&cut)]);
    assert!(done.out.contains("\"verdict\":\"invalid\""), "{done:?}");
}

#[test]
fn a_reader_that_goes_away_changes_no_verdict_but_an_image_is_lost() {
    let folder = Folder::new();
    let bad = folder.file("bad.sav", &golden("real310-pv").bytes()[..100_000]);
    assert_eq!(unread(["check", arg(&bad)]).0, Some(1));
    let good = folder.file("good.sav", &golden("real310-pv").bytes());
    let other = folder.file("other.sav", &golden("real340-pv-2vcpu").bytes());
    assert_eq!(unread(["check", arg(&good)]).0, Some(0));
    let out = folder.path("out.sav");
    assert_eq!(unread(["map", arg(&bad)]).0, Some(1));
    assert_eq!(unread(["map", "--format", "json", arg(&bad)]).0, Some(1));
    assert_eq!(unread(["dump", arg(&bad)]).0, Some(1));
    assert_eq!(unread(["compare", arg(&good), arg(&other)]).0, Some(1));
    let refused = ["repair", arg(&bad), "--format", "json", "-o", arg(&out)];
    assert_eq!(unread(refused).0, Some(1));
    let (code, said) = unread(["convert", arg(&good), "-o", "-", "--compact"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("standard output: "), "{said}");
}

/// Runs with a standard output that nobody reads.
fn unread<const N: usize>(args: [&str; N]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_ia64save"))
        .args(args)
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .output()
        .expect("the program runs");
    (
        done.status.code(),
        String::from_utf8_lossy(&done.stderr).into_owned(),
    )
}

#[test]
fn names_do_not_reach_the_terminal_as_they_are() {
    let folder = Folder::new();
    let path = folder.file("\u{1b}[31mred\u{7}.sav", &golden("real310-pv").bytes());
    let done = run(["info", arg(&path)]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("\\u{1b}[31mred\\u{7}.sav"), "{done:?}");
    let done = run(["info", "--format", "json", arg(&path)]);
    assert_eq!(
        done.entry()["file"],
        arg(&path),
        "for a script it is what it is"
    );
    let done = run(["info", arg(&folder.path("\u{1b}[31mmissing"))]);
    assert!(done.err.contains("\\u{1b}[31mmissing: "), "{done:?}");
}

#[test]
fn an_image_is_not_replaced_by_what_is_made_of_it() {
    let folder = Folder::new();
    let bytes = golden("real310-pv").bytes();
    let path = folder.file("image.sav", &bytes);
    for args in [
        ["extract", arg(&path), "--raw", "-o", arg(&path)],
        ["report", arg(&path), "--no-config", "-o", arg(&path)],
    ] {
        let done = run(args);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains("choose another OUT"), "{done:?}");
        assert!(fs::read(&path).expect("the image") == bytes);
    }
}

#[test]
fn the_user_can_name_dialect_and_guest() {
    let folder = Folder::new();
    let path = folder.file("image.sav", &golden("real310-pv").bytes());
    let named = run([
        "info",
        "--format",
        "json",
        "--dialect",
        "xen-3.1",
        "--guest",
        "pv",
        arg(&path),
    ]);
    assert_eq!(named.entry()["dialect"], "xen-3.0.4");
    assert_eq!(named.entry()["dialect_evidence"][0], "named by the user");
    let wrong = run(["info", "--dialect", "xen-3.2", arg(&path)]);
    assert_eq!(wrong.code, 1);
    let hvm = run(["info", "--guest", "hvm", arg(&path)]);
    assert_eq!(hvm.code, 1);
    assert!(hvm.err.contains("guest-unsupported"), "{}", hvm.err);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new();
    let path = folder.file("image.sav", &golden("r410-hvm-live-4vcpu-hole").bytes());
    let mut child = super::program::command(["dump", "--format", "json", arg(&path)])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
