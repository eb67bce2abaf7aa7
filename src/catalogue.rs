//! What there is to know of each finding: the catalogue of the specification.

use ia64save_codec::Code;

/// One section a code.
const FINDINGS: &str = include_str!("../spec/findings.md");

/// What the catalogue advises where this was found.
pub fn what_to_do(code: Code) -> Option<String> {
    let text = section(code)?;
    let (_, advice) = text.split_once("What to do:")?;
    let paragraph = advice.trim().split("\n\n").next()?;
    Some(paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The text below a code's heading, without the line that repeats severity and clause.
pub fn section(code: Code) -> Option<String> {
    let heading = format!("## `{code}`\n");
    let from = FINDINGS.find(&heading)? + heading.len();
    let text = &FINDINGS[from..];
    let text = &text[..text.find("\n## ").unwrap_or(text.len())];
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("Severity:") && !line.starts_with("<a "));
    Some(
        lines
            .collect::<Vec<_>>()
            .join("\n")
            .replace("\n\n\n", "\n\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_something_to_say() {
        for code in Code::ALL {
            let text = section(*code).unwrap_or_default();
            assert!(text.trim().len() > 40, "{code}: {text:?}");
        }
    }

    #[test]
    fn every_code_says_what_to_do() {
        for code in Code::ALL {
            let advice = what_to_do(*code);
            assert!(advice.is_some_and(|text| text.len() > 4), "{code}");
        }
    }
}
