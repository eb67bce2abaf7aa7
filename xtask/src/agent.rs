//! The agent of `driver-xen/agent`: every compiler that is here takes it without a warning, its
//! protocol needs nothing from outside, and its tests pass under the sanitizers. `bare` is the control
//! domain without an operating system that carries it.

mod bare;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo::target;
use crate::step::{Outcome, read, run};

const FOLDER: &str = "driver-xen/agent";
const STRICT: [&str; 5] = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"];
const FREESTANDING: [&str; 3] = ["-ffreestanding", "-nostdlib", "-fno-stack-protector"];
const LEVELS: [&str; 5] = ["-O0", "-O1", "-O2", "-O3", "-Os"];
/// What ends a program that reads or writes where it must not.
const SANITIZERS: [&str; 4] = [
    "-g",
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
];
/// The freestanding half.
const PROTOCOL: [&str; 2] = ["protocol.c", "undo.c"];
/// The whole agent on Linux.
const LINUX: [&str; 3] = ["protocol.c", "undo.c", "linux_privcmd.c"];
/// What the linker itself makes: the only symbol that the protocol may lack.
const LINKERS: [&str; 1] = ["_GLOBAL_OFFSET_TABLE_"];
/// Compilers of this machine.
const NATIVE: [&str; 2] = ["gcc", "clang"];
/// Compilers for the machine that the agent is for, by the names that builds of gcc give them.
const ITANIUM: [&str; 4] = [
    "ia64-linux-gnu-gcc",
    "ia64-unknown-linux-gnu-gcc",
    "ia64-linux-gcc",
    "ia64-elf-gcc",
];
/// Inputs that the fuzzer tries, from a fixed seed.
const FUZZED: &str = "-runs=50000";

/// Compiles and tests.
pub fn check() -> Outcome {
    let built = target().join("agent");
    if let Err(error) = fs::create_dir_all(&built) {
        return Outcome::Failed(format!("{}: {error}", built.display()));
    }
    let mut done = Vec::new();
    let mut skipped = Vec::new();
    let mut outcome = Outcome::Passed(String::new());
    for compiler in NATIVE {
        if there(compiler) {
            outcome = outcome.then(|| native(compiler, &built));
            done.push(compiler.to_string());
        } else {
            skipped.push(format!("there is no {compiler}"));
        }
    }
    if done.is_empty() {
        return Outcome::Skipped("there is no C compiler".into());
    }
    if there("clang") {
        outcome = outcome.then(|| fuzz(&built));
    }
    let for_ia64 = ITANIUM.into_iter().find(|compiler| there(compiler));
    match for_ia64 {
        Some(compiler) => {
            outcome = outcome.then(|| itanium(compiler, &built));
            done.push(compiler.to_string());
        }
        None => skipped.push("there is no C compiler for ia64: never compiled for it here".into()),
    }
    outcome = outcome.then(|| bare::itanium(for_ia64, &built, &mut skipped));
    outcome.then(|| {
        for one in &skipped {
            println!("agent: SKIPPED: {one}");
        }
        let mut note = done.join(", ");
        for one in skipped {
            note += "; SKIPPED: ";
            note += &one;
        }
        Outcome::Passed(note)
    })
}

/// Whether a compiler can be run.
fn there(compiler: &str) -> bool {
    let version = Command::new(compiler)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

fn source(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn compile(compiler: &str, flags: &[&str], sources: &[&str], output: &Path) -> Outcome {
    run(Command::new(compiler)
        .args(STRICT)
        .args(flags)
        .args(sources.iter().map(|name| source(name)))
        .arg("-o")
        .arg(output))
}

/// The agent, its freestanding half at every level, and its tests.
fn native(compiler: &str, built: &Path) -> Outcome {
    let mut outcome = compile(compiler, &["-O2"], &LINUX, &built.join("agent"));
    for word in words(compiler, built) {
        for level in LEVELS {
            let flags = [level, word];
            outcome = outcome
                .then(|| freestanding(compiler, "nm", &flags, &PROTOCOL, &LINKERS, built))
                .then(|| bare::freestanding(compiler, &flags, built));
        }
    }
    let check = built.join(format!("check-{compiler}"));
    let mut tests = vec!["tests/check.c", "tests/stream.c", "tests/fake.c"];
    tests.extend(PROTOCOL);
    outcome
        .then(|| compile(compiler, &SANITIZERS, &tests, &check))
        .then(|| run(&mut Command::new(&check)))
        .then(|| bare::tests(compiler, built))
}

/// Word lengths that a compiler knows: a division of 64 bits is a call to libgcc on ia64, and with
/// `-m32`, and not on its own.
fn words(compiler: &str, built: &Path) -> Vec<&'static str> {
    let short = Command::new(compiler)
        .args(["-m32", "-nostdlib", "-r", "-x", "c", "/dev/null", "-o"])
        .arg(built.join("word.o"))
        .stderr(Stdio::null())
        .status();
    if short.is_ok_and(|status| status.success()) {
        return vec!["-m64", "-m32"];
    }
    println!("agent: SKIPPED: {compiler} has no -m32: calls to libgcc are not looked for");
    vec!["-g0"]
}

/// Sources that stand alone, linked with each other: nothing but `allowed` is left to be found
/// elsewhere.
fn freestanding(
    compiler: &str,
    nm: &str,
    flags: &[&str],
    sources: &[&str],
    allowed: &[&str],
    built: &Path,
) -> Outcome {
    let object = built.join("freestanding.o");
    let mut all = FREESTANDING.to_vec();
    all.extend(flags);
    all.push("-r");
    compile(compiler, &all, sources, &object).then(|| {
        let symbols = match read(Command::new(nm).arg("-u").arg(&object)) {
            Ok(symbols) => symbols,
            Err(error) => return Outcome::Failed(error),
        };
        let symbols = String::from_utf8_lossy(&symbols);
        let missing: Vec<_> = symbols
            .lines()
            .filter_map(|line| line.split_whitespace().last())
            .filter(|name| !allowed.contains(name))
            .collect();
        if missing.is_empty() {
            return Outcome::Passed(String::new());
        }
        Outcome::Failed(format!(
            "{} with {compiler} {} needs {}",
            sources.join(", "),
            flags.join(" "),
            missing.join(", ")
        ))
    })
}

/// The agent's side under libFuzzer, from one good session and for a bounded time.
fn fuzz(built: &Path) -> Outcome {
    let program = built.join("fuzz_protocol");
    let seeds = built.join("seeds");
    // Without what an earlier run has added: every run does the same.
    let _ = fs::remove_dir_all(&seeds);
    if let Err(error) = fs::create_dir_all(&seeds) {
        return Outcome::Failed(format!("{}: {error}", seeds.display()));
    }
    let flags = [
        "-g",
        "-O1",
        "-fsanitize=fuzzer,address,undefined",
        "-fno-sanitize-recover=all",
    ];
    let mut sources = vec!["tests/fuzz_protocol.c", "tests/fake.c"];
    sources.extend(PROTOCOL);
    let writer = built.join("check-clang");
    run(Command::new(&writer).arg("--seeds").arg(&seeds))
        .then(|| compile("clang", &flags, &sources, &program))
        .then(|| {
            // What it finds stays in the target directory.
            let found = format!("-artifact_prefix={}/", built.display());
            let options = [FUZZED, "-seed=1", "-max_len=40000", "-verbosity=0"];
            run(Command::new(&program).args(options).arg(found).arg(&seeds))
        })
}

/// For the machine it is meant for: the freestanding half, and all of it where there is a libc.
fn itanium(compiler: &str, built: &Path) -> Outcome {
    let nm = compiler.replace("gcc", "nm");
    let mut outcome = Outcome::Passed(String::new());
    for level in LEVELS {
        outcome =
            outcome.then(|| freestanding(compiler, &nm, &[level], &PROTOCOL, &LINKERS, built));
    }
    outcome.then(|| {
        let headers = Command::new(compiler)
            .args(["-include", "sys/mman.h", "-E", "-x", "c", "/dev/null"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if headers.is_ok_and(|status| status.success()) {
            return compile(compiler, &["-O2"], &LINUX, &built.join("agent-ia64"));
        }
        println!(
            "agent: SKIPPED: {compiler} has no libc: linux_privcmd.c was not compiled for ia64"
        );
        Outcome::Passed(String::new())
    })
}
