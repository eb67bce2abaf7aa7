//! `fuzz/oss-fuzz/build.sh` as OSS-Fuzz runs it, without its container.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

use super::Folders;
use crate::cargo::{debug, target};
use crate::step::{Outcome, run};
use crate::tools;

/// What the builder image sets for a target in Rust with AddressSanitizer.
const RUSTFLAGS: &str = "--cfg fuzzing -Zsanitizer=address -Cdebuginfo=1 -Cforce-frame-pointers";
/// How the script builds.
const OPTIONS: [&str; 2] = ["-O", "--debug-assertions"];
const CFLAGS: &str = "-O1 -fno-omit-frame-pointer -Wno-error";
/// What it sets besides for its own compiler, which others do not know.
const CLANG: &str = "-gline-tables-only";

/// Runs it, and says which targets are there. Skipped without a nightly cargo or zip.
///
/// What cargo-fuzz builds is built first, which keeps nothing else waiting; then the program that makes
/// the seeds, as every other program here is built; of both the script finds that they are there.
pub fn build(folders: &Folders) -> Result<Vec<String>, Outcome> {
    for tool in [
        &["cargo", "+nightly", "--version"][..],
        &["zip", "--version"],
        &["unzip", "-v"],
    ] {
        if !is_there(tool) {
            return Err(Outcome::Skipped(format!("no {}", tool.join(" "))));
        }
    }
    prepare(folders)
        .map_err(|error| Outcome::Failed(format!("{}: {error}", folders.out.display())))?;
    let built = tools::FUZZ
        .ensure()
        .then(|| {
            run(command(folders, "cargo")
                .args(["fuzz", "build"])
                .args(OPTIONS))
        })
        .then(|| debug(&["--bin", "seeds"]))
        .then(|| {
            let seeds = env::current_dir().unwrap_or_default().join(target());
            let mut script = command(folders, "bash");
            script.args(["-eu", "fuzz/oss-fuzz/build.sh"]);
            run(script.env("SEEDS", seeds.join("debug/seeds")))
        });
    if let Outcome::Failed(_) | Outcome::Skipped(_) = built {
        return Err(built);
    }
    targets(&folders.out)
}

/// A command with the variables of OSS-Fuzz.
fn command(folders: &Folders, program: &str) -> Command {
    let mut command = Command::new(program);
    if env::var_os("CARGO_TARGET_DIR").is_some() {
        command.env_remove("CARGO_TARGET_DIR"); // the script looks where cargo-fuzz builds by itself
    }
    command
        .env("SRC", &folders.src)
        .env("OUT", &folders.out)
        .env("WORK", &folders.work)
        .env("SANITIZER", "address")
        .env("FUZZING_ENGINE", "libfuzzer")
        .env("FUZZING_LANGUAGE", "rust")
        .env("ARCHITECTURE", "x86_64")
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .env("RUSTFLAGS", RUSTFLAGS);
    let mut flags = CFLAGS.to_string();
    if is_there(&["clang++", "--version"]) {
        command.envs([("CC", "clang"), ("CXX", "clang++")]);
        flags = format!("{CFLAGS} {CLANG}");
    }
    command.env("CFLAGS", &flags).env("CXXFLAGS", &flags);
    command
}

/// Whether a tool answers.
fn is_there(command: &[&str]) -> bool {
    let output = Command::new(command[0])
        .args(&command[1..])
        .env_remove("RUSTUP_TOOLCHAIN")
        .output();
    output.is_ok_and(|output| output.status.success())
}

/// Empty folders for the results, and the project where the script looks for it.
fn prepare(folders: &Folders) -> io::Result<()> {
    if folders.out.exists() {
        fs::remove_dir_all(&folders.out)?;
    }
    for folder in [&folders.src, &folders.out, &folders.work] {
        fs::create_dir_all(folder)?;
    }
    let link = folders.src.join("ia64save");
    if link.is_symlink() {
        fs::remove_file(&link)?;
    }
    symlink(env::current_dir()?, link)
}

/// The targets in a folder: each with its options, dictionary and seeds, as ClusterFuzz finds them.
fn targets(out: &Path) -> Result<Vec<String>, Outcome> {
    let wanted = fs::read_dir("fuzz/fuzz_targets")
        .map_err(|error| Outcome::Failed(format!("fuzz/fuzz_targets: {error}")))?;
    let mut names: Vec<String> = wanted
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_string()))
        .collect();
    names.sort();
    for name in &names {
        for file in [
            name.clone(),
            format!("{name}.dict"),
            format!("{name}.options"),
            format!("{name}_seed_corpus.zip"),
        ] {
            if !out.join(&file).is_file() {
                return Err(Outcome::Failed(format!("build.sh made no {file}")));
            }
        }
    }
    Ok(names)
}
