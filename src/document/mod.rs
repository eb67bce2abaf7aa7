//! JSON: values that every command shares.
//!
//! Offsets, counts, sizes and pfns are numbers; addresses, registers and bit fields are `"0x…"`.

mod finding;
mod info;
mod saved;

use std::fmt::Write as _;

use serde_json::Value;

pub use finding::{Verdicts, finding};
pub use info::{eras, info};
pub use saved::{joined, saved};

/// An address, a register or a bit field.
pub fn hex(word: u64) -> Value {
    Value::String(format!("{word:#x}"))
}

/// Bytes as pairs of hexadecimal digits.
pub fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
