//! Another value for a single field of a file.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::digits::{number, unhex};
use crate::fields::{self, Selection};
use crate::file::SaveFile;
use crate::size::place;
use crate::wire::{Style, Value};

/// Bytes to be put in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The field.
    pub path: String,
    /// Where it is in the file.
    pub offset: u64,
    /// The bytes that it shall have: as many as it has.
    pub bytes: Vec<u8>,
}

/// Why there is no such patch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The file has no field of this path.
    Unknown(String),
    /// The path names several fields; the first of them, and how many.
    Several(String, usize),
    /// The field belongs to what is around the stream.
    Around(String),
    /// The value does not fit the field; what would.
    Value(String, String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unknown(path) => write!(f, "there is no {path}"),
            Refusal::Several(first, count) => {
                write!(f, "that is {count} fields, of which {first} is the first")
            }
            Refusal::Around(path) => {
                write!(
                    f,
                    "{path} is not in the stream: convert changes what is around it"
                )
            }
            Refusal::Value(path, wanted) => write!(f, "{path} takes {wanted}"),
        }
    }
}

impl core::error::Error for Refusal {}

/// The patch that gives the field at `path` a value.
///
/// Numbers are written in decimal or after `0x`, those of an array with commas between them; texts as
/// they are; bytes as pairs of hexadecimal digits.
///
/// # Errors
/// Where the file has no such field, or the value does not fit it.
pub fn patch(file: &SaveFile, path: &str, value: &str) -> Result<Patch, Refusal> {
    let mut found: Option<Result<Patch, Refusal>> = None;
    let mut first = None;
    let mut count = 0;
    fields::visit(file, &Selection::new(path), &mut |field| {
        count += 1;
        first.get_or_insert_with(|| field.path.to_string());
        if field.path == path && found.is_none() {
            let bytes = encoded(&field.value, field.style, place(field.size), value);
            found = Some(match bytes {
                Ok(bytes) => Ok(Patch {
                    path: path.into(),
                    offset: field.offset,
                    bytes,
                }),
                Err(wanted) => Err(Refusal::Value(path.into(), wanted)),
            });
        }
    });
    match (found, first) {
        (Some(_), _) if path.starts_with("envelope.") || path.starts_with("device_model.") => {
            Err(Refusal::Around(path.into()))
        }
        (Some(found), _) => found,
        (None, Some(first)) if !path.is_empty() => Err(Refusal::Several(first, count)),
        (None, _) => Err(Refusal::Unknown(path.into())),
    }
}

/// The bytes of a value, or what would be one.
fn encoded(old: &Value<'_>, style: Style, size: usize, text: &str) -> Result<Vec<u8>, String> {
    let bits = |width: usize| (width as u32 * 8).min(64);
    let unsigned = |width: usize, text: &str| {
        let most = u64::MAX >> (64 - bits(width));
        number(text.trim())
            .filter(|word| *word <= most)
            .map(|word| word.to_le_bytes()[..width].to_vec())
            .ok_or_else(|| format!("a number from 0 to {most:#x}"))
    };
    match old {
        Value::Unsigned(_) => unsigned(size, text),
        Value::Signed(_) => {
            let (least, most) = (i64::MIN >> (64 - bits(size)), i64::MAX >> (64 - bits(size)));
            let value = match text.strip_prefix('-') {
                Some(rest) => number(rest).and_then(|word| 0i64.checked_sub_unsigned(word)),
                None => number(text).and_then(|word| i64::try_from(word).ok()),
            };
            value
                .filter(|value| (least..=most).contains(value))
                .map(|value| value.to_le_bytes()[..size].to_vec())
                .ok_or_else(|| format!("a number from {least} to {most}"))
        }
        Value::Text(_) => {
            let mut bytes = text.as_bytes().to_vec();
            if bytes.len() > size {
                return Err(format!("at most {size} bytes"));
            }
            bytes.resize(size, 0);
            Ok(bytes)
        }
        Value::List(words) => {
            let given: Vec<&str> = text.split(',').collect();
            if given.len() != words.len() || words.is_empty() {
                return Err(format!("{} numbers with commas between them", words.len()));
            }
            let width = size / words.len();
            let bytes: Result<Vec<Vec<u8>>, String> =
                given.iter().map(|text| unsigned(width, text)).collect();
            Ok(bytes?.concat())
        }
        Value::Bytes(_) => unhex(text)
            .filter(|bytes| bytes.len() == size && matches!(style, Style::Bytes | Style::Pad))
            .ok_or_else(|| format!("{size} bytes as pairs of hexadecimal digits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn of(old: &Value<'_>, size: usize, text: &str) -> Option<Vec<u8>> {
        encoded(old, Style::Bytes, size, text).ok()
    }

    #[test]
    fn values_take_the_bytes_of_their_field() {
        let word = Value::Unsigned(0);
        assert_eq!(of(&word, 2, "0x102"), Some(vec![2, 1]));
        assert_eq!(of(&word, 8, "1"), Some(vec![1, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!((of(&word, 1, "256"), of(&word, 1, "-1")), (None, None));
        let signed = Value::Signed(0);
        assert_eq!(of(&signed, 4, "-2"), Some(vec![0xfe, 0xff, 0xff, 0xff]));
        assert_eq!(
            (of(&signed, 1, "-128"), of(&signed, 1, "128")),
            (Some(vec![0x80]), None)
        );
        let list = Value::List(vec![0, 0]);
        assert_eq!(of(&list, 4, "1, 0x203"), Some(vec![1, 0, 3, 2]));
        assert_eq!((of(&list, 4, "1"), of(&list, 4, "1,2,3")), (None, None));
        assert_eq!(
            of(&Value::Text("".into()), 4, "xen"),
            Some(b"xen\0".to_vec())
        );
        assert_eq!(of(&Value::Bytes(&[]), 2, "c0 de"), Some(vec![0xc0, 0xde]));
        assert_eq!(of(&Value::Bytes(&[]), 2, "c0"), None);
    }
}
