//! Words that a number of JSON would not hold.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A word of up to 64 bits whose value the input decides, as `0x…`: an address, a register, a pfn, a size
/// that an image declares. jq, browsers and many others round numbers above 2^53; counts of what is there
/// stay numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex(pub u64);

impl From<u64> for Hex {
    fn from(word: u64) -> Self {
        Hex(word)
    }
}

impl From<u32> for Hex {
    fn from(word: u32) -> Self {
        Hex(word.into())
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Hex {
    fn inline_schema() -> bool {
        false
    }

    fn schema_name() -> Cow<'static, str> {
        "Hex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a word of up to 64 bits, in hexadecimal digits",
            "type": "string",
            "pattern": "^0x(0|[1-9a-f][0-9a-f]{0,15})$",
        })
    }
}

/// Bytes as pairs of hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digits(pub String);

impl Digits {
    /// Two digits a byte.
    pub fn of(bytes: &[u8]) -> Self {
        Digits(digits(bytes))
    }
}

/// Bytes as pairs of hexadecimal digits.
pub fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for Digits {
    fn schema_name() -> Cow<'static, str> {
        "Digits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "bytes as pairs of hexadecimal digits",
            "type": "string",
            "pattern": "^([0-9a-f]{2})*$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_text_whatever_its_size() {
        for (word, text) in [(0, "\"0x0\""), (1 << 53, "\"0x20000000000000\""), (u64::MAX, "\"0xffffffffffffffff\"")] {
            assert_eq!(serde_json::to_string(&Hex(word)).unwrap(), text);
        }
        assert_eq!(Digits::of(&[0, 0xab]).0, "00ab");
    }
}
