//! What a production says when it is not satisfied.

use alloc::string::{String, ToString};

use nom::IResult;
use nom::error::{ErrorKind, ParseError};

use crate::code::Code;
use crate::size;

/// A production's complaint. The decoder adds the absolute offset and the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of complaint.
    pub code: Code,
    /// Bytes to blame, from the first that the production was given.
    pub length: u32,
    /// Which field of the part, or empty for the part itself.
    pub field: &'static str,
    /// What the specification asks for.
    pub expected: String,
    /// What the input has.
    pub found: String,
}

impl Fault {
    /// A complaint about the first `length` bytes.
    pub fn new(code: Code, length: u32, field: &'static str) -> Self {
        Fault {
            code,
            length,
            field,
            expected: String::new(),
            found: String::new(),
        }
    }

    /// A size that exceeds its limit.
    pub fn limit(length: u32, field: &'static str, limit: u64, found: u64) -> Self {
        Fault {
            expected: alloc::format!("at most {limit}"),
            found: found.to_string(),
            ..Fault::new(Code::LimitExceeded, length, field)
        }
    }
}

impl ParseError<&[u8]> for Fault {
    // Streaming primitives only ever ask for more; reaching this means a production is wrong.
    fn from_error_kind(_: &[u8], kind: ErrorKind) -> Self {
        Fault {
            found: kind.description().to_string(),
            ..Fault::new(Code::OutOfOrder, 0, "")
        }
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// The bytes that a field of `length` bytes asks for, as a size. Whatever the limits admit, no machine holds
/// more than it can address.
pub(super) fn size(field: &'static str, length: u32, bytes: u64) -> Result<usize, nom::Err<Fault>> {
    size::size(bytes).ok_or_else(|| {
        nom::Err::Failure(Fault {
            expected: alloc::format!(
                "at most {} bytes, which this machine can address",
                size::MOST
            ),
            found: alloc::format!("{bytes} bytes"),
            ..Fault::new(Code::LimitExceeded, length, field)
        })
    })
}

/// The result of a production: the rest of the input and what was recognised.
pub type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

/// Stops the parse for good.
pub(super) fn fail<T>(fault: Fault) -> Parsed<'static, T> {
    Err(nom::Err::Failure(fault))
}
