//! `explain`: what a finding means, from the catalogue of the specification.

use std::fmt::Write as _;
use std::io::Write as _;

use ia64save_codec::Code;
use serde_json::json;

use super::print_json;
use crate::args::{Explain, Format};
use crate::exit::{Failure, Outcome};
use crate::output::style::{self, DIM, HEADING, Painted};
use crate::output::table::{Align, Cell, Table};
use crate::report::severity_style;

/// The catalogue: one section a code.
const FINDINGS: &str = include_str!("../../spec/findings.md");

/// Runs the command.
pub fn run(args: &Explain) -> Result<Outcome, Failure> {
    let Some(name) = &args.code else {
        return list(args.output);
    };
    let code: Code = name.parse().map_err(|_| {
        let near = nearest(name);
        Failure::Usage(format!(
            "there is no finding called {name}; did you mean {near}?"
        ))
    })?;
    let section = section(code).unwrap_or_default();
    if args.output == Format::Text {
        let mut out = String::new();
        let severity = Painted(severity_style(code.severity()), code.severity());
        let _ = writeln!(out, "{} ({severity})", Painted(HEADING, code));
        let _ = writeln!(
            out,
            "{}",
            Painted(DIM, format!("spec clause {}", code.clause()))
        );
        let _ = writeln!(out, "\n{}", section.trim());
        write!(style::stdout(), "{out}")?;
    } else {
        print_json(
            vec![json!({
                "schema": "ia64save/explain/1",
                "code": code.name(),
                "severity": code.severity().name(),
                "clause": code.clause(),
                "title": code.title(),
                "text": section.trim(),
            })],
            args.output,
        )?;
    }
    Ok(Outcome::Fine)
}

/// All codes.
fn list(output: Format) -> Result<Outcome, Failure> {
    if output != Format::Text {
        let values = Code::ALL.iter().map(|code| {
            json!({
                "code": code.name(),
                "severity": code.severity().name(),
                "clause": code.clause(),
                "title": code.title(),
            })
        });
        print_json(
            vec![json!({ "schema": "ia64save/codes/1", "codes": values.collect::<Vec<_>>() })],
            output,
        )?;
        return Ok(Outcome::Fine);
    }
    let columns = [
        ("code", Align::Left),
        ("", Align::Left),
        ("spec", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(0, columns);
    for code in Code::ALL {
        table.row([
            Cell::from(code.name()),
            Cell::styled(severity_style(code.severity()), code.severity().name()),
            Cell::styled(DIM, code.clause()),
            Cell::styled(DIM, code.title()),
        ]);
    }
    write!(style::stdout(), "{table}")?;
    Ok(Outcome::Fine)
}

/// The text below a code's heading, without the line that repeats severity and clause.
fn section(code: Code) -> Option<String> {
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

/// The code whose name is most like what the user typed.
fn nearest(name: &str) -> &'static str {
    let distance = |code: &&Code| strsim::damerau_levenshtein(name, code.name());
    Code::ALL.iter().min_by_key(distance).map_or("", |code| code.name())
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
    fn a_slip_of_the_finger_is_met_with_a_name() {
        assert_eq!(nearest("version-unknwon"), "version-unknown");
    }
}
