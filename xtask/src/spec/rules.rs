//! Rules and their checks: a clause that demands something is one that a code cites, or it says that
//! no image shows whether it was kept; and a code cites a clause that demands something. Every clause
//! of the format says where it comes from.

use std::collections::BTreeSet;

use super::clauses::{self, Clause};

/// Words that demand something, as in RFC 2119.
const DEMANDS: [&str; 2] = ["MUST", "SHOULD"];

/// What a clause says that no code can cite.
const EXCUSE: &str = "cannot be checked offline";

/// Chapters that are no part of the format: the introduction and the history.
const APART: [&str; 2] = ["1", "16"];

/// Complaints about rules that no code cites, and about codes that cite no rule.
pub fn complaints(text: &str, clauses: &[Clause], cited: &BTreeSet<&str>) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let ends = clauses.iter().skip(1).map(|next| next.line);
    let mut complaints = Vec::new();
    for (Clause { number, line }, end) in clauses.iter().zip(ends.chain([lines.len() + 1])) {
        let said = said(&lines[*line..end - 1]);
        let is_cited = cited.contains(number.as_str());
        match demands(&said) {
            true if !is_cited && !said.contains(EXCUSE) => complaints.push(format!(
                "{line}: no code cites the rules of clause {number}, which does not say that they {EXCUSE}"
            )),
            false if is_cited => complaints.push(format!(
                "{line}: a code cites clause {number}, which demands nothing"
            )),
            _ => {}
        }
    }
    complaints
}

/// The clauses of the format that the document of sources does not link.
pub fn without_source<'a>(sources: &str, clauses: &'a [Clause]) -> Vec<&'a str> {
    clauses
        .iter()
        .map(|clause| clause.number.as_str())
        .filter(|number| {
            let Some((chapter, _)) = number.split_once('.') else {
                return false;
            };
            let link = format!("#c{})", number.replace('.', "-"));
            !APART.contains(&chapter) && !sources.contains(&link)
        })
        .collect()
}

/// The text of a clause in one line, without its diagrams.
fn said(lines: &[&str]) -> String {
    let mut fenced = false;
    let mut words = Vec::new();
    for line in lines {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && clauses::anchor(line).is_none() {
            words.extend(line.split_whitespace());
        }
    }
    words.join(" ")
}

fn demands(said: &str) -> bool {
    said.split(|c: char| !c.is_alphanumeric())
        .any(|word| DEMANDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<a id=\"c1\"></a>\n## 1 One\nIt MUST.\n\n\
        <a id=\"c1-1\"></a>\n### 1.1 Cited\nIt SHOULD NOT.\n\n\
        <a id=\"c1-2\"></a>\n### 1.2 Excused\nIt MUST, and this cannot be\nchecked offline.\n\n\
        <a id=\"c1-3\"></a>\n### 1.3 No rule\nIt MAY.\n```text\nMUST\n```\n\n\
        <a id=\"c2\"></a>\n## 2 Two\n<a id=\"c2-1\"></a>\n### 2.1 Last\n**SHOULD**";

    #[test]
    fn a_rule_has_a_code_or_an_excuse_and_a_code_has_a_rule() {
        let (clauses, about_clauses) = clauses::read(TEXT);
        assert_eq!(about_clauses, [""; 0]);
        let found = complaints(TEXT, &clauses, &BTreeSet::from(["1.1", "1.3"]));
        let starts: Vec<&str> = found
            .iter()
            .filter_map(|c| c.split(", which").next())
            .collect();
        let wanted = [
            "2: no code cites the rules of clause 1",
            "15: a code cites clause 1.3",
            "24: no code cites the rules of clause 2.1",
        ];
        assert_eq!(starts, wanted);
    }

    #[test]
    fn a_clause_of_the_format_has_a_source() {
        let (clauses, _) = clauses::read(TEXT);
        assert_eq!(without_source("[2](a.md#c2)", &clauses), ["2.1"]);
        assert_eq!(without_source("[2.1](a.md#c2-1)", &clauses), [""; 0]);
    }
}
