//! The sessions in the README are what the program prints.

use std::path::Path;
use std::process::Command;

use super::program::{Run, command};

/// The arguments of a line of shell without anything but words and single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().expect("a word").push(letter),
        }
    }
    words
}

/// Whether sessions with jq can be tried; CI has it.
fn has_jq() -> bool {
    let there = Command::new("jq").arg("--version").output().is_ok();
    assert!(there || std::env::var_os("CI").is_none(), "CI has no jq");
    there
}

/// A line of shell that begins with the program.
fn piped(line: &str) -> Command {
    let mut shell = Command::new("sh");
    let line = format!("set -e; \"$PROGRAM\" {line}");
    shell
        .args(["-c", &line])
        .env("PROGRAM", env!("CARGO_BIN_EXE_ia64save"));
    shell.env_remove("CLICOLOR_FORCE");
    shell
}

#[test]
fn sessions_are_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let blocks = readme.split("```console\n").skip(1);
    let mut compared = 0;
    for block in blocks.filter_map(|block| block.split("```").next()) {
        for session in block.split("$ ia64save ").skip(1) {
            let (line, shown) = session.split_once('\n').expect("a command line");
            let run: Run = if line.contains(" | ") {
                if !has_jq() {
                    continue;
                }
                piped(line)
                    .current_dir(root)
                    .output()
                    .expect("it starts")
                    .into()
            } else {
                let mut command = command(words(line));
                command
                    .current_dir(root)
                    .output()
                    .expect("it starts")
                    .into()
            };
            let printed = format!("{}{}", run.out, run.err);
            match shown.split_once("\n  ...\n") {
                Some((begin, _)) => assert!(printed.starts_with(begin), "{line}\n{printed}"),
                None => assert_eq!(shown, printed, "{line}"),
            }
            compared += 1;
        }
    }
    assert!(compared >= 5, "{compared} sessions");
}
