//! What is wrong.

use std::fmt::Write as _;

use ia64save::catalogue;
use ia64save_codec::Severity;
use serde_json::Value;

use super::words::{count, escaped, plural, row, text};

/// Where the clauses of the specification can be read.
const SPEC: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/spec/ia64-save.md");

/// Severities, the worst first.
const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Note];

pub(super) fn findings(out: &mut String, data: &Value) {
    let none = Vec::new();
    let all = data["findings"].as_array().unwrap_or(&none);
    out.push_str("<h2 id=\"findings\">Findings</h2>\n");
    if all.is_empty() {
        out.push_str("<div class=\"card\"><p>Nothing is wrong with this image, and nothing is odd.</p></div>\n");
        return;
    }
    if let Some(cause) = data["cause"].as_str() {
        let _ = writeln!(
            out,
            "<div class=\"card cause\"><p>{}</p></div>",
            escaped(cause)
        );
    }
    out.push_str("<div class=\"tally\" id=\"tally\">");
    for severity in SEVERITIES {
        let name = severity.name();
        let own = all.iter().filter(|found| found["severity"] == name).count() as u64;
        if own > 0 {
            let _ = write!(
                out,
                "<span class=\"badge {name}\" data-severity=\"{name}\">{}</span>",
                plural(own, name)
            );
        }
    }
    out.push_str("</div>\n<div id=\"list\">\n");
    for severity in SEVERITIES {
        let name = severity.name();
        for found in all.iter().filter(|found| found["severity"] == name) {
            finding(out, found, name);
        }
    }
    out.push_str("</div>\n");
    for (code, more) in data["suppressed"].as_object().into_iter().flatten() {
        let more = more.as_u64().unwrap_or(0);
        let _ = writeln!(
            out,
            "<p class=\"soft\">and {} more {}</p>",
            count(more),
            escaped(code)
        );
    }
    if let Some(more @ 1..) = data["more_findings"].as_u64() {
        let _ = writeln!(
            out,
            "<p class=\"soft\">and {} more; ia64save check tells all</p>",
            plural(more, "finding")
        );
    }
}

fn finding(out: &mut String, found: &Value, severity: &str) {
    let clause = found["clause"].as_str().unwrap_or_default();
    let anchor = clause.replace('.', "-");
    let _ = write!(
        out,
        "<article class=\"card finding {severity}\" data-severity=\"{severity}\"><div class=\"head\"><span class=\"sev\">\
         {severity}</span><b>{}</b><span class=\"mono\">{}</span><a href=\"{SPEC}#c{anchor}\" rel=\"noreferrer\">spec \
         {clause}</a></div><dl>",
        text(&found["message"]),
        text(&found["code"])
    );
    let path = found["path"].as_str().filter(|path| !path.is_empty());
    let place = path.map_or(String::new(), |path| format!(", {path}"));
    row(out, "where", &format!("byte {}{place}", found["offset"]));
    for name in ["expected", "found"] {
        if let Some(text) = found[name].as_str().filter(|text| !text.is_empty()) {
            row(out, name, text);
        }
    }
    let code = found["code"].as_str().and_then(|code| code.parse().ok());
    if let Some(advice) = code.and_then(catalogue::what_to_do) {
        let _ = write!(out, "<dt>what to do</dt><dd>{}</dd>", marked(&advice));
    }
    out.push_str("</dl>");
    if let Some(block) = hex(&found["hex"]) {
        out.push_str(&block);
    }
    out.push_str("</article>\n");
}

/// A text in which what stands between backticks is code.
fn marked(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        let part = escaped(part);
        if index % 2 == 1 {
            let _ = write!(out, "<code>{part}</code>");
        } else {
            out.push_str(&part);
        }
    }
    out
}

/// The bytes around what is complained of.
fn hex(hex: &Value) -> Option<String> {
    let (base, digits) = (hex["base"].as_u64()?, hex["bytes"].as_str()?);
    let mark = hex["start"].as_u64()?..hex["end"].as_u64()?;
    let raw: Vec<u8> = digits
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let end = base.checked_add(raw.len() as u64)?;
    let mut out = String::from("<pre class=\"hex\">");
    let mut at = base - base % 16;
    while at < end {
        let _ = write!(out, "<span class=\"a\">{at:08x}  </span>");
        let mut letters = String::new();
        for place in at..at + 16 {
            let byte = place
                .checked_sub(base)
                .and_then(|index| raw.get(index as usize));
            let gap = if place == at + 7 { "  " } else { " " };
            let _ = match byte {
                Some(byte) if mark.contains(&place) => write!(out, "<mark>{byte:02x}</mark>{gap}"),
                Some(byte) => write!(out, "{byte:02x}{gap}"),
                None => write!(out, "  {gap}"),
            };
            letters.push(match byte {
                None => ' ',
                Some(byte @ 32..=126) => char::from(*byte),
                Some(_) => '.',
            });
        }
        let _ = writeln!(
            out,
            " <span class=\"a\">{}</span>",
            escaped(letters.trim_end())
        );
        at += 16;
    }
    Some(out + "</pre>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_are_shown_with_their_mark() {
        let block = hex(&json!({ "base": 4, "bytes": "00413c", "start": 5, "end": 6 }));
        let block = block.unwrap();
        assert!(block.contains("00 <mark>41</mark> 3c  "), "{block}");
        assert!(block.contains(".A&lt;</span>"), "{block}");
    }
}
