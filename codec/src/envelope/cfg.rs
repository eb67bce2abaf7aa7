//! The settings in which xl wrote a configuration (spec 13.2): `key = value`, one a line.

use alloc::borrow::Cow;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::combinator::{map, opt, recognize};
use nom::error::context;
use nom::sequence::pair;

use super::syntax::{Parsed, SyntaxError, quoted};

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CfgValue<'a> {
    /// A number, or a string without its quotes.
    Scalar(Cow<'a, [u8]>),
    /// A list of so many items.
    List(usize),
}

/// The settings of a text, in order. It ends after the first fault.
///
/// ```
/// use ia64save_codec::envelope::{CfgSettings, CfgValue};
/// let settings: Vec<_> = CfgSettings::new(b"vcpus = 2 # two\nvif = ['', '']\n")
///     .collect::<Result<_, _>>()
///     .unwrap();
/// assert_eq!(settings[0].0, "vcpus");
/// assert_eq!(settings[1].1, CfgValue::List(2));
/// ```
#[derive(Clone, Debug)]
pub struct CfgSettings<'a> {
    text: &'a [u8],
    rest: &'a [u8],
}

impl<'a> CfgSettings<'a> {
    /// The settings of this text.
    pub fn new(text: &'a [u8]) -> Self {
        CfgSettings { text, rest: text }
    }
}

impl<'a> Iterator for CfgSettings<'a> {
    type Item = Result<(&'a str, CfgValue<'a>), SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = skip(self.rest, |byte| {
            is_blank(byte) || matches!(byte, b'\n' | b';')
        });
        self.rest = b"";
        if rest.is_empty() {
            return None;
        }
        Some(match setting(rest) {
            Ok((rest, setting)) => {
                self.rest = rest;
                Ok(setting)
            }
            Err(error) => Err(SyntaxError::of(self.text, &error)),
        })
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0)
}

/// The text after comments and what else `blank` says.
fn skip(mut rest: &[u8], blank: impl Fn(u8) -> bool) -> &[u8] {
    loop {
        match rest.first() {
            Some(&byte) if blank(byte) => rest = &rest[1..],
            Some(b'#') => {
                let line = rest.iter().take_while(|&&byte| byte != b'\n').count();
                rest = &rest[line..];
            }
            _ => return rest,
        }
    }
}

fn setting(input: &[u8]) -> Parsed<'_, (&str, CfgValue<'_>)> {
    let first = take_while1(|byte: u8| byte.is_ascii_alphabetic() || byte == b'_');
    let others = take_while(|byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let (rest, key) = context("a key", recognize(pair(first, others))).parse(input)?;
    let rest = skip(rest, is_blank);
    let equals = recognize(pair(opt(tag("+")), tag("=")));
    let (rest, _) = context("'='", equals).parse(rest)?;
    let (rest, value) = match skip(rest, is_blank) {
        [b'[', inner @ ..] => list(inner)?,
        rest => map(scalar, CfgValue::Scalar).parse(rest)?,
    };
    let rest = skip(rest, is_blank);
    if !matches!(rest.first(), None | Some(b'\n' | b';')) {
        context("the end of the line", tag("\n")).parse(rest)?;
    }
    // A key is ASCII, so nothing is lost.
    Ok((rest, (core::str::from_utf8(key).unwrap_or_default(), value)))
}

fn scalar(input: &[u8]) -> Parsed<'_, Cow<'_, [u8]>> {
    let bare = take_while1(|byte: u8| byte.is_ascii_alphanumeric() || b"_-.:+".contains(&byte));
    alt((
        quoted,
        map(context("a value", bare), |word: &[u8]| Cow::Borrowed(word)),
    ))
    .parse(input)
}

/// What follows an opening bracket. Lists in lists are counted as one item each, without recursion.
fn list(mut rest: &[u8]) -> Parsed<'_, CfgValue<'_>> {
    let mut depth = 1u32;
    let mut items = 0;
    loop {
        rest = skip(rest, |byte| is_blank(byte) || matches!(byte, b'\n' | b','));
        let counts = depth == 1;
        match rest.first() {
            Some(b']') => {
                rest = &rest[1..];
                depth -= 1;
                if depth == 0 {
                    return Ok((rest, CfgValue::List(items)));
                }
                continue;
            }
            Some(b'[') => {
                rest = &rest[1..];
                depth += 1;
            }
            _ => rest = context("an item or ']'", scalar).parse(rest)?.0,
        }
        items += usize::from(counts);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Vec<(&str, CfgValue<'_>)> {
        CfgSettings::new(text).collect::<Result<_, _>>().unwrap()
    }

    fn scalar_of(text: &str) -> CfgValue<'_> {
        CfgValue::Scalar(Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn comments_blank_lines_and_semicolons_separate() {
        let text = b"# made by hand\n\nname='a # b' ; vcpus=0x2\r\nmemory = 256 # MiB\n\0";
        let expected = [
            ("name", scalar_of("a # b")),
            ("vcpus", scalar_of("0x2")),
            ("memory", scalar_of("256")),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_list_may_take_several_lines() {
        let text = b"disk = [ 'a,b,w', # the first\n  \"c\",\n  [ 1, [2] ], ]\nvif = []";
        let expected = [("disk", CfgValue::List(3)), ("vif", CfgValue::List(0))];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_fault_ends_the_settings() {
        for (text, offset, expected) in [
            (&b"a = 1\n= 2\nb = 3"[..], 6, "a key"),
            (b"a 1", 2, "'='"),
            (b"a = \n", 4, "a value"),
            (b"a = 1 2", 6, "the end of the line"),
            (b"a = ['b'", 8, "an item or ']'"),
            (b"a = 'b", 6, "a closing quote"),
        ] {
            let results: Vec<_> = CfgSettings::new(text).collect();
            let error = results.last().unwrap().as_ref().unwrap_err();
            assert_eq!((error.offset, error.expected), (offset, expected));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[a=\\[\\]'#1,;\\n\\\\ ]{0,60}") {
            let count = CfgSettings::new(text.as_bytes()).count();
            prop_assert!(count <= text.len());
        }
    }
}
