//! Signals end a process, so that each of these tests runs itself in another.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::NamedTempFile;

use super::{expect_interruption, expect_shrinking_files};
use crate::files::OutputFile;
use crate::files::draft::Draft;
use crate::input::{Input, Kind, Options};

fn file(len: usize) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&vec![7; len]).unwrap();
    file
}

/// Runs one of the tests below, which end their process, in a process of its own.
fn run_alone(test: &str, directory: &Path) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", test])
        .env("IA64SAVE_TEST_DIRECTORY", directory)
        .output()
        .unwrap()
}

fn unfinished_output() -> OutputFile {
    let directory = std::env::var("IA64SAVE_TEST_DIRECTORY").expect("only run by another test");
    let target = Path::new(&directory).join("out");
    let mut out = OutputFile::create(&target, false).unwrap();
    out.write_all(b"abc").unwrap();
    out
}

#[test]
#[ignore = "ends the process; run by the test below"]
fn looks_behind_the_end_of_a_shortened_file() {
    expect_shrinking_files().unwrap();
    let _out = unfinished_output();
    let file = file(3 << 20);
    let Kind::Mapped(mapped) = Input::open(file.path(), &Options::default()).unwrap().kind else {
        panic!("not mapped")
    };
    file.as_file().set_len(1 << 20).unwrap();
    drop(file);
    println!("still there: {}", mapped[2 << 20]);
}

#[test]
fn a_file_that_became_shorter_ends_in_a_message_and_exit_code_4() {
    let directory = tempfile::tempdir().unwrap();
    let output = run_alone(
        "signals::tests::looks_behind_the_end_of_a_shortened_file",
        directory.path(),
    );
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(": the file became shorter"), "{message}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
#[ignore = "ends the process; run by the test below"]
fn many_threads_look_behind_the_end_at_once() {
    expect_shrinking_files().unwrap();
    let file = file(8 << 20);
    let Kind::Mapped(mapped) = Input::open(file.path(), &Options::default()).unwrap().kind else {
        panic!("not mapped")
    };
    file.as_file().set_len(1 << 20).unwrap();
    let ready = std::sync::Barrier::new(17);
    let go = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (mapped, ready, go) = (&mapped, &ready, &go);
            scope.spawn(move || {
                ready.wait();
                // Those that have a processor go within a moment, one after the other: a fault while
                // another is being answered is what matters.
                while !go.load(std::sync::atomic::Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                for _ in 0..thread * 200 {
                    std::hint::spin_loop();
                }
                // Before anything is locked to be printed.
                let byte = std::hint::black_box(mapped[(2 << 20) + (thread << 16)]);
                println!("still there: {byte}");
            });
        }
        ready.wait();
        std::thread::sleep(std::time::Duration::from_millis(2));
        go.store(true, std::sync::atomic::Ordering::Release);
    });
}

#[test]
fn any_number_of_threads_may_look_behind_the_end() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..25 {
        let output = run_alone(
            "signals::tests::many_threads_look_behind_the_end_at_once",
            directory.path(),
        );
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(message.matches("became shorter").count(), 1, "{message}");
        // Which file that was.
        assert!(message.contains("error: /"), "{message}");
    }
}

#[test]
#[ignore = "ends the process; run by the test below"]
fn is_interrupted_while_writing() {
    expect_interruption().unwrap();
    let directory = std::env::var("IA64SAVE_TEST_DIRECTORY").expect("only run by another test");
    // With a name, as where the file system has no files without one.
    let prefix = std::ffi::OsStr::new(".out.");
    let draft = Draft::with_name(Path::new(&directory), prefix, 0o600);
    let _draft = draft.unwrap();
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    let pid = std::process::id().to_string();
    let signal = std::env::var("IA64SAVE_TEST_SIGNAL").unwrap();
    Command::new("kill").args([&signal, &pid]).status().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(10));
}

#[test]
fn an_interrupted_process_removes_its_output_says_so_and_dies_of_the_signal() {
    for signal in [
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGALRM,
        libc::SIGXCPU,
    ] {
        let directory = tempfile::tempdir().unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture"])
            .arg("signals::tests::is_interrupted_while_writing")
            .env("IA64SAVE_TEST_DIRECTORY", directory.path())
            .env("IA64SAVE_TEST_SIGNAL", format!("-{signal}"))
            .output()
            .unwrap();
        assert_eq!(output.status.signal(), Some(signal), "{output:?}");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains("ended by a signal"), "{message}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
