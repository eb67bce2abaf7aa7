//! Fuzzing: the targets built as OSS-Fuzz builds them, and run for a while.
//!
//! | file | what |
//! |---|---|
//! | `oss` | `build.sh` with the variables of OSS-Fuzz, into `target/fuzz` |
//! | `coverage` | how much of the codec the corpora reach |
//! | `run` | a target out of that folder, with its seeds, dictionary and options |
//! | `said` | what a run came to: executions, counters, corpus |
//!
//! ```text
//! target/fuzz/out      binaries, .options, .dict, _seed_corpus.zip: $OUT of OSS-Fuzz
//! target/fuzz/work     $WORK
//! target/fuzz/log      what libFuzzer printed, a file a target
//! target/fuzz/src      $SRC, where the project is a link
//! fuzz/corpus/TARGET   what runs have found; fuzz/artifacts/TARGET what they have broken
//! ```

mod coverage;
mod oss;
mod run;
mod said;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::cargo::target;
use crate::step::{Outcome, noted};
use said::Said;

/// Seconds of each target where nobody says otherwise.
const SECONDS: u32 = 20;

/// What `cargo xtask fuzz` was asked for.
struct Options<'a> {
    seconds: u32,
    /// How many targets run at a time.
    jobs: usize,
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
            jobs: 1,
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
                "--jobs" => {
                    let jobs = args.next().and_then(|number| number.parse().ok());
                    let jobs = jobs.filter(|jobs| *jobs > 0);
                    options.jobs = jobs.ok_or("--jobs takes a number from 1 on")?;
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
    if options.coverage && !options.targets.is_empty() {
        return Outcome::Failed("--coverage is of all targets together".into());
    }
    if options.coverage {
        return coverage::report();
    }
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
    let chosen: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|target| options.targets.is_empty() || options.targets.contains(target))
        .collect();
    if options.minimise {
        return minimise(&folders, &chosen);
    }
    match fs::create_dir_all(&folders.log) {
        Ok(()) => run_all(&folders, &chosen, &options),
        Err(error) => Outcome::Failed(format!("{}: {error}", folders.log.display())),
    }
}

/// Fuzzes the targets, some at a time, and prints a row for each.
fn run_all(folders: &Folders, targets: &[&str], options: &Options<'_>) -> Outcome {
    println!(
        "{} targets, {} s each, {} at a time; their logs are in {}",
        targets.len(),
        options.seconds,
        options.jobs,
        folders.log.display()
    );
    let next = Mutex::new(targets.iter());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.min(targets.len()) {
            scope.spawn(|| {
                while let Some(target) = next.lock().ok().and_then(|mut next| next.next()) {
                    let result = run::fuzz(folders, target, options.seconds);
                    match &result {
                        Ok(said) => println!("{target}: {said}"),
                        Err(why) => println!("{target}: FAILED: {why}"),
                    }
                    if let Ok(mut results) = results.lock() {
                        results.push((*target, result));
                    }
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    println!("\n{}", Said::TITLES);
    let mut failed = Vec::new();
    for target in targets {
        match results.iter().find(|(name, _)| name == target) {
            Some((_, Ok(said))) => println!("{}", said.row(target)),
            _ => failed.push(*target),
        }
    }
    if failed.is_empty() {
        Outcome::Passed(format!("{} targets", targets.len()))
    } else {
        Outcome::Failed(failed.join(", "))
    }
}

/// Minimises the corpora, one behind the other.
fn minimise(folders: &Folders, targets: &[&str]) -> Outcome {
    let mut failed = Vec::new();
    for target in targets {
        match run::minimise(folders, target) {
            Outcome::Passed(note) => println!("{target}: ok{}", noted(&note)),
            Outcome::Failed(why) | Outcome::Skipped(why) => {
                println!("{target}: FAILED: {why}");
                failed.push(*target);
            }
        }
    }
    if failed.is_empty() {
        Outcome::Passed(format!("{} targets", targets.len()))
    } else {
        Outcome::Failed(failed.join(", "))
    }
}

/// Where things are; absolute, as OSS-Fuzz has them.
struct Folders {
    src: PathBuf,
    out: PathBuf,
    work: PathBuf,
    log: PathBuf,
    corpus: PathBuf,
    artifacts: PathBuf,
}

impl Folders {
    fn new() -> Self {
        let root = env::current_dir().unwrap_or_default();
        let base = root.join(target()).join("fuzz");
        Folders {
            src: base.join("src"),
            out: base.join("out"),
            work: base.join("work"),
            log: base.join("log"),
            corpus: root.join("fuzz/corpus"),
            artifacts: root.join("fuzz/artifacts"),
        }
    }
}
