//! The sessions in the README are what the program prints.

use std::path::Path;

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

#[test]
fn sessions_are_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let blocks = readme.split("```console\n").skip(1);
    let mut compared = 0;
    for block in blocks.filter_map(|block| block.split("```").next()) {
        for session in block.split("$ ia64save ").skip(1) {
            let (line, shown) = session.split_once('\n').expect("a command line");
            let run: Run = command(words(line))
                .current_dir(root)
                .output()
                .expect("it starts")
                .into();
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
