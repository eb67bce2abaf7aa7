//! The clauses of the specification: numbers, anchors, and the promise that they stay.

use std::collections::BTreeSet;

/// Numbers that have been published; a citation of one in an old release must still lead somewhere.
pub const PUBLISHED: &str = "xtask/src/spec/published.txt";

/// A clause: its number as written, `"4"` or `"4.2"`, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The number.
    pub number: String,
    /// Line of its heading, from 1.
    pub line: usize,
}

/// Reads the headings. Complaints: a heading without its anchor, a number twice or out of order.
pub fn read(text: &str) -> (Vec<Clause>, Vec<String>) {
    let mut clauses: Vec<Clause> = Vec::new();
    let mut complaints = Vec::new();
    let mut anchors: BTreeSet<String> = BTreeSet::new();
    let mut last_anchor: Option<String> = None;
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced || line.trim().is_empty() {
            continue;
        }
        if let Some(anchor) = anchor(line) {
            if !anchors.insert(anchor.to_string()) {
                complaints.push(format!("{at}: anchor {anchor} is there twice"));
            }
            last_anchor = Some(anchor.to_string());
            continue;
        }
        if let Some((level, number)) = numbered(line) {
            let wanted = format!("c{}", number.replace('.', "-"));
            if last_anchor.as_deref() != Some(wanted.as_str()) {
                complaints.push(format!(
                    "{at}: clause {number} has no anchor {wanted} before it"
                ));
            }
            if level != number.split('.').count() + 1 {
                complaints.push(format!(
                    "{at}: clause {number} has a heading of level {level}"
                ));
            }
            let previous = clauses.last().map(|clause| clause.number.as_str());
            if !follows(previous, number) {
                let after = previous.unwrap_or("nothing");
                complaints.push(format!("{at}: clause {number} comes after {after}"));
            }
            clauses.push(Clause {
                number: number.to_string(),
                line: at,
            });
        }
        last_anchor = None;
    }
    (clauses, complaints)
}

/// `c4-2` of `<a id="c4-2"></a>`.
pub fn anchor(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("<a id=\"")?;
    rest.strip_suffix("\"></a>")
}

/// Level and number of a heading that begins with a number.
fn numbered(line: &str) -> Option<(usize, &str)> {
    let level = line.chars().take_while(|c| *c == '#').count();
    let number = line[level..].strip_prefix(' ')?.split_whitespace().next()?;
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    (level > 0 && number.split('.').all(digits)).then_some((level, number))
}

/// Whether a number is the next one: 4.2 after 4.1, 4.1 after 4, 5 after 4 or 4.5.
fn follows(previous: Option<&str>, number: &str) -> bool {
    let parts = |number: &str| -> Vec<u32> {
        number
            .split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    let own = parts(number);
    let previous = previous.map_or(vec![0], parts);
    match own.as_slice() {
        [major] => *major == previous[0] + 1,
        [major, minor] => {
            *major == previous[0] && *minor == previous.get(1).copied().unwrap_or(0) + 1
        }
        _ => false,
    }
}

/// Published clauses that are gone, and clauses that have not been published.
pub fn compare(published: &str, clauses: &[Clause]) -> (Vec<String>, Vec<String>) {
    let old: BTreeSet<&str> = published.split_whitespace().collect();
    let new: BTreeSet<&str> = clauses
        .iter()
        .map(|clause| clause.number.as_str())
        .collect();
    let gone = old.difference(&new).map(ToString::to_string).collect();
    let added = clauses
        .iter()
        .filter(|clause| !old.contains(clause.number.as_str()))
        .map(|clause| clause.number.clone())
        .collect();
    (gone, added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_have_their_anchors_and_their_order() {
        let good = "<a id=\"c1\"></a>\n\n## 1 One\n\n<a id=\"c1-1\"></a>\n### 1.1 First\n\n\
                    ```text\n## 7 is no heading\n```\n<a id=\"c2\"></a>\n## 2 Two\n";
        let (clauses, complaints) = read(good);
        let numbers: Vec<&str> = clauses
            .iter()
            .map(|clause| clause.number.as_str())
            .collect();
        assert_eq!((numbers, complaints.len()), (vec!["1", "1.1", "2"], 0));
        for bad in [
            "## 1 One\n",
            "<a id=\"c2\"></a>\n## 1 One\n",
            "<a id=\"c2\"></a>\n## 2 Two\n",
            "<a id=\"c1\"></a>\ntext\n## 1 One\n",
            "<a id=\"c1\"></a>\n# 1 One\n",
        ] {
            assert_eq!(read(bad).1.len(), 1, "{bad}");
        }
    }

    #[test]
    fn published_clauses_stay() {
        let (clauses, _) = read("<a id=\"c1\"></a>\n## 1 One\n<a id=\"c2\"></a>\n## 2 Two\n");
        let (gone, added) = compare("1\n1.1\n", &clauses);
        assert_eq!(
            (gone, added),
            (vec!["1.1".to_string()], vec!["2".to_string()])
        );
    }
}
