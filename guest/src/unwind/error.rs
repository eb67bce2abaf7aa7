//! What is wrong with unwind information.

use core::fmt;

/// Unwind information that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Byte within the descriptors (or, of a table, within the table).
    pub offset: usize,
    /// What should stand there.
    pub expected: &'static str,
    /// What does.
    pub found: String,
}

impl Error {
    pub(crate) fn new(offset: usize, expected: &'static str, found: impl Into<String>) -> Self {
        Error {
            offset,
            expected,
            found: found.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unwind information, byte {}: expected {}, found {}",
            self.offset, self.expected, self.found
        )
    }
}

impl std::error::Error for Error {}
