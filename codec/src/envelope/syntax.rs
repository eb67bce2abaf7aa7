//! What both configuration languages share: strings, and errors that know where they are.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_till, take_while_m_n};
use nom::combinator::{cut, map, map_opt, value};
use nom::error::{ContextError, ErrorKind, FromExternalError, ParseError, context};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::code::Code;
use crate::error::Error;

/// Where a configuration text breaks its grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Offset within the text.
    pub offset: usize,
    /// What belongs there.
    pub expected: &'static str,
    /// What is there.
    pub found: String,
}

impl SyntaxError {
    pub(super) fn new(text: &[u8], rest: &[u8], expected: &'static str) -> Self {
        SyntaxError {
            offset: text.len() - rest.len(),
            expected,
            found: match rest.first() {
                Some(byte) => format!("'{}'", byte.escape_ascii()),
                None => String::from("the end of the text"),
            },
        }
    }

    pub(super) fn of(text: &[u8], error: &nom::Err<Fault<'_>>) -> Self {
        match error {
            nom::Err::Error(fault) | nom::Err::Failure(fault) => {
                SyntaxError::new(text, fault.rest, fault.expected)
            }
            // Only complete parsers are used here.
            nom::Err::Incomplete(_) => SyntaxError::new(text, &[], "more text"),
        }
    }

    /// The warning about a configuration that begins at `offset` of the input.
    pub fn to_finding(&self, offset: u64) -> Error {
        Error::new(
            Code::EnvelopeConfigSyntax,
            offset.saturating_add(self.offset as u64),
            "envelope.config",
        )
        .length(1)
        .expected(self.expected)
        .found(self.found.as_str())
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {} at byte {} of the configuration, found {}",
            self.expected, self.offset, self.found
        )
    }
}

impl core::error::Error for SyntaxError {}

/// An error of the grammar: the text that is left, and what should begin it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault<'a> {
    rest: &'a [u8],
    expected: &'static str,
}

impl<'a> ParseError<&'a [u8]> for Fault<'a> {
    fn from_error_kind(rest: &'a [u8], _: ErrorKind) -> Self {
        Fault {
            rest,
            expected: "something else",
        }
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl<'a> ContextError<&'a [u8]> for Fault<'a> {
    fn add_context(_: &'a [u8], expected: &'static str, other: Self) -> Self {
        Fault { expected, ..other }
    }
}

impl<'a, E> FromExternalError<&'a [u8], E> for Fault<'a> {
    fn from_external_error(rest: &'a [u8], kind: ErrorKind, _: E) -> Self {
        Fault::from_error_kind(rest, kind)
    }
}

pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Fault<'a>>;

/// A string in quotes of either kind. It borrows unless there is an escape in it. Once it is open,
/// its faults are final.
pub(super) fn quoted(input: &[u8]) -> Parsed<'_, Cow<'_, [u8]>> {
    let (rest, mark) = alt((tag("'"), tag("\""))).parse(input)?;
    let mark = mark[0];
    let plain = |rest| take_till::<_, &[u8], Fault<'_>>(|byte| byte == mark || byte == b'\\')(rest);
    let (mut rest, run) = plain(rest)?;
    if rest.first() == Some(&mark) {
        return Ok((&rest[1..], Cow::Borrowed(run)));
    }
    let mut whole = Vec::from(run);
    while rest.first() == Some(&b'\\') {
        let (after, byte) =
            cut(context("an escaped character", preceded(tag("\\"), escape))).parse(rest)?;
        let (after, run) = plain(after)?;
        whole.push(byte);
        whole.extend_from_slice(run);
        rest = after;
    }
    let (rest, _) = cut(context("a closing quote", take(1usize))).parse(rest)?;
    Ok((rest, Cow::Owned(whole)))
}

/// What follows a backslash. A character without a meaning of its own stands for itself.
fn escape(input: &[u8]) -> Parsed<'_, u8> {
    let hex = take_while_m_n(2, 2, |byte: u8| byte.is_ascii_hexdigit());
    let octal = take_while_m_n(1, 3, |byte: u8| matches!(byte, b'0'..=b'7'));
    alt((
        map_opt(preceded(tag("x"), hex), |digits| number(digits, 16)),
        map_opt(octal, |digits| number(digits, 8)),
        value(0x07, tag("a")),
        value(0x08, tag("b")),
        value(b'\t', tag("t")),
        value(b'\n', tag("n")),
        value(0x0b, tag("v")),
        value(0x0c, tag("f")),
        value(b'\r', tag("r")),
        map(take(1usize), |byte: &[u8]| byte[0]),
    ))
    .parse(input)
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    u8::from_str_radix(core::str::from_utf8(digits).ok()?, radix).ok()
}

/// A string in single quotes that [`quoted`] reads back.
pub(super) fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'\'');
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..=31 | 127 => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        let (rest, string) = quoted(b"'a \"b\" c' d").unwrap();
        assert!(matches!(string, Cow::Borrowed(b"a \"b\" c")));
        assert_eq!(rest, b" d");
    }

    #[test]
    fn escapes_are_those_of_python() {
        let (_, string) = quoted(br#""\t\x41\101\"\'\q\\""#).unwrap();
        assert_eq!(&*string, b"\tAA\"'q\\");
    }

    #[test]
    fn a_string_without_an_end_says_so() {
        for text in [&b"'abc"[..], b"'abc\\n", b"\"abc'"] {
            let error = SyntaxError::of(text, &quoted(text).unwrap_err());
            assert_eq!(
                (error.offset, error.expected),
                (text.len(), "a closing quote")
            );
        }
        let error = SyntaxError::of(b"'\\", &quoted(b"'\\").unwrap_err());
        assert_eq!((error.offset, error.expected), (2, "an escaped character"));
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut text = Vec::new();
            quote(&bytes, &mut text);
            let (rest, read) = quoted(&text).unwrap();
            prop_assert_eq!((&*read, rest), (&*bytes, &b""[..]));
        }
    }
}
