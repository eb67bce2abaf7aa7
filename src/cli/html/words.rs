//! Numbers and texts as the page writes them.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::cli::render::size::{grouped, human};

/// Text within an element or an attribute.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// What a file is called, without the folders that it is in.
pub(super) fn base_name(name: &str) -> &str {
    let base = Path::new(name).file_name().and_then(|base| base.to_str());
    base.unwrap_or(name)
}

/// A document within the page's data.
pub(super) fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).unwrap_or_default()
}

/// A number, or a word that is a text of hexadecimal digits.
pub(super) fn word_of(value: &Value) -> Option<u64> {
    let word = || u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok();
    value.as_u64().or_else(word)
}

/// A number with its digits in groups.
pub(super) fn count(number: u64) -> String {
    grouped(number).replace(' ', "\u{202f}")
}

pub(super) fn plural(number: u64, what: &str) -> String {
    format!(
        "{} {what}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

pub(super) fn bytes(number: u64) -> String {
    human(number).replace(' ', "\u{a0}")
}

pub(super) fn texts(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// A line of a list: a name, and what it is.
pub(super) fn row(out: &mut String, name: &str, value: &str) {
    let _ = write!(
        out,
        "<dt>{name}</dt><dd><span class=\"mono\">{}</span></dd>",
        escaped(value)
    );
}
