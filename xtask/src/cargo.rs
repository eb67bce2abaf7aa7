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

/// What the feature `xenctrl` of ia64save-xen is made from.
const XENCTRL_HEADER: &str = "/usr/include/xenctrl.h";
/// The other features that are off by default.
const OTHER_FEATURES: &str = "ia64save-xen/fake,xtask/bench,xtask/tables,xtask/capture";

/// Clippy and rustdoc.
pub fn lint() -> Outcome {
    let xenctrl = std::path::Path::new(XENCTRL_HEADER).exists();
    let features: &[&str] = if xenctrl {
        &["--all-features"]
    } else {
        &["--features", OTHER_FEATURES]
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
