//! `dump`: every field.

use ia64save_codec::fields::Field;
use ia64save_codec::wire::{Style, Value};
use schemars::JsonSchema;
use serde::Serialize;

use super::keyed::Keyed;
use super::name::DumpName;
use super::word::{Digits, Hex};

/// Bytes of a word that a number of JSON may not hold.
const WIDE: u64 = 8;

/// Every field, or those that were asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Dump {
    /// What stands in front of the fields.
    #[serde(flatten)]
    pub head: DumpHead,
    /// In the order of the file.
    pub fields: Vec<FieldDocument>,
}

/// What stands in front of the fields.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DumpHead {
    /// Name and version of this document.
    pub schema: DumpName,
    /// As it was named.
    pub file: String,
    /// Name of the dialect; `null` where several remain.
    pub dialect: Option<&'static str>,
}

/// A field.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FieldDocument {
    /// Which it is.
    pub path: String,
    /// Of its first byte.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// What is in it.
    pub value: FieldValue,
    /// What it means.
    pub meaning: String,
    /// In which of several forms the era has it.
    pub form: Option<String>,
    /// What its bits mean, where it is a set of bits; a list for a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<Bits>,
}

/// What is in a field. Words of 8 bytes, and what is read in hexadecimal, are texts of digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FieldValue {
    /// A word that is wide, or read in hexadecimal.
    Word(Hex),
    /// A narrow number.
    Number(u32),
    /// A number that may be negative.
    Signed(i64),
    /// Characters.
    Text(String),
    /// Wide words.
    Words(Vec<Hex>),
    /// Narrow numbers.
    Numbers(Vec<u32>),
    /// Bytes.
    Bytes(Digits),
}

/// What the bits of a register mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Bits {
    /// Of one register, by name.
    One(Keyed<BitValue>),
    /// Of several.
    Several(Vec<Keyed<BitValue>>),
}

/// What is in a field of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum BitValue {
    /// Up to 32 bits.
    Number(u32),
    /// More of them.
    Word(Hex),
}

impl FieldValue {
    /// What a field holds, by the width of its words and how they are read.
    pub fn of(field: &Field<'_>) -> Self {
        let hex = field.style == Style::Hex;
        match &field.value {
            Value::Unsigned(word) => FieldValue::word(*word, field.size, hex),
            Value::Signed(number) => FieldValue::Signed(*number),
            Value::Text(text) => FieldValue::Text(text.to_string()),
            Value::List(words) => FieldValue::words(words, field.size, hex),
            Value::Bytes(bytes) => FieldValue::Bytes(Digits::of(bytes)),
        }
    }

    /// A word of so many bytes, read in hexadecimal or not.
    pub fn word(word: u64, size: u64, hex: bool) -> Self {
        match u32::try_from(word) {
            Ok(number) if !hex && size < WIDE => FieldValue::Number(number),
            _ => FieldValue::Word(Hex(word)),
        }
    }

    /// Words that have so many bytes together.
    pub fn words(words: &[u64], size: u64, hex: bool) -> Self {
        let wide = hex || !words.is_empty() && size >= WIDE.saturating_mul(words.len() as u64);
        let numbers = words.iter().map(|word| u32::try_from(*word).ok());
        match numbers.collect() {
            Some(numbers) if !wide => FieldValue::Numbers(numbers),
            _ => FieldValue::Words(words.iter().copied().map(Hex).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_words_are_texts_however_small_they_are() {
        assert_eq!(FieldValue::word(1, 8, false), FieldValue::Word(Hex(1)));
        assert_eq!(FieldValue::word(1, 4, false), FieldValue::Number(1));
        assert_eq!(FieldValue::word(1, 4, true), FieldValue::Word(Hex(1)));
        assert_eq!(FieldValue::words(&[1, 2], 16, false), FieldValue::Words(vec![Hex(1), Hex(2)]));
        assert_eq!(FieldValue::words(&[1, 2], 8, false), FieldValue::Numbers(vec![1, 2]));
        assert_eq!(FieldValue::words(&[], 0, false), FieldValue::Numbers(vec![]));
    }
}
