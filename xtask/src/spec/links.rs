//! Links from one of our documents to another, or to a place in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::clauses;

/// Complaints about links that lead nowhere, and how many links were followed.
pub fn check(documents: &[(PathBuf, String)]) -> (Vec<String>, usize) {
    let places: BTreeMap<&Path, BTreeSet<String>> = documents
        .iter()
        .map(|(path, text)| (path.as_path(), places(text)))
        .collect();
    let mut complaints = Vec::new();
    let mut followed = 0;
    for (path, text) in documents {
        for (line, target) in links(text) {
            if is_elsewhere(&target) {
                continue;
            }
            followed += 1;
            if let Some(why) = refusal(path, &target, &places) {
                complaints.push(format!(
                    "{}:{line}: link to {target}: {why}",
                    path.display()
                ));
            }
        }
    }
    (complaints, followed)
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

fn refusal(
    from: &Path,
    target: &str,
    places: &BTreeMap<&Path, BTreeSet<String>>,
) -> Option<String> {
    let (file, place) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() {
        from.to_path_buf()
    } else {
        resolve(from, file)
    };
    if !file.exists() {
        return Some(format!("there is no {}", file.display()));
    }
    if place.is_empty() {
        return None;
    }
    match places.get(file.as_path()) {
        Some(own) if own.contains(place) => None,
        Some(_) => Some(format!("{} has no {place}", file.display())),
        None => None, // a line of a source, say
    }
}

fn resolve(from: &Path, target: &str) -> PathBuf {
    let joined = from.parent().unwrap_or(Path::new("")).join(target);
    let mut plain = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    if plain.as_os_str().is_empty() {
        plain.push(".");
    }
    plain
}

/// Lines that are text, with what is code left out.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        let kept = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        (!fenced).then_some((index + 1, kept))
    })
}

/// Targets of `[text](target)` and `[name]: target`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            if let Some(end) = line[at + 2..].find(')') {
                let inner = &line[at + 2..at + 2 + end];
                let target = inner.split_whitespace().next().unwrap_or_default();
                found.push((number, target.to_string()));
            }
        }
        let defined = line
            .trim_start()
            .strip_prefix('[')
            .and_then(|l| l.split_once("]: "));
        if let Some((_, target)) = defined {
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((number, target.to_string()));
        }
    }
    found
}

/// Places that a link can lead to: anchors, and headings by the name that GitHub gives them.
fn places(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
        } else if let Some(anchor) = clauses::anchor(line) {
            found.insert(anchor.to_string());
        } else if line.starts_with('#') {
            let slug = slug(line.trim_start_matches('#').trim());
            let copies = (1..).map(|n| format!("{slug}-{n}"));
            let mut names = std::iter::once(slug.clone()).chain(copies);
            if let Some(free) = names.find(|name| !found.contains(name)) {
                found.insert(free);
            }
        }
    }
    found
}

fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_code() {
        let text = "see [a](b.md#c) and `[no](code)`\n```\n[no](code)\n```\n[d]: e.md \"title\"\n";
        assert_eq!(
            links(text),
            [(1, "b.md#c".to_string()), (5, "e.md".to_string())]
        );
    }

    #[test]
    fn places_are_anchors_and_headings() {
        let found =
            places("<a id=\"c4-2\"></a>\n### 4.2 Header\n## `What` it does?\n## What it does\n");
        let wanted = ["c4-2", "42-header", "what-it-does", "what-it-does-1"];
        assert_eq!(found, wanted.map(String::from).into());
    }

    #[test]
    fn a_path_is_resolved_from_its_document() {
        assert_eq!(
            resolve(Path::new("spec/README.md"), "../a.md"),
            Path::new("a.md")
        );
        assert_eq!(
            resolve(Path::new("a.md"), "spec/b.md"),
            Path::new("spec/b.md")
        );
        assert_eq!(resolve(Path::new("spec/README.md"), ".."), Path::new("."));
    }
}
