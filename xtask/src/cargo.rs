//! The steps that are cargo's: formatting, lints, tests, and the benchmark's build.

use crate::step::{Outcome, cargo, run};

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
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    let doc = ["doc", "--workspace", "--no-deps", "--all-features"];
    run(&mut cargo(&clippy)).then(|| run(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings")))
}

/// The tests. Those of the benchmark are behind a feature, so that `cargo xtask` itself stays small; so
/// are tables, which bring many crates.
pub fn test() -> Outcome {
    let bench = ["test", "--package", "xtask", "--features", "bench"];
    let table = ["test", "--package", "ia64save", "--features", "parquet"];
    run(&mut cargo(&["test", "--workspace"]))
        .then(|| run(&mut cargo(&bench)))
        .then(|| run(cargo(&table).args(["--test", "cli", "batch"])))
}

/// The benchmark, of the release.
pub fn bench(args: &[&str]) -> Outcome {
    let tool = ["build", "--release", "--package", "ia64save"];
    let mut bench = vec!["run", "--release", "--quiet", "--package", "xtask"];
    bench.extend(["--features", "bench", "--bin", "bench", "--"]);
    bench.extend(args);
    let judged = args.contains(&"--check") || args.contains(&"--help");
    match run(&mut cargo(&tool)).then(|| run(&mut cargo(&bench))) {
        Outcome::Passed(_) if !judged => {
            Outcome::Passed("it ran; only --check judges by the goals".into())
        }
        other => other,
    }
}

/// Save, restore and policies of the transfer engine, of the release.
pub fn transfer(args: &[&str]) -> Outcome {
    let mut bench = vec!["bench", "--package", "ia64save-sim", "--bench", "transfer"];
    bench.push("--");
    bench.extend(args);
    let judged = args.contains(&"--check") || args.contains(&"--help");
    match run(&mut cargo(&bench)) {
        Outcome::Passed(_) if !judged => {
            Outcome::Passed("it ran; only --check judges by the goals".into())
        }
        other => other,
    }
}

/// Mutation tests of the codec.
pub fn mutants(args: &[&str]) -> Outcome {
    let mut mutants = vec!["run", "--quiet", "--package", "xtask"];
    mutants.extend(["--features", "mutants", "--bin", "mutants", "--"]);
    mutants.extend(args);
    run(&mut cargo(&mutants))
}
