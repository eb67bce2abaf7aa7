//! What a production says when it is not satisfied.

use alloc::string::{String, ToString};

use nom::IResult;
use nom::error::{ErrorKind, ParseError};

use crate::code::Code;

/// A production's complaint. The decoder adds the absolute offset and the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of complaint.
    pub code: Code,
    /// Bytes of the production's input before the ones to blame.
    pub at: usize,
    /// Bytes to blame.
    pub length: u32,
    /// Which field of the part, or empty for the part itself.
    pub field: &'static str,
    /// What the specification asks for.
    pub expected: String,
    /// What the input has.
    pub found: String,
}

impl Fault {
    /// A complaint about `length` bytes, `at` bytes into the production.
    pub fn new(code: Code, at: usize, length: u32, field: &'static str) -> Self {
        Fault {
            code,
            at,
            length,
            field,
            expected: String::new(),
            found: String::new(),
        }
    }

    /// A size that exceeds its limit.
    pub fn limit(at: usize, length: u32, field: &'static str, limit: u64, found: u64) -> Self {
        Fault {
            expected: alloc::format!("at most {limit}"),
            found: found.to_string(),
            ..Fault::new(Code::LimitExceeded, at, length, field)
        }
    }
}

impl ParseError<&[u8]> for Fault {
    // Streaming primitives only ever ask for more; reaching this means a production is wrong.
    fn from_error_kind(_: &[u8], kind: ErrorKind) -> Self {
        Fault {
            found: kind.description().to_string(),
            ..Fault::new(Code::OutOfOrder, 0, 0, "")
        }
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// The result of a production: the rest of the input and what was recognised.
pub type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

/// Stops the parse for good.
pub(super) fn fail<T>(fault: Fault) -> Parsed<'static, T> {
    Err(nom::Err::Failure(fault))
}
