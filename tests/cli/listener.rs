//! The end of a migration that listens, and strangers who may connect to it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::program::{Folder, Run, arg, run};
use super::simulate::Receiver;

/// Sends a small domain there.
fn send(socket: &Path, words: &[&str]) -> Run {
    sent(socket, "1MiB", words)
}

/// Sends one of another size.
fn sent(socket: &Path, memory: &str, words: &[&str]) -> Run {
    let base = [
        "simulate", "migrate", "--memory", memory, "--output", "json",
    ];
    run(base.iter().chain(&["--to", arg(socket)]).chain(words))
}

/// Asks what became of a migration.
fn ask(socket: &Path, token: &str) -> Run {
    run(["simulate", "migrate", "--ask", token, "--to", arg(socket)])
}

/// The image of a small domain, as xend has it.
fn image(folder: &Folder, guest: &str) -> Vec<u8> {
    let image = folder.path("image.sav");
    let words = [
        "--memory",
        "1MiB",
        "--guest",
        guest,
        "--envelope",
        "xend",
        "-o",
    ];
    let saved = run(["simulate", "save"]
        .iter()
        .chain(&words)
        .chain(&[arg(&image)]));
    assert_eq!(saved.code, 0, "{}", saved.err);
    std::fs::read(image).expect("an image")
}

/// A source that a test speaks for.
struct Source(UnixStream);

impl Source {
    fn open(socket: &Path, request: &str) -> Source {
        let mut stream = UnixStream::connect(socket).expect("a connection");
        stream.write_all(request.as_bytes()).expect("it is heard");
        Source(stream)
    }

    fn migrate(socket: &Path, token: &str) -> Source {
        Source::open(socket, &format!("ia64save-migrate 1 {token} xen-3.3\n"))
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.0.read_exact(&mut byte).is_ok() && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("UTF-8")
    }

    fn frames(&mut self, bytes: &[u8]) {
        for frame in bytes.chunks(50_000) {
            let length = (frame.len() as u32).to_le_bytes();
            self.0.write_all(&length).expect("a length");
            self.0.write_all(frame).expect("a frame");
        }
        self.0.write_all(&[0; 4]).expect("the end");
    }
}

#[test]
fn strangers_who_only_connect_keep_nobody_out() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let receiver = Receiver::start(&socket, &["--count", "1", "--max-connections", "8"]);
    let idle: Vec<_> = (0..100)
        .map(|_| UnixStream::connect(&socket).expect("a connection"))
        .collect();
    let sent = send(&socket, &[]);
    assert_eq!(sent.code, 0, "{}", sent.err);
    let begun = Instant::now();
    assert_eq!(receiver.end().code, 0);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "nobody waits for them"
    );
    drop(idle);
}

#[test]
fn who_comes_with_a_byte_now_and_then_is_cut() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let words = ["--wait", "1", "--least-rate", "1MiB"];
    let _receiver = Receiver::start(&socket, &words);
    let mut begin = b"receive\nLinuxGuestRecord".to_vec();
    begin.extend(10_000_u32.to_le_bytes());
    for head in [
        &b""[..],
        b"ia64save-migrate 1 00000000000000ab xen-3.3\n",
        &begin,
    ] {
        let mut stream = UnixStream::connect(&socket).expect("a connection");
        stream.write_all(head).expect("it is heard");
        let begun = Instant::now();
        while stream.write_all(b"a").is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{head:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(begun.elapsed() > Duration::from_millis(500), "{head:?}");
    }
}

#[test]
fn a_domain_gets_no_more_memory_than_there_is_for_it() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let receiver = Receiver::start(&socket, &["--count", "2", "--max-memory", "256MiB"]);
    let large = sent(&socket, "512MiB", &["--workload", "idle"]);
    assert_eq!(large.code, 4, "{}", large.out);
    assert_eq!(large.json()["fate"], "stays");
    assert!(large.err.contains("--max-memory"), "{}", large.err);
    let small = send(&socket, &[]);
    assert_eq!(small.code, 0, "{}", small.err);
    receiver.end();
}

#[test]
fn migrations_do_not_wait_for_who_reads_the_reports() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    // Each report is longer than what a pipe holds, and nobody reads them.
    let receiver = Receiver::start(&socket, &["--count", "3"]);
    for _ in 0..3 {
        let sent = sent(&socket, "160MiB", &["--workload", "idle"]);
        assert_eq!(sent.code, 0, "{}", sent.err);
    }
    receiver.end();
}

#[test]
fn who_has_taken_its_last_domain_still_answers_for_it() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let image = image(&folder, "pv");
    let receiver = Receiver::start(&socket, &["--count", "1", "--wait", "20"]);
    let mut source = Source::migrate(&socket, "00000000000000ab");
    assert_eq!(source.line(), "(ready migrate)");
    source.frames(&image);
    assert_eq!(source.line(), "(complete)");
    source.0.write_all(b"commit\n").expect("it is heard");
    // The answer is lost with the connection.
    drop(source);
    let stranger = ask(&socket, "00000000000000ac");
    assert_eq!(stranger.code, 1, "{stranger:?}");
    assert!(stranger.out.contains("unknown"), "{stranger:?}");
    let late = send(&socket, &[]);
    assert_ne!(late.code, 0);
    assert!(late.err.contains("no more domains"), "{}", late.err);
    for word in ["", "no-token", "00000000000000a"] {
        assert_eq!(ask(&socket, word).code, 2, "{word}");
    }
    let begun = Instant::now();
    let answer = ask(&socket, "00000000000000ab");
    assert_eq!(
        (answer.code, answer.out.as_str()),
        (0, "migration 00000000000000ab: running\n")
    );
    // Now everybody knows.
    assert_eq!(receiver.end().json()["fate"], "runs");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_domain_whose_device_model_is_cut_does_not_run() {
    let folder = Folder::new();
    let image = image(&folder, "hvm");
    // The record: its signature, and the state of a device model without devices.
    let record = 21 + 9;
    for (missing, runs) in [
        (0, true),
        (1, false),
        (4, false),
        (record - 21, false),
        (record, false),
    ] {
        let socket = folder.path("socket");
        let receiver = Receiver::start(&socket, &["--count", "1"]);
        let mut source = Source::open(&socket, "receive\n");
        assert_eq!(source.line(), "(ready receive)");
        source
            .0
            .write_all(&image[..image.len() - missing])
            .expect("a stream");
        source
            .0
            .shutdown(std::net::Shutdown::Write)
            .expect("the end");
        let said = source.line();
        assert_eq!(said.is_empty(), runs, "{missing}: {said}");
        let fate = if runs { "runs" } else { "destroyed" };
        assert_eq!(receiver.end().json()["fate"], fate, "{missing}");
    }
}

#[test]
fn a_secret_keeps_strangers_out() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let right = folder.file("right", b"correct horse battery staple\n");
    let wrong = folder.file("wrong", b"incorrect horse battery staple\n");
    let receiver = Receiver::start(&socket, &["--count", "1", "--secret-file", arg(&right)]);
    for (words, said) in [
        (&[][..], "asks for a secret"),
        (
            &["--secret-file", arg(&wrong)],
            "the secret here is another",
        ),
        (&["--protocol", "xend"], "no place for one"),
    ] {
        let sent = send(&socket, words);
        assert_eq!(sent.code, 4, "{}", sent.out);
        assert!(sent.err.contains(said), "{}", sent.err);
    }
    let asked = ask(&socket, "00000000000000ab");
    assert!(asked.out.contains("asks for a secret"), "{asked:?}");
    let sent = send(&socket, &["--secret-file", arg(&right)]);
    assert_eq!(sent.code, 0, "{}", sent.err);
    assert_eq!(receiver.end().code, 0);
    // A target that does not ask for it may be anybody.
    let _open = Receiver::start(&socket, &["--count", "1"]);
    let sent = send(&socket, &["--secret-file", arg(&right)]);
    assert_eq!(sent.code, 4, "{}", sent.out);
    assert!(
        sent.err.contains("does not ask for the secret"),
        "{}",
        sent.err
    );
}

#[test]
fn a_connection_that_is_reset_after_the_stream_is_no_success() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address").to_string();
    for words in ["", "(err (type restore) (value \"no ro"] {
        let answers = listener.try_clone().expect("a socket");
        let target = std::thread::spawn(move || {
            let (mut stream, _) = answers.accept().expect("a connection");
            let mut request = [0; 8];
            stream.read_exact(&mut request).expect("a request");
            stream.write_all(b"(ready receive)\n").expect("it is heard");
            // Small enough to be on its way as a whole.
            std::thread::sleep(Duration::from_secs(2));
            if !words.is_empty() {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).expect("a stream");
                stream.write_all(words.as_bytes()).expect("it is heard");
            }
            // With bytes unread, closing resets.
        });
        let base = [
            "simulate",
            "migrate",
            "--memory",
            "128KiB",
            "--protocol",
            "xend",
        ];
        let sent = run(base.iter().chain(&["--output", "json", "--to", &address]));
        target.join().expect("a target");
        assert_eq!(sent.code, 4, "{words:?}: {}", sent.out);
        assert_eq!(sent.json()["fate"], "in_doubt", "{words:?}: {}", sent.err);
    }
}

/// A source that has sent its domain, and has heard that it is whole.
fn whole(socket: &Path, token: &str, image: &[u8]) -> Source {
    let mut source = Source::migrate(socket, token);
    assert_eq!(source.line(), "(ready migrate)");
    source.frames(image);
    assert_eq!(source.line(), "(complete)");
    source
}

#[test]
fn a_listener_that_is_killed_remembers_what_it_said() {
    const RAN: &str = "00000000000000a1";
    const WAITED: &str = "00000000000000a2";
    const ASKED: &str = "00000000000000a3";
    const NEVER: &str = "00000000000000a4";
    let folder = Folder::new();
    let image = image(&folder, "pv");
    let file = folder.path("outcomes");
    let socket = folder.path("socket");
    let words = ["--outcomes", arg(&file)];
    let mut receiver = Receiver::start(&socket, &words);
    let mut ran = whole(&socket, RAN, &image);
    ran.0.write_all(b"commit\n").expect("it is heard");
    assert_eq!(ran.line(), "(running)");
    let _waits = whole(&socket, WAITED, &image);
    let _asked = whole(&socket, ASKED, &image);
    assert!(ask(&socket, ASKED).out.contains("destroyed"));
    // Not whole: its source knows by itself.
    let mut never = Source::migrate(&socket, NEVER);
    assert_eq!(never.line(), "(ready migrate)");
    // Killed, and started again, twice.
    for _ in 0..2 {
        drop(receiver);
        std::fs::remove_file(&socket).expect("its socket");
        receiver = Receiver::start(&socket, &words);
        for (token, said) in [
            (RAN, "running"),
            (WAITED, "destroyed"),
            (ASKED, "destroyed"),
            (NEVER, "unknown"),
        ] {
            let answer = ask(&socket, token);
            assert!(answer.out.contains(said), "{token}: {answer:?}");
        }
        // Nothing of them is taken a second time.
        for token in [RAN, WAITED, ASKED] {
            let line = Source::migrate(&socket, token).line();
            assert!(line.contains("has been here before"), "{line}");
        }
    }
    // Two that keep theirs in one place would forget each other's.
    let other = folder.path("other");
    let base = ["simulate", "migrate", "--listen", arg(&other)];
    let second = run(base.iter().chain(&words));
    assert_eq!(second.code, 4, "{second:?}");
    assert!(second.err.contains("another listener"), "{}", second.err);
    // Without the disk nobody knows.
    drop(receiver);
    std::fs::remove_file(&socket).expect("its socket");
    std::fs::remove_file(&file).expect("its outcomes");
    let _receiver = Receiver::start(&socket, &words);
    assert!(ask(&socket, RAN).out.contains("unknown"));
}

#[test]
fn a_listener_that_is_killed_at_any_moment_says_one_thing() {
    let folder = Folder::new();
    let image = image(&folder, "pv");
    let file = folder.path("outcomes");
    let words = ["--outcomes", arg(&file)];
    let (mut runs, mut gone) = (0, 0);
    for moment in 0..12_u64 {
        let socket = folder.path(&format!("socket{moment}"));
        let receiver = Receiver::start(&socket, &words);
        let token = format!("{moment:016x}");
        let mut source = whole(&socket, &token, &image);
        source.0.write_all(b"commit\n").expect("it is heard");
        std::thread::sleep(Duration::from_micros(moment * moment * 40));
        drop(receiver);
        let heard = source.line();
        assert!(["", "(running)"].contains(&heard.as_str()), "{heard}");
        std::fs::remove_file(&socket).expect("its socket");
        let _again = Receiver::start(&socket, &words);
        let answer = ask(&socket, &token);
        assert_eq!(answer.code, 0, "{answer:?}");
        let running = answer.out.contains("running");
        assert!(running || heard.is_empty(), "it was said: {answer:?}");
        runs += u32::from(running);
        gone += u32::from(!running);
    }
    assert_eq!(runs + gone, 12);
}

#[test]
fn a_file_of_outcomes_that_is_none_is_refused() {
    let folder = Folder::new();
    let socket = folder.path("socket");
    let refused = run([
        "simulate",
        "migrate",
        "--listen",
        arg(&socket),
        "--outcomes",
        "/dev/full",
    ]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.err.contains("/dev/full"), "{}", refused.err);
    let damaged = folder.file("damaged", b"ia64save-outcomes 1\nrunning\nwhole 1\n");
    let refused = run([
        "simulate",
        "migrate",
        "--listen",
        arg(&socket),
        "--outcomes",
        arg(&damaged),
    ]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.err.contains("line 2 is damaged"), "{}", refused.err);
}
