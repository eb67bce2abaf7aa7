//! What a test is, and how it is told: one line each.

use std::fmt;
use std::time::{Duration, Instant};

use ia64save_codec::transfer::ports::{Errno, PortError};

use crate::x86::{Refused, Xen};

/// Why a test failed.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Failure(refused.to_string())
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Failure(error.to_string())
    }
}

/// How a test went.
pub type Outcome = Result<(), Failure>;

/// A test by its name.
pub type Test = (&'static str, fn(&mut Xen<'_>) -> Outcome);

/// Fails unless the two are equal.
#[allow(clippy::needless_pass_by_value)] // callers compare values that they have just made
pub fn equal<T: PartialEq + fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(Failure(format!(
            "{what}: expected {expected:?}, found {found:?}"
        )))
    }
}

/// Fails unless it holds.
pub fn holds(what: &str, holds: bool) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(Failure(format!("not so: {what}")))
    }
}

/// Fails unless the call is refused, and with this error.
pub fn refused<T: fmt::Debug>(what: &str, result: Result<T, Refused>, with: Errno) -> Outcome {
    match result {
        Err(refused) if refused.errno == with => Ok(()),
        Err(refused) => Err(Failure(format!("{what}: expected {with}, found {refused}"))),
        Ok(value) => Err(Failure(format!("{what}: expected {with}, found {value:?}"))),
    }
}

/// Runs the tests whose names have one of the words in them, all where there are no words.
pub struct Report {
    words: Vec<String>,
    passed: usize,
    failed: usize,
    /// How long each took.
    times: Vec<(Duration, String)>,
}

impl Report {
    /// Nothing has run.
    pub fn new(words: Vec<String>) -> Self {
        Report {
            words,
            passed: 0,
            failed: 0,
            times: Vec::new(),
        }
    }

    /// Whether a test of that name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// Runs one and prints its line.
    pub fn run(&mut self, name: &str, test: impl FnOnce() -> Outcome) {
        if self.wants(name) {
            let began = Instant::now();
            let outcome = test();
            self.times.push((began.elapsed(), name.into()));
            self.tell(name, outcome);
        }
    }

    /// Counts a test that has run, and prints its line.
    pub fn tell(&mut self, name: &str, outcome: Outcome) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("ok {name}");
            }
            Err(failure) => {
                self.failed += 1;
                println!("FAILED {name}: {failure}");
            }
        }
    }

    /// The last line, and the exit code: 0 all is well, 1 it is not, 4 no test was chosen.
    pub fn end(mut self) -> u8 {
        self.times.sort_by(|a, b| b.cmp(a));
        for (time, name) in self.times.iter().take(5) {
            println!("{:.1} s for {name}", time.as_secs_f64());
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        match (self.passed, self.failed) {
            (0, 0) => 4,
            (_, 0) => 0,
            _ => 1,
        }
    }
}
