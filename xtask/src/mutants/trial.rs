//! The tests, with a switch turned.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::rewrite::Mutant;

/// Tests of the codec that say most in the shortest time, in this order; the library's own come first.
const TESTS: [&str; 10] = [
    "hostile",
    "checks",
    "truncation",
    "round_trip",
    "spec",
    "detection",
    "goldens",
    "limits",
    "readers",
    "remus",
];
/// A mutant that takes this many times as long as the tests do by themselves goes on for ever.
const PATIENCE: u32 = 20;

/// A test program, and how long it may take.
pub struct Test {
    program: PathBuf,
    patience: Duration,
}

/// Builds the tests of the codec in a copy of the workspace, and sees that they pass.
pub fn build(copy: &Path) -> io::Result<Vec<Test>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(copy);
    cargo.args(["test", "--package", "ia64save-codec", "--no-run", "--lib"]);
    for test in TESTS {
        cargo.args(["--test", test]);
    }
    cargo.arg("--message-format=json-render-diagnostics");
    cargo.env(
        "CARGO_TARGET_DIR",
        std::env::current_dir()?.join("target/mutants/target"),
    );
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
    let output = cargo.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("the tests do not build"));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found: Vec<(String, PathBuf)> = text
        .lines()
        .filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let executable = message["executable"].as_str()?;
            Some((
                message["target"]["name"].as_str()?.to_string(),
                executable.into(),
            ))
        })
        .collect();
    let mut tests = Vec::new();
    for name in std::iter::once("ia64save_codec").chain(TESTS) {
        let own = found.iter().find(|(own, _)| own == name);
        let (_, program) = own.ok_or_else(|| io::Error::other(format!("no test {name}")))?;
        let mut test = Test {
            program: program.clone(),
            patience: Duration::from_mins(5),
        };
        let start = Instant::now();
        if !test.passes(copy, 0)? {
            let text = format!("{}: fails by itself", program.display());
            return Err(io::Error::other(text));
        }
        test.patience = start.elapsed().max(Duration::from_secs(1)) * PATIENCE;
        tests.push(test);
    }
    Ok(tests)
}

/// Tries every mutant; how many survive.
pub fn all<'a>(
    tests: &[Test],
    copy: &Path,
    mutants: impl Iterator<Item = &'a Mutant>,
) -> io::Result<usize> {
    let (mut tried, mut survivors) = (0, Vec::new());
    for mutant in mutants {
        tried += 1;
        let mut noticed = false;
        for test in tests {
            if !test.passes(copy, mutant.number)? {
                noticed = true;
                break;
            }
        }
        if !noticed {
            println!("SURVIVED {mutant}");
            survivors.push(mutant);
        }
        if tried % 20 == 0 {
            println!("{tried} tried, {} survived", survivors.len());
        }
        io::stdout().flush()?;
    }
    println!(
        "{tried} mutants, {} noticed, {} survived",
        tried - survivors.len(),
        survivors.len()
    );
    Ok(survivors.len())
}

impl Test {
    /// Whether it passes with that mutant awake.
    fn passes(&self, copy: &Path, mutant: u32) -> io::Result<bool> {
        let mut child = Command::new(&self.program)
            .current_dir(copy.join("codec"))
            .arg("--quiet")
            .env("MUTANT", mutant.to_string())
            .env("PROPTEST_CASES", "16")
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(passed) = self.wait(&mut child)? {
            return Ok(passed);
        }
        child.kill()?;
        child.wait()?;
        Ok(false)
    }

    /// Whether it passed; `None` where it takes too long.
    fn wait(&self, child: &mut Child) -> io::Result<Option<bool>> {
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status.success()));
            }
            if start.elapsed() > self.patience {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
