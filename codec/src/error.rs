//! The one error of this crate: where, in which part, what was expected and what was there.

use alloc::string::String;
use core::fmt;

use crate::code::{Code, Severity};

/// Where a stream stops being one, or what a rule found in it.
///
/// The same shape serves the decoder, which stops at the first, and `check`, which goes on.
///
/// ```
/// use ia64save_codec::{Code, Error};
/// let error = Error::new(Code::VersionUnknown, 8, "version")
///     .expected("1, 2 or 3")
///     .found("7");
/// assert_eq!(
///     error.to_string(),
///     "version-unknown at byte 8 (version): the version word is not 1, 2 or 3: expected 1, 2 or 3, \
///      found 7 [spec 3.2]"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of complaint; its name is stable.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// Byte offset in the file or stream, absolute.
    pub offset: u64,
    /// Bytes at `offset` that are to blame; 0 where the fault is that nothing is there.
    pub length: u32,
    /// The part of the stream, spelt as in `dump`: `vcpu[3].regs.cfm`.
    pub path: String,
    /// What the specification asks for.
    pub expected: String,
    /// What the input has.
    pub found: String,
}

/// A finding of a check has the shape of an error.
pub type Finding = Error;

impl Error {
    /// A complaint of the usual severity of its code.
    pub fn new(code: Code, offset: u64, path: impl Into<String>) -> Self {
        Error {
            code,
            severity: code.severity(),
            offset,
            length: 0,
            path: path.into(),
            expected: String::new(),
            found: String::new(),
        }
    }

    /// Says what the specification asks for.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Says what the input has.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = found.into();
        self
    }

    /// Marks the bytes that are to blame.
    #[must_use]
    pub fn length(mut self, length: u32) -> Self {
        self.length = length;
        self
    }

    /// Makes it matter more or less than usual.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The clause of `spec/ia64-save.md` that the input breaks.
    pub fn clause(&self) -> &'static str {
        self.code.clause()
    }

    /// What is wrong, in half a sentence.
    pub fn message(&self) -> &'static str {
        self.code.title()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at byte {} ({}): {}",
            self.code,
            self.offset,
            self.path,
            self.message()
        )?;
        match (self.expected.is_empty(), self.found.is_empty()) {
            (false, false) => write!(f, ": expected {}, found {}", self.expected, self.found)?,
            (false, true) => write!(f, ": expected {}", self.expected)?,
            (true, false) => write!(f, ": found {}", self.found)?,
            (true, true) => {}
        }
        write!(f, " [spec {}]", self.clause())
    }
}

impl core::error::Error for Error {}
