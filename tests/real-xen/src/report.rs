//! What a test is, and how it is told: one line each.

use std::fmt;

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
}

impl Report {
    /// Nothing has run.
    pub fn new(words: Vec<String>) -> Self {
        Report {
            words,
            passed: 0,
            failed: 0,
        }
    }

    /// Whether a test of that name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// Runs one and prints its line.
    pub fn run(&mut self, name: &str, test: impl FnOnce() -> Outcome) {
        if !self.wants(name) {
            return;
        }
        match test() {
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

    /// The last line; whether all is well. No test at all is not.
    pub fn end(&self) -> bool {
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.passed > 0
    }
}
