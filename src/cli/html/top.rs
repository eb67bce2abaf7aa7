//! What the page says without a script: what the file is, what was not read, what is wrong, what runs inside.

use serde_json::Value;

use super::findings::findings;
use super::guest::guest;
use super::head::{head, unread};
use super::summary::summary;

/// The page up to the memory map.
pub fn top(data: &Value) -> String {
    let mut out = String::new();
    head(&mut out, data);
    unread(&mut out, data);
    // What is wrong comes first where something is.
    let wrong = data["verdict"] != "valid";
    if wrong {
        findings(&mut out, data);
    }
    summary(&mut out, data);
    if !wrong {
        findings(&mut out, data);
    }
    guest(&mut out, data);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_read_is_not_nothing() {
        let data = json!({ "file": "a<b", "verdict": "invalid", "info": { "envelope": {} }, "missing": ["shared_info"] });
        let page = top(&data);
        assert!(page.contains("<h1>a&lt;b</h1>"));
        assert!(page.contains("<li>shared_info</li>"));
        assert_eq!(page.matches("not read").count(), 6, "{page}");
        assert!(!page.contains("class=\"v\">0<"));
    }

    #[test]
    fn errors_come_first_with_what_to_do() {
        let one = |severity: &str, code: &str| json!({ "severity": severity, "code": code, "message": code, "offset": 1, "clause": "2.1" });
        let data = json!({
            "verdict": "invalid",
            "info": {},
            "findings": [one("note", "memmap-desc-empty"), one("error", "truncated")],
        });
        let page = top(&data);
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
        assert!(place("<b>truncated") < place("<b>memmap-desc-empty"));
        assert!(place("id=\"findings\"") < place("id=\"summary\""));
        assert!(page.contains("spec/ia64-save.md#c2-1\""));
        assert!(
            page.contains("<dt>what to do</dt><dd>Get the rest"),
            "{page}"
        );
        assert!(page.contains(">1 error</span>") && page.contains(">1 note</span>"));
    }
}
