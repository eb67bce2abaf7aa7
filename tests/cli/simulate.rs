//! Domains on a simulated host: saved, restored, moved between processes.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::{golden, hostile, restored_goldens};
use serde_json::Value;

use super::program::{Folder, Run, agree, arg, command, run};

/// What the ground truth has beside what a restore left.
const ABOUT_THE_ORIGINAL: [&str; 5] = ["era", "note", "notes", "map_calls", "populate_calls_pages"];

#[test]
fn a_restore_leaves_what_the_original_left() {
    let folder = Folder::new();
    for golden in restored_goldens() {
        let name = golden.name.clone();
        let image = folder.file("image.sav", &golden.bytes());
        let run = run(["simulate", "restore", arg(&image), "--format", "json"]);
        assert_eq!(run.code, 0, "{name}: {}", run.err);
        assert_eq!(schema(&run), "ia64save/simulate-restore/2");
        let json = run.json();
        for (key, value) in golden.restored().as_object().expect("an object") {
            if !ABOUT_THE_ORIGINAL.contains(&key.as_str()) {
                assert!(json.get(key).is_some(), "{name}: {key}");
                agree(&format!("{name}: {key}"), value, &json[key]);
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
                "--format",
                "json",
            ]);
            if !dialect.supports(guest) {
                assert_eq!(saved.code, 2, "{what}: {}", saved.err);
                continue;
            }
            assert_eq!(saved.code, 0, "{what}: {}", saved.err);
            assert_eq!(saved.json()["dialect"], dialect.name(), "{what}");
            assert_eq!(schema(&saved), "ia64save/simulate-save/2", "{what}");
            // Where two dialects look alike the reader has to be told.
            let read_as = ["--dialect", dialect.name()];
            let check = ["check", "--strict", arg(&first)]
                .into_iter()
                .chain(read_as);
            let checked = run(check);
            assert_eq!(checked.code, 0, "{what}: {}", checked.out);
            let restore = ["simulate", "restore", arg(&first), "--format", "json"];
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
        let run = run(["simulate", "restore", arg(&image), "--format", "json"]);
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

/// The schema of a document, which begins with it.
fn schema(run: &Run) -> String {
    let json = run.json();
    let first = json.as_object().and_then(|json| json.iter().next());
    let (key, value) = first.expect("a document");
    assert_eq!(key, "schema");
    value.as_str().expect("a name").to_owned()
}

/// Runs what writes an image to standard output; the image, and what else was said.
fn piped(args: &[&str]) -> (Vec<u8>, String) {
    let output = command(args).output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{args:?}: {said}");
    (output.stdout, said)
}

#[test]
fn an_image_on_standard_output_is_alone_there() {
    let folder = Folder::new();
    let bytes = golden("real340-pv-2vcpu").bytes();
    let image = folder.file("image.sav", &bytes);
    let again = folder.path("again.sav");
    let resaved = run(["simulate", "restore", arg(&image), "--resave", arg(&again)]);
    assert_eq!(resaved.code, 0, "{resaved:?}");
    let expected = std::fs::read(&again).expect("an image");
    let restore = ["simulate", "restore", arg(&image), "--resave", "-"];
    let (out, said) = piped(&restore);
    assert!(out == expected);
    assert!(said.contains("domain        restored, paused"), "{said}");
    let (out, said) = piped(&[&restore[..], &["--format", "json"]].concat());
    assert!(out == expected);
    let json: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(json["resaved_bytes"], expected.len());

    let save = ["simulate", "save", "--memory", "1MiB", "-o"];
    let made = run(save.into_iter().chain([arg(&again)]));
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.out.contains(" in 1 pass\n"), "{made:?}");
    let expected = std::fs::read(&again).expect("an image");
    let (out, said) = piped(&[&save[..], &["-", "--format", "json"]].concat());
    assert!(out == expected);
    let json: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(json["bytes"], expected.len());
}

#[test]
fn an_error_in_a_container_is_where_check_says_it_is() {
    let folder = Folder::new();
    let bytes = golden("real340-pv-2vcpu").bytes();
    let bare = folder.file("bare.sav", &bytes);
    let config = folder.file("config", b"(domain (name x))");
    for kind in ["xend", "xl"] {
        let path = folder.path("boxed.sav");
        let args = ["convert", "--envelope", kind, "--config", arg(&config)];
        let done = run(args.into_iter().chain([arg(&bare), "-o", arg(&path)]));
        assert_eq!(done.code, 0, "{done:?}");
        // What is compared is the stream, whatever is around it.
        let whole = run(["simulate", "restore", arg(&path)]);
        assert!(
            whole
                .out
                .contains("  read          4 257 241 of 4 257 241 bytes\n"),
            "{whole:?}"
        );
        let json = run(["simulate", "restore", arg(&path), "--format", "json"]).json();
        let boxed = std::fs::read(&path).expect("an image");
        let head = json["stream_offset"].as_u64().expect("an offset");
        assert_eq!(json["stream_size"], bytes.len());
        assert_eq!(head, (boxed.len() - bytes.len()) as u64);

        std::fs::write(&path, &boxed[..4_200_000]).expect("a file");
        let check = run(["check", "--format", "json", arg(&path)]).entry();
        let mut found = check["findings"].as_array().expect("findings").iter();
        let error = found.rfind(|found| found["severity"] == "error");
        let restored = run(["simulate", "restore", arg(&path), "--format", "json"]);
        assert_eq!(restored.code, 1, "{restored:?}");
        let json = restored.json();
        assert_eq!(
            json["errors"][0]["offset"],
            error.expect("an error")["offset"]
        );
        assert_eq!(json["errors"][0]["offset"], 4_200_000);
    }
}

/// A process that ends with the test.
pub struct Receiver(Child);

impl Receiver {
    pub fn start(socket: &Path, args: &[&str]) -> Receiver {
        let begin = ["simulate", "migrate", "--format", "jsonl", "--listen"];
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

    pub fn end(mut self) -> Run {
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
                "--format",
                "json",
            ]);
            assert_eq!(
                moved.code, 0,
                "{protocol} {guest}: {}{}",
                moved.out, moved.err
            );
            let json = moved.json();
            let (source, target) = (&json["source"], &json["target"]);
            assert_eq!(
                (&source["end"], &source["fate"]),
                (&"source".into(), &"gone".into())
            );
            assert_eq!(
                (&target["end"], &target["fate"]),
                (&"target".into(), &"runs".into())
            );
            assert_eq!(source["bytes"], target["consumed"]);
            for end in [source, target] {
                let first = end.as_object().and_then(|json| json.iter().next());
                let (key, value) = first.expect("a document");
                assert_eq!(
                    (&key[..], value),
                    ("schema", &"ia64save/simulate-migrate/2".into())
                );
            }
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
        "--format",
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
        (&["--offline", "5"], "there is vcpu 0 alone"),
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

#[test]
fn a_save_and_a_reader_count_the_same_passes() {
    let folder = Folder::new();
    let image = folder.path("image.sav");
    let mut differ = 0;
    for policy in ["xen", "adaptive"] {
        for workload in ["hot", "sweep", "uniform"] {
            let words = [
                "--policy",
                policy,
                "--workload",
                workload,
                "--rate",
                "40000",
            ];
            let save = [
                "simulate", "save", "--live", "--memory", "16MiB", "--output", "json",
            ];
            let made = run(save.iter().chain(&words).chain(&["-o", arg(&image)]));
            assert_eq!(made.code, 0, "{made:?}");
            let (made, read) = (
                made.json(),
                run(["info", "--output", "json", arg(&image)]).entry(),
            );
            let read = &read["pages"]["num_passes"];
            assert_eq!(&made["num_passes"], read, "{policy} {workload}");
            let stretches = made["stretches"].as_array().expect("a list").len();
            assert_eq!(made["num_stretches"], stretches, "{policy} {workload}");
            differ += u32::from(made["num_passes"] != made["num_stretches"]);
        }
    }
    assert!(differ > 0, "one is not the other");
}
