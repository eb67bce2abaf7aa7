//! Mutation tests of the codec: is there a test that notices when a comparison, a number or an answer is
//! another?
//!
//! ```text
//! cargo run --package xtask --features mutants --bin mutants -- [--every N] [--list] FILE ...
//! ```
//!
//! All mutants of the named files of `codec/src` go into one copy of the workspace, each behind a switch
//! that an environment variable turns. So the tests are built once, and run once for every mutant: first
//! those of the library, then the others, until one fails. A mutant that survives is printed as
//! `file:line: what`. `--every N` takes one mutant of N.
//!
//! | file | what |
//! |---|---|
//! | `rewrite` | the switches in a file |
//! | `trial` | the tests, with a switch turned |

mod rewrite;
mod trial;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use rewrite::Mutant;

/// What turns a switch, in the copy of the codec.
const SWITCH: &str = r#"//! Which mutant is awake.
extern crate std;
use std::sync::OnceLock;
/// Whether it is this one.
pub fn on(number: u32) -> bool {
    static AWAKE: OnceLock<u32> = OnceLock::new();
    let awake = || std::env::var("MUTANT").ok().and_then(|number| number.parse().ok());
    *AWAKE.get_or_init(|| awake().unwrap_or(0)) == number
}
"#;

fn main() -> ExitCode {
    match run() {
        Ok(survivors) => ExitCode::from(u8::from(survivors > 0)),
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> io::Result<usize> {
    let (mut every, mut list, mut wanted) = (1, false, Vec::new());
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--every" => {
                let number = args.next().and_then(|number| number.parse().ok());
                every = number.ok_or_else(|| io::Error::other("--every takes a number"))?;
            }
            "--list" => list = true,
            _ => wanted.push(arg),
        }
    }
    let copy = PathBuf::from("target/mutants/src");
    copy_workspace(&copy)?;
    let source = copy.join("codec/src");
    let mut files = Vec::new();
    for name in &wanted {
        collect(&source.join(name), &mut files)?;
    }
    let mut mutants: Vec<Mutant> = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file)?;
        let name = file
            .strip_prefix(&source)
            .unwrap_or(file)
            .display()
            .to_string();
        let rewritten = rewrite::file(&name, &text, &mut mutants).map_err(io::Error::other)?;
        fs::write(file, rewritten)?;
    }
    println!("{} mutants in {} files", mutants.len(), files.len());
    if list {
        for mutant in &mutants {
            println!("{mutant}");
        }
        return Ok(0);
    }
    fs::write(source.join("mutant.rs"), SWITCH)?;
    let root = source.join("lib.rs");
    let lib = fs::read_to_string(&root)?;
    let lib = lib.replacen(
        "#![no_std]",
        "#![no_std]\n#![allow(warnings, arithmetic_overflow, unconditional_panic)]",
        1,
    );
    fs::write(
        &root,
        lib.replacen(
            "pub mod wire;",
            "pub mod wire;\n#[doc(hidden)]\npub mod mutant;",
            1,
        ),
    )?;
    let tests = trial::build(&copy)?;
    trial::all(&tests, &copy, mutants.iter().step_by(every))
}

/// The files that git knows, and those that it would.
fn copy_workspace(copy: &Path) -> io::Result<()> {
    let list = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    for file in list.lines() {
        let target = copy.join(file);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        if Path::new(file).is_file() {
            fs::copy(file, target)?;
        }
    }
    Ok(())
}

/// The Rust files below a path, without tests.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        if path.ends_with("tests") {
            return Ok(());
        }
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?.flatten().map(|e| e.path()).collect();
        entries.sort();
        for entry in entries {
            collect(&entry, files)?;
        }
    } else if path.extension().is_some_and(|own| own == "rs") {
        files.push(path.into());
    }
    Ok(())
}
