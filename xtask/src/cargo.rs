//! The steps that are cargo's: formatting, lints, tests, and what is built for other steps.
//!
//! cargo builds a crate again for every other set of features, and features of all packages that are
//! named together add up. So that everything is built once, every debug build is of the whole workspace
//! with [`FEATURES`], and what is released is built as `cargo install` would.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::step::{Outcome, cargo, run};
use crate::tools;

/// The features of every debug build: those that are off by default, but for what needs other libraries.
const FEATURES: &str = "ia64save/parquet,ia64save-xen/fake,xtask/programs,xtask/circles";
/// What the feature `xenctrl` of ia64save-xen is made from.
const XENCTRL_HEADER: &str = "/usr/include/xenctrl.h";

/// What is said of a measurement without `--check`.
const UNJUDGED: &str = "it ran; only --check judges by the goals";

/// Formatting.
pub fn fmt(fix: bool) -> Outcome {
    let args: &[&str] = if fix {
        &["fmt", "--all"]
    } else {
        &["fmt", "--all", "--check"]
    };
    run(&mut cargo(args))
}

/// Clippy and rustdoc.
pub fn lint() -> Outcome {
    let xenctrl = Path::new(XENCTRL_HEADER).exists();
    let features: &[&str] = if xenctrl {
        &["--all-features"]
    } else {
        &["--features", FEATURES]
    };
    let mut clippy = vec!["clippy", "--workspace", "--all-targets"];
    clippy.extend(features);
    clippy.extend(["--", "-D", "warnings"]);
    let mut doc = vec!["doc", "--workspace", "--no-deps"];
    doc.extend(features);
    let linted =
        run(&mut cargo(&clippy)).then(|| run(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings")));
    match linted {
        Outcome::Passed(_) if !xenctrl => Outcome::Passed(format!(
            "SKIPPED the feature xenctrl: no {XENCTRL_HEADER} (libxen-dev)"
        )),
        other => other,
    }
}

/// The tests; by nextest where it is, which runs those of all programs side by side, and leaves those
/// in the documentation to cargo.
pub fn test() -> Outcome {
    let all = ["--workspace", "--features", FEATURES];
    if tools::NEXTEST.is_here() {
        run(cargo(&["nextest", "run"]).args(all)).then(|| run(cargo(&["test", "--doc"]).args(all)))
    } else {
        run(cargo(&["test"]).args(all))
    }
}

/// In no crate do files need each other in a circle. Apart from the rest, so that it can be told while
/// nothing else can be built.
pub fn circles(args: &[&str]) -> Outcome {
    let program = [
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--features",
        "circles",
    ];
    run(cargo(&program).args(["--bin", "circles", "--"]).args(args))
}

/// The target directory.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

/// A program of the workspace, built for debugging and run.
pub fn program(name: &str, args: &[&str]) -> Outcome {
    let built = target().join("debug").join(name);
    debug(&["--bin", name]).then(|| run(Command::new(built).args(args)))
}

/// An example of the workspace, likewise.
pub fn example(name: &str, args: &[&Path]) -> Outcome {
    let built = target().join("debug/examples").join(name);
    debug(&["--example", name]).then(|| run(Command::new(built).args(args)))
}

/// Builds something of the workspace for debugging.
pub fn debug(what: &[&str]) -> Outcome {
    let build = ["build", "--quiet", "--workspace", "--features", FEATURES];
    run(cargo(&build).args(what))
}

/// The tool, as it is released.
pub fn release() -> Outcome {
    run(&mut cargo(&["build", "--release", "--package", "ia64save"]))
}

/// The benchmark, of the release; and of the decoder in memory, which is another program.
pub fn bench(args: &[&str]) -> Outcome {
    if args.contains(&"--help") {
        return program("bench", args);
    }
    let measured = release()
        .then(|| program("bench", args))
        .then(|| benches("decode", &[]));
    match measured {
        Outcome::Passed(_) if !args.contains(&"--check") => Outcome::Passed(UNJUDGED.into()),
        other => other,
    }
}

/// Save, restore and policies of the transfer engine, of the release.
pub fn transfer(args: &[&str]) -> Outcome {
    let judged = args.contains(&"--check") || args.contains(&"--help");
    match benches("transfer", args) {
        Outcome::Passed(_) if !judged => Outcome::Passed(UNJUDGED.into()),
        other => other,
    }
}

/// Every state of the models, in a release: the tests look at less.
pub fn model(args: &[&str]) -> Outcome {
    let program = ["run", "--quiet", "--release", "--package", "ia64save-model"];
    run(cargo(&program).args(["--bin", "model", "--"]).args(args))
}

fn benches(name: &str, args: &[&str]) -> Outcome {
    let bench = ["bench", "--workspace", "--bench", name, "--"];
    run(cargo(&bench).args(args))
}

/// Mutation tests by cargo-mutants, of files and folders of the codec; `.cargo/mutants.toml` says more.
/// What is printed goes into `target/mutants` as well.
pub fn mutants(args: &[&str]) -> Outcome {
    let output = target().join("mutants");
    if let Err(error) = fs::create_dir_all(&output) {
        return Outcome::Failed(format!("{}: {error}", output.display()));
    }
    let mut command = cargo(&["mutants", "--package", "ia64save-codec", "--output"]);
    command.arg(output);
    if tools::NEXTEST.is_here() {
        command.args(["--test-tool", "nextest"]);
    }
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (*arg, args.as_slice().first()) {
            // One of so many.
            ("--every", Some(number)) => {
                args.next();
                command.arg("--shard").arg(format!("0/{number}"));
            }
            ("--every", None) => return Outcome::Failed("--every takes a number".into()),
            (option, _) if option.starts_with('-') => {
                command.arg(option);
            }
            (file, _) => {
                let path = format!("codec/src/{file}");
                let folder = Path::new(&path).is_dir();
                let glob = if folder { format!("{path}/**") } else { path };
                command.args(["--file", &glob]);
            }
        }
    }
    tools::MUTANTS.ensure().then(|| run(&mut command))
}
