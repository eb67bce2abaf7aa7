//! The specification agrees with itself and with those who cite it.
//!
//! | file | what it checks |
//! |---|---|
//! | `clauses` | every clause has its anchor, no number twice, none that was published is gone |
//! | `citations` | what the sources cite is there |
//! | `rules` | a clause that demands something is cited by a code, or says why none can; every clause has its source |
//! | `links` | links between documents lead somewhere |

mod citations;
mod clauses;
mod links;
mod rules;

use std::collections::BTreeSet;
use std::path::Path;

use crate::files;
use crate::step::Outcome;
use clauses::PUBLISHED;

/// The specification.
const SPEC: &str = "spec/ia64-save.md";
/// Where each clause comes from.
const SOURCES: &str = "spec/provenance.md";
/// The table of codes, whose clauses are strings.
const CODES: &str = "codec/src/code.rs";

/// Checks it all; with `fix`, new clauses are recorded as published.
pub fn check(fix: bool) -> Outcome {
    println!("spec: {SPEC}, citations of it, links between documents");
    match complaints(fix) {
        Ok((complaints, note)) => Outcome::of(&complaints, note),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn complaints(fix: bool) -> std::io::Result<(Vec<String>, String)> {
    let spec = std::fs::read_to_string(SPEC)?;
    let (clauses, about_clauses) = clauses::read(&spec);
    let mut complaints: Vec<String> = about_clauses
        .into_iter()
        .map(|complaint| format!("{SPEC}:{complaint}"))
        .collect();

    let published = std::fs::read_to_string(PUBLISHED).unwrap_or_default();
    let (gone, added) = clauses::compare(&published, &clauses);
    complaints.extend(gone.into_iter().map(|number| {
        format!("{SPEC}: clause {number} was published and must stay, if only to say where it went")
    }));
    if fix && !added.is_empty() {
        let all = format!("{published}{}\n", added.join("\n"));
        std::fs::write(PUBLISHED, all)?;
        println!("recorded in {PUBLISHED}: {}", added.join(", "));
    } else {
        complaints.extend(added.into_iter().map(|number| {
            format!("{SPEC}: clause {number} is new: cargo xtask spec --fix records it")
        }));
    }

    let known: BTreeSet<&str> = clauses
        .iter()
        .map(|clause| clause.number.as_str())
        .collect();
    let codes = citations::of_codes(&std::fs::read_to_string(CODES)?);
    let checked = codes.iter().map(|code| code.number.as_str()).collect();
    let about_rules = rules::complaints(&spec, &clauses, &checked);
    complaints.extend(about_rules.iter().map(|c| format!("{SPEC}:{c}")));
    let sources = std::fs::read_to_string(SOURCES)?;
    for number in rules::without_source(&sources, &clauses) {
        complaints.push(format!(
            "{SOURCES}: nothing says where clause {number} comes from"
        ));
    }
    let mut cited = 0;
    let documents = files::texts("md")?;
    let sources = files::texts("rs")?;
    let checker = Path::new("xtask/src/spec");
    for (path, text) in sources.iter().chain(&documents) {
        if path.starts_with(checker) {
            continue; // its tests cite whatever they like
        }
        let mut citations = citations::read(text);
        if path == Path::new(CODES) {
            citations.extend(codes.iter().cloned());
        }
        cited += citations.len();
        for citation in citations {
            if !known.contains(citation.number.as_str()) {
                let (at, number) = (citation.line, citation.number);
                complaints.push(format!(
                    "{}:{at}: {SPEC} has no clause {number}",
                    path.display()
                ));
            }
        }
    }
    let (about_links, followed) = links::check(&documents);
    complaints.extend(about_links);
    let clauses = clauses.len();
    Ok((
        complaints,
        format!("{clauses} clauses, {cited} citations, {followed} links"),
    ))
}
