//! Domains on a simulated host: saved, restored, moved between processes.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::{goldens, hostile};
use serde_json::Value;

use super::program::{Folder, Run, arg, command, run};

/// What the ground truth has beside what a restore left.
const ABOUT_THE_ORIGINAL: [&str; 5] = ["era", "note", "notes", "map_calls", "populate_calls_pages"];

#[test]
fn a_restore_leaves_what_the_original_left() {
    let folder = Folder::new();
    let truths = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/golden");
    for golden in goldens() {
        let name = golden.name.clone();
        let image = folder.file("image.sav", &golden.bytes());
        let run = run(["simulate", "restore", arg(&image), "--output", "json"]);
        assert_eq!(run.code, 0, "{name}: {}", run.err);
        let json = run.json();
        let truth = std::fs::read(truths.join(format!("{name}.restore.json"))).expect("a truth");
        let truth: Value = serde_json::from_slice(&truth).expect("JSON");
        for (key, value) in truth.as_object().expect("an object") {
            if !ABOUT_THE_ORIGINAL.contains(&key.as_str()) {
                assert_eq!(&json[key], value, "{name}: {key}");
            }
        }
    }
}

#[test]
fn every_dialect_is_saved_checked_restored_and_saved_again() {
    let folder = Folder::new();
    let (first, second) = (folder.path("first.sav"), folder.path("second.sav"));
    for dialect in Dialect::ALL {
        for guest in [Guest::Pv, Guest::Hvm] {
            let what = format!("{dialect} {guest}");
            let saved = run([
                "simulate",
                "save",
                "--guest",
                guest.name(),
                "--dialect",
                dialect.name(),
                "--memory",
                "2MiB",
                "--vcpus",
                "3",
                "--offline",
                "1",
                "--ballooned",
                "3",
                "--live",
                "-o",
                arg(&first),
                "--output",
                "json",
            ]);
            if !dialect.supports(guest) {
                assert_eq!(saved.code, 2, "{what}: {}", saved.err);
                continue;
            }
            assert_eq!(saved.code, 0, "{what}: {}", saved.err);
            assert_eq!(saved.json()["dialect"], dialect.name(), "{what}");
            // Where two dialects look alike the reader has to be told.
            let read_as = ["--dialect", dialect.name()];
            let check = ["check", "--strict", arg(&first)]
                .into_iter()
                .chain(read_as);
            let checked = run(check);
            assert_eq!(checked.code, 0, "{what}: {}", checked.out);
            let restore = ["simulate", "restore", arg(&first), "--output", "json"];
            let resave = ["--resave", arg(&second)].into_iter().chain(read_as);
            let restored = run(restore.into_iter().chain(resave));
            assert_eq!(restored.code, 0, "{what}: {}", restored.err);
            let again = run(["check", arg(&second)].into_iter().chain(read_as));
            assert_eq!(again.code, 0, "{what}: {}", again.out);
        }
    }
}

#[test]
fn a_hostile_image_leaves_no_domain() {
    let folder = Folder::new();
    for case in hostile() {
        let image = folder.file("image.sav", &case.bytes());
        let begun = Instant::now();
        let run = run(["simulate", "restore", arg(&image), "--output", "json"]);
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", case.name);
        match run.code {
            0 => assert_eq!(run.json()["destroyed"], 0, "{}", case.name),
            1 if !run.out.is_empty() => {
                let json = run.json();
                assert_eq!(json["destroyed"], 1, "{}", case.name);
                assert_eq!(json["errors"].as_array().map(Vec::len), Some(1));
                assert!(json.get("pages_sha256").is_none(), "{}", case.name);
            }
            1 | 2 | 63 => assert!(!run.err.is_empty(), "{}", case.name),
            code => panic!("{}: {code}: {}", case.name, run.err),
        }
        if case.is_truncated() {
            assert_ne!(run.code, 0, "{}", case.name);
        }
    }
}

/// A process that ends with the test.
struct Receiver(Child);

impl Receiver {
    fn start(socket: &Path, args: &[&str]) -> Receiver {
        let begin = ["simulate", "migrate", "--output", "jsonl", "--listen"];
        let child = command(
            begin
                .into_iter()
                .chain([arg(socket)])
                .chain(args.iter().copied()),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it listens");
            std::thread::sleep(Duration::from_millis(5));
        }
        Receiver(child)
    }

    fn end(mut self) -> Run {
        let mut out = Vec::new();
        let stdout = self.0.stdout.take();
        stdout
            .expect("a pipe")
            .read_to_end(&mut out)
            .expect("it reads");
        let status = self.0.wait().expect("it ends");
        Run {
            code: status.code().expect("by itself"),
            out: String::from_utf8(out).expect("UTF-8"),
            err: String::new(),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_domain_moves_between_two_processes_in_either_protocol() {
    for protocol in ["acknowledged", "xend"] {
        for guest in ["pv", "hvm"] {
            let moved = run([
                "simulate",
                "migrate",
                "--guest",
                guest,
                "--memory",
                "4MiB",
                "--vcpus",
                "2",
                "--workload",
                "hot",
                "--protocol",
                protocol,
                "--output",
                "json",
            ]);
            assert_eq!(
                moved.code, 0,
                "{protocol} {guest}: {}{}",
                moved.out, moved.err
            );
            let json = moved.json();
            assert_eq!(
                (&json[0]["end"], &json[0]["fate"]),
                (&"source".into(), &"gone".into())
            );
            assert_eq!(
                (&json[1]["end"], &json[1]["fate"]),
                (&"target".into(), &"runs".into())
            );
            assert_eq!(json[0]["bytes"], json[1]["consumed"]);
        }
    }
}

#[test]
fn a_target_that_cannot_take_the_domain_leaves_it_to_the_source() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    // xend's protocol does not say in what dialect the stream is.
    let receiver = Receiver::start(&socket, &["--count", "1", "--dialect", "xen-3.2"]);
    let sent = run([
        "simulate",
        "migrate",
        "--memory",
        "1MiB",
        "--dialect",
        "xen-3.4",
        "--protocol",
        "xend",
        "--output",
        "json",
        "--to",
        arg(&socket),
    ]);
    assert_eq!(sent.code, 4, "{}", sent.out);
    assert_eq!(sent.json()["fate"], "stays");
    assert!(
        sent.err
            .contains("the domain was not moved: the target says"),
        "{}",
        sent.err
    );
    let received = receiver.end();
    assert_eq!(received.code, 1);
    assert_eq!(received.json()["fate"], "destroyed");
}

#[test]
fn a_source_that_dies_leaves_nothing_at_the_target() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let receiver = Receiver::start(&socket, &["--count", "1"]);
    let mut source = UnixStream::connect(&socket).expect("a connection");
    source
        .write_all(b"ia64save-migrate 1 00000000000000ab xen-3.3\n")
        .expect("it is heard");
    let mut answer = [0; 16];
    source.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"(ready migrate)\n");
    source
        .write_all(b"\x14\0\0\0LinuxGuestRecord")
        .expect("a part");
    drop(source);
    let received = receiver.end();
    assert_eq!(
        (received.code, &received.json()["fate"]),
        (1, &"destroyed".into())
    );
}

#[test]
fn a_question_that_comes_before_commit_decides_against_the_target() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let image = folder.path("image.sav");
    let saved = run([
        "simulate",
        "save",
        "--memory",
        "1MiB",
        "--envelope",
        "xend",
        "-o",
        arg(&image),
    ]);
    assert_eq!(saved.code, 0, "{}", saved.err);
    let image = std::fs::read(image).expect("an image");
    let receiver = Receiver::start(&socket, &["--count", "1"]);
    let line = |stream: &mut UnixStream| {
        let mut line = Vec::new();
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("UTF-8")
    };
    let mut source = UnixStream::connect(&socket).expect("a connection");
    source
        .write_all(b"ia64save-migrate 1 00000000000000ab xen-3.3\n")
        .expect("it is heard");
    assert_eq!(line(&mut source), "(ready migrate)");
    for frame in image.chunks(50_000) {
        let length = (frame.len() as u32).to_le_bytes();
        source.write_all(&length).expect("a length");
        source.write_all(frame).expect("a frame");
    }
    source.write_all(&[0; 4]).expect("the end");
    assert_eq!(line(&mut source), "(complete)");

    let mut question = UnixStream::connect(&socket).expect("a connection");
    question
        .write_all(b"ia64save-outcome 1 00000000000000ab\n")
        .expect("it is heard");
    assert_eq!(line(&mut question), "(destroyed)");
    // Too late.
    let _ = source.write_all(b"commit\n");
    assert_ne!(line(&mut source), "(running)");
    drop((source, question));
    let received = receiver.end();
    assert_eq!(
        (received.code, &received.json()["fate"]),
        (1, &"destroyed".into())
    );
}

#[test]
fn the_user_is_told_what_makes_no_domain() {
    for (args, said) in [
        (
            &["--vcpus", "2", "--offline", "5"][..],
            "there are vcpus 0 to 1",
        ),
        (&["--offline", "0"], "vcpu 0 is always up"),
        (&["--memory", "16KiB"], "64.0 KiB at least"),
        (
            &["--guest", "hvm", "--dialect", "xen-3.1"],
            "no such hvm domain",
        ),
        (&["--memory", "12parsecs"], "a number of bytes"),
        (
            &["--remus", "2", "--dialect", "xen-3.2"],
            "knows no checkpoints",
        ),
    ] {
        let begin = ["simulate", "save", "-o", "/dev/null"];
        let run = run(begin.iter().chain(args));
        assert_eq!(run.code, 2, "{args:?}");
        assert!(run.err.contains(said), "{args:?}: {}", run.err);
    }
}
