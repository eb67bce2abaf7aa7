//! Fuzzing: the targets built as OSS-Fuzz builds them, and run for a while.
//!
//! | file | what |
//! |---|---|
//! | `oss` | `build.sh` with the variables of OSS-Fuzz, into `target/fuzz` |
//! | `coverage` | how much of the codec the corpora reach |
//! | `run` | a target out of that folder, with its seeds, dictionary and options |
//!
//! ```text
//! target/fuzz/out      binaries, .options, .dict, _seed_corpus.zip: $OUT of OSS-Fuzz
//! target/fuzz/work     $WORK
//! target/fuzz/src      $SRC, where the project is a link
//! fuzz/corpus/TARGET   what runs have found; fuzz/artifacts/TARGET what they have broken
//! ```

mod coverage;
mod oss;
mod run;

use std::env;
use std::path::PathBuf;

use crate::step::{Outcome, noted};

/// Seconds of each target where nobody says otherwise.
const SECONDS: u32 = 20;

/// What `cargo xtask fuzz` was asked for.
struct Options<'a> {
    seconds: u32,
    /// Leave of the corpus what adds coverage.
    minimise: bool,
    /// Say how much of the codec the corpora reach.
    coverage: bool,
    targets: Vec<&'a str>,
}

impl<'a> Options<'a> {
    fn parse(args: &[&'a str]) -> Result<Self, String> {
        let mut options = Options {
            seconds: SECONDS,
            minimise: false,
            coverage: false,
            targets: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--seconds" => {
                    let seconds = args.next().and_then(|number| number.parse().ok());
                    options.seconds = seconds.ok_or("--seconds takes a number")?;
                }
                "--minimise" => options.minimise = true,
                "--coverage" => options.coverage = true,
                name if name.starts_with('-') => return Err(format!("no such option: {name}")),
                name => options.targets.push(name),
            }
        }
        Ok(options)
    }
}

/// Builds once, then runs every target, or those that are named.
pub fn fuzz(args: &[&str]) -> Outcome {
    let options = match Options::parse(args) {
        Ok(options) => options,
        Err(error) => return Outcome::Failed(error),
    };
    let folders = Folders::new();
    let all = match oss::build(&folders) {
        Ok(targets) => targets,
        Err(outcome) => return outcome,
    };
    if let Some(name) = options
        .targets
        .iter()
        .find(|name| !all.iter().any(|own| own == **name))
    {
        return Outcome::Failed(format!("no target {name}; there are {}", all.join(", ")));
    }
    if options.coverage {
        return coverage::report(&folders, &all);
    }
    let mut ran = 0;
    let mut failed = Vec::new();
    for target in &all {
        if !options.targets.is_empty() && !options.targets.contains(&target.as_str()) {
            continue;
        }
        let outcome = if options.minimise {
            run::minimise(&folders, target)
        } else {
            run::fuzz(&folders, target, options.seconds)
        };
        ran += 1;
        match outcome {
            Outcome::Passed(note) => println!("{target}: ok{}", noted(&note)),
            Outcome::Failed(why) | Outcome::Skipped(why) => {
                println!("{target}: FAILED: {why}");
                failed.push(target.as_str());
            }
        }
    }
    if failed.is_empty() {
        Outcome::Passed(format!("{ran} targets"))
    } else {
        Outcome::Failed(failed.join(", "))
    }
}

/// Where things are; absolute, as OSS-Fuzz has them.
struct Folders {
    src: PathBuf,
    out: PathBuf,
    work: PathBuf,
    corpus: PathBuf,
    artifacts: PathBuf,
}

impl Folders {
    fn new() -> Self {
        let root = env::current_dir().unwrap_or_default();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let base = root.join(target).join("fuzz");
        Folders {
            src: base.join("src"),
            out: base.join("out"),
            work: base.join("work"),
            corpus: root.join("fuzz/corpus"),
            artifacts: root.join("fuzz/artifacts"),
        }
    }
}
