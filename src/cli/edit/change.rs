//! What one edit changes, as people and scripts read it: the way `dump` shows the field.

use bytes::Bytes;
use ia64save::Loaded;
use ia64save::document::fields::FieldValue;
use ia64save::document::rewritten::EditedField;
use ia64save::document::word::Digits;
use ia64save_codec::edit::Patch;
use ia64save_codec::fields::{self, Selection};
use ia64save_codec::wire::{Style, Value};

/// Bytes of a longer value that are shown.
const SHOWN: usize = 8;

/// What the bytes of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A count or an ordinal.
    Decimal,
    /// A register, an address or a set of bits.
    Hex,
    /// A number that may be below zero.
    Signed,
    /// Characters up to the first NUL.
    Text,
    /// An array of numbers of so many bytes, in decimal if it says so.
    List(usize, bool),
    /// Anything else.
    Bytes,
}

/// A field that takes another value.
pub struct Change<'a> {
    /// The new bytes.
    pub patch: &'a Patch,
    old: Bytes,
    form: Form,
}

impl<'a> Change<'a> {
    /// What `patch` does to what was loaded.
    pub fn new(loaded: &Loaded, patch: &'a Patch) -> Self {
        let data = loaded.data();
        let start = (patch.offset as usize).min(data.len());
        let end = (start + patch.bytes.len()).min(data.len());
        let mut form = Form::Bytes;
        fields::visit(&loaded.file, &Selection::new(&patch.path), &mut |field| {
            if field.path == patch.path && field.offset == patch.offset {
                form = form_of(&field.value, field.style, field.size as usize);
            }
        });
        Change {
            patch,
            old: data.slice(start..end),
            form,
        }
    }

    /// `was -> is`.
    pub fn text(&self) -> String {
        let (old, new) = (&self.old[..], &self.patch.bytes[..]);
        let whole = |shown: &dyn Fn(&[u8]) -> String| format!("{} -> {}", shown(old), shown(new));
        match self.form {
            Form::Decimal => whole(&|bytes| number(bytes).to_string()),
            Form::Hex => whole(&|bytes| format!("{:#x}", number(bytes))),
            Form::Signed => whole(&|bytes| signed(bytes).to_string()),
            Form::Text => whole(&|bytes| format!("{:?}", characters(bytes))),
            Form::List(..) | Form::Bytes if new.len() <= SHOWN => whole(&spaced),
            Form::List(..) | Form::Bytes => excerpt(old, new),
        }
    }

    /// For scripts.
    pub fn document(&self) -> EditedField {
        EditedField {
            path: self.patch.path.clone(),
            offset: self.patch.offset,
            size: self.patch.bytes.len(),
            was: self.value(&self.old),
            is: self.value(&self.patch.bytes),
        }
    }

    /// As `dump` has it.
    fn value(&self, bytes: &[u8]) -> FieldValue {
        let size = bytes.len() as u64;
        match self.form {
            Form::Decimal => FieldValue::word(number(bytes), size, false),
            Form::Hex => FieldValue::word(number(bytes), size, true),
            Form::Signed => FieldValue::Signed(signed(bytes)),
            Form::Text => FieldValue::Text(characters(bytes)),
            Form::List(width, decimal) => {
                let words: Vec<u64> = bytes.chunks(width).map(number).collect();
                FieldValue::words(&words, size, !decimal)
            }
            Form::Bytes => FieldValue::Bytes(Digits::of(bytes)),
        }
    }
}

fn form_of(value: &Value<'_>, style: Style, size: usize) -> Form {
    let decimal = style != Style::Hex;
    match value {
        Value::Unsigned(_) if decimal => Form::Decimal,
        Value::Unsigned(_) => Form::Hex,
        Value::Signed(_) => Form::Signed,
        Value::Text(_) => Form::Text,
        Value::List(words) if !words.is_empty() => Form::List(size / words.len(), decimal),
        Value::List(_) | Value::Bytes(_) => Form::Bytes,
    }
}

/// A little-endian number of up to 8 bytes.
fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The same with a sign.
fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - (bytes.len() as u32 * 8).clamp(8, 64);
    (number(bytes) << unused) as i64 >> unused
}

fn characters(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

fn spaced(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

/// The first bytes of a long value; where they are the same, the first that are not.
fn excerpt(old: &[u8], new: &[u8]) -> String {
    let differs = old.iter().zip(new).position(|(old, new)| old != new);
    let begin = differs.unwrap_or(0) / SHOWN * SHOWN;
    let part = |bytes: &[u8]| {
        let end = bytes.len().min(begin + SHOWN);
        let dots = if end < bytes.len() { " …" } else { "" };
        format!("{}{dots}", spaced(&bytes[begin.min(end)..end]))
    };
    let place = match begin {
        0 => String::new(),
        begin => format!(", from its byte {begin} on"),
    };
    format!(
        "{} -> {} ({} bytes{place})",
        part(old),
        part(new),
        new.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change<'a>(form: Form, old: &'static [u8], patch: &'a mut Patch, new: &[u8]) -> Change<'a> {
        patch.bytes = new.to_vec();
        Change {
            patch,
            old: Bytes::from_static(old),
            form,
        }
    }

    #[test]
    fn values_are_shown_as_dump_shows_them() {
        let mut patch = Patch {
            path: "a.b".into(),
            offset: 7,
            bytes: Vec::new(),
        };
        let long: &[u8; 20] = b"01234567890123456789";
        let mut late = *long;
        late[17] = b'x';
        let cases: [(Form, &'static [u8], &[u8], &str); 8] = [
            (Form::Decimal, &[0, 1], &[16, 0], "256 -> 16"),
            (Form::Hex, &[0, 1], &[16, 0], "0x100 -> 0x10"),
            (Form::Signed, &[0xfe, 0xff], &[1, 0], "-2 -> 1"),
            (Form::Text, b"xen\0\0", b"a\0\0\0\0", "\"xen\" -> \"a\""),
            (Form::List(1, true), &[1, 2], &[3, 4], "01 02 -> 03 04"),
            (Form::Bytes, &[0xc0, 0xde], &[0, 1], "c0 de -> 00 01"),
            (
                Form::Bytes,
                long,
                &[0; 20],
                "30 31 32 33 34 35 36 37 … -> 00 00 00 00 00 00 00 00 … (20 bytes)",
            ),
            (
                Form::List(4, true),
                long,
                &late,
                "36 37 38 39 -> 36 78 38 39 (20 bytes, from its byte 16 on)",
            ),
        ];
        for (form, old, new, text) in cases {
            assert_eq!(change(form, old, &mut patch, new).text(), text);
        }
        let list = change(
            Form::List(2, false),
            &[1, 0, 2, 0],
            &mut patch,
            &[3, 0, 4, 1],
        );
        assert_eq!(
            serde_json::to_string(&list.document()).unwrap(),
            r#"{"path":"a.b","offset":7,"size":4,"was":["0x1","0x2"],"is":["0x3","0x104"]}"#
        );
    }
}
