//! What the file is, in a line of badges, and what was not read of it.

use std::fmt::Write as _;

use serde_json::Value;

use super::words::{bytes, escaped, text, texts};

pub(super) fn head(out: &mut String, data: &Value) {
    let info = &data["info"];
    let (class, verdict) = match data["verdict"].as_str() {
        Some("valid") => ("valid", "Valid"),
        Some("valid_with_warnings") => ("warn", "Valid, with warnings"),
        _ => ("invalid", "Invalid"),
    };
    let _ = write!(
        out,
        "<h1>{}</h1>\n<div class=\"badges\">",
        text(&data["file"])
    );
    let _ = write!(out, "<span class=\"badge {class}\">{verdict}</span>");
    let mut badge = |label: &str, value: &str| {
        if !value.is_empty() {
            let label = if label.is_empty() {
                String::new()
            } else {
                format!("{label} ")
            };
            let _ = write!(
                out,
                "<span class=\"badge\">{label}<b>{}</b></span>",
                escaped(value)
            );
        }
    };
    badge(
        "",
        match info["guest"].as_str() {
            Some("pv") => "Paravirtual (PV)",
            Some("hvm") => "Fully virtualised (HVM)",
            _ => "",
        },
    );
    badge("dialect", &dialect(info));
    badge("era", &era(info));
    if let Some(version) = info["format_version"].as_u64() {
        badge("version", &version.to_string());
    }
    badge("", &bytes(data["file_size"].as_u64().unwrap_or(0)));
    if let Some(compression) = info["compression"].as_str() {
        badge("in", compression);
    }
    match info["envelope"]["kind"].as_str() {
        Some("bare") | None => badge("", "bare stream"),
        Some(kind) => badge("", &format!("{kind} file")),
    }
    out.push_str("</div>\n");
}

pub(super) fn dialect(info: &Value) -> String {
    let candidates = || {
        let all = info["dialect_candidates"].as_array();
        let names = all.into_iter().flatten().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(" or ")
    };
    let found = info["dialect"]
        .as_str()
        .map_or_else(candidates, str::to_owned);
    if found.is_empty() {
        return "not known".into();
    }
    found
}

/// The era, or those that could have written it.
pub(super) fn era(info: &Value) -> String {
    let candidates = || texts(&info["era_candidates"]).join(", ");
    info["era"].as_str().map_or_else(candidates, str::to_owned)
}

/// What the image has no more of.
pub(super) fn unread(out: &mut String, data: &Value) {
    let missing: Vec<_> = texts(&data["missing"]);
    if missing.is_empty() {
        return;
    }
    out.push_str(
        "<div class=\"card unread\"><h3>Not everything was read</h3><p>The stream cannot be read beyond what is \
         told under <a href=\"#findings\">Findings</a>. This page knows nothing of:</p><ul class=\"plain\">",
    );
    for part in missing {
        let _ = write!(out, "<li>{}</li>", escaped(&part));
    }
    out.push_str("</ul></div>\n");
}
