//! The content of a field, decoded for a person.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::layout::{Kind, Style};

/// One leaf field of raw bytes, as [`Layout::walk`](super::Layout::walk) shows it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The path from the outermost structure: `regs.tr.itrs[0].pte`.
    pub path: &'a str,
    /// Bytes from the start of the outermost structure.
    pub offset: usize,
    /// Bytes of all elements.
    pub size: usize,
    /// Type of one element; never [`Kind::Struct`].
    pub kind: Kind,
    /// Elements; an array of scalars is one entry.
    pub count: usize,
    /// How a person reads it.
    pub style: Style,
    /// What it is for, in plain words.
    pub meaning: &'static str,
    /// The bytes of the field.
    pub bytes: &'a [u8],
}

/// The decoded content of an [`Entry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// One unsigned number.
    Unsigned(u64),
    /// One signed number.
    Signed(i64),
    /// An array of unsigned numbers. (No structure has an array of signed ones.)
    List(Vec<u64>),
    /// Text up to the first NUL; bytes that are no UTF-8 are replaced.
    Text(Cow<'a, str>),
    /// Bytes as they stand.
    Bytes(&'a [u8]),
}

impl<'a> Entry<'a> {
    /// Decodes the bytes.
    pub fn value(&self) -> Value<'a> {
        match (self.style, self.kind, self.count) {
            (Style::Bytes | Style::Pad, ..) => Value::Bytes(self.bytes),
            (Style::Text, ..) => {
                let text = self.bytes.split(|&byte| byte == 0).next().unwrap_or(&[]);
                Value::Text(String::from_utf8_lossy(text))
            }
            (_, Kind::I8 | Kind::I32, 1) => Value::Signed(signed(self.bytes)),
            (.., 1) => Value::Unsigned(unsigned(self.bytes)),
            _ => Value::List(self.bytes.chunks(self.kind.size()).map(unsigned).collect()),
        }
    }
}

/// A little-endian number of up to 8 bytes.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// A little-endian number in two's complement of 1 to 8 bytes.
fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len() as u32;
    (unsigned(bytes) << unused) as i64 >> unused
}
