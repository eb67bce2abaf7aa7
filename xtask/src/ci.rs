//! All steps in order, and a summary.

use std::time::{Duration, Instant};

use crate::step::{Outcome, noted};
use crate::{
    agent, cargo, debuggers, dissector, fuzz, generate, kaitai, licences, package, real_xen,
    report, spec, words,
};

/// A step by its name.
type Step = (&'static str, fn() -> Outcome);

/// Quick ones first; the benchmark is small here and shows that it runs, not how fast: a machine
/// that is shared cannot say.
const STEPS: &[Step] = &[
    ("fmt", || cargo::fmt(false)),
    ("words", words::check),
    ("spec", || spec::check(false)),
    ("licences", licences::check),
    ("lint", cargo::lint),
    ("generate", || generate::generate(true)),
    ("test", cargo::test),
    ("report", || report::check(None)),
    ("debuggers", debuggers::check),
    ("kaitai", kaitai::check),
    ("differential", || kaitai::differential(None)),
    ("dissector", dissector::dissector),
    ("pattern", dissector::pattern),
    ("agent", agent::check),
    ("real-xen", real_xen::check),
    ("package", || package::check(false)),
    ("fuzz", || fuzz::fuzz(&[])),
    ("bench", || cargo::bench(&["--size", "256M", "--reps", "3"])),
    ("transfer", || {
        cargo::transfer(&["--memory", "64", "--reps", "3"])
    }),
];

/// Runs every step, also after one has failed.
pub fn all() -> Outcome {
    let mut report: Vec<(&str, Duration, Outcome)> = Vec::new();
    for &(name, step) in STEPS {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = step();
        report.push((name, start.elapsed(), outcome));
    }
    println!("\n== summary");
    let mut failed = Vec::new();
    let mut skipped = Vec::new();
    for (name, time, outcome) in &report {
        let said = match outcome {
            Outcome::Passed(note) => format!("passed{}", noted(note)),
            Outcome::Skipped(why) => {
                skipped.push(*name);
                format!("SKIPPED: {why}")
            }
            Outcome::Failed(why) => {
                failed.push(*name);
                format!("FAILED: {why}")
            }
        };
        println!("{name:<12} {:>7.1} s  {said}", time.as_secs_f64());
    }
    let passed = report.len() - failed.len() - skipped.len();
    let note = if skipped.is_empty() {
        format!("{passed} steps passed")
    } else {
        format!("{passed} steps passed, SKIPPED: {}", skipped.join(", "))
    };
    if failed.is_empty() {
        Outcome::Passed(note)
    } else {
        Outcome::Failed(format!("{}; {note}", failed.join(", ")))
    }
}
