//! Rules without a check: a clause that demands something is one that a code cites, or it says that
//! no image shows whether it was kept.

use std::collections::BTreeSet;

use super::clauses::{self, Clause};

/// Words that demand something, as in RFC 2119.
const DEMANDS: [&str; 2] = ["MUST", "SHOULD"];

/// What a clause says that no code can cite.
pub const EXCUSE: &str = "cannot be checked offline";

/// The clauses that demand something which no code cites, and that have no excuse.
pub fn unchecked<'a>(text: &str, clauses: &'a [Clause], cited: &BTreeSet<&str>) -> Vec<&'a Clause> {
    let lines: Vec<&str> = text.lines().collect();
    let ends = clauses.iter().skip(1).map(|next| next.line);
    clauses
        .iter()
        .zip(ends.chain([lines.len() + 1]))
        .filter(|(clause, end)| {
            // Between its heading and the next; the next one's anchor does no harm.
            let said = said(&lines[clause.line..end - 1]);
            demands(&said) && !said.contains(EXCUSE) && !cited.contains(clause.number.as_str())
        })
        .map(|(clause, _)| clause)
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

    #[test]
    fn a_rule_has_a_code_or_an_excuse() {
        let text = "<a id=\"c1\"></a>\n## 1 One\nIt MUST.\n\n\
                    <a id=\"c1-1\"></a>\n### 1.1 Cited\nIt SHOULD NOT.\n\n\
                    <a id=\"c1-2\"></a>\n### 1.2 Excused\nIt MUST, and this cannot be\nchecked offline.\n\n\
                    <a id=\"c1-3\"></a>\n### 1.3 No rule\nIt MAY.\n```text\nMUST\n```\n\n\
                    <a id=\"c1-4\"></a>\n### 1.4 Last\n**SHOULD**";
        let (clauses, complaints) = clauses::read(text);
        assert_eq!(complaints, [""; 0]);
        let found: Vec<&str> = unchecked(text, &clauses, &BTreeSet::from(["1.1"]))
            .into_iter()
            .map(|clause| clause.number.as_str())
            .collect();
        assert_eq!(found, ["1", "1.4"]);
    }
}
