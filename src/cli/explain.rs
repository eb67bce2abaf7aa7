//! `explain`: what a finding means, from the catalogue of the specification.

use std::fmt::Write as _;
use std::io::Write as _;

use ia64save::catalogue;
use ia64save::document::codes::{CodeEntry, Codes, Explain};
use ia64save::document::name::{CodesName, ExplainName};
use ia64save_codec::Code;

use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, DIM, HEADING, LABEL, Painted};
use crate::cli::render::table::{Align, Cell, Table};
use crate::cli::render::{screen, severity_style, wrap};

/// What the user says.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A code that check printed; without one, all codes are listed
    pub code: Option<String>,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,
}

/// How much a name has to be like another to be meant.
const LIKE: f64 = 0.8;

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let Some(name) = &args.code else {
        return list(args.format);
    };
    let name = name.to_lowercase();
    let code: Code = name.parse().map_err(|_| {
        let more = match nearest(&name) {
            Some(near) => format!("did you mean {near}?"),
            None => String::from("ia64save explain lists them all"),
        };
        Failure::Usage(format!("there is no finding called {name}; {more}"))
    })?;
    let section = catalogue::section(code).unwrap_or_default();
    if args.format == Format::Text {
        let mut out = String::new();
        let severity = Painted(severity_style(code.severity()), code.severity());
        let _ = writeln!(out, "{} ({severity})", Painted(HEADING, code));
        let _ = writeln!(
            out,
            "{}",
            Painted(DIM, format!("spec clause {}", code.clause()))
        );
        let _ = writeln!(out, "\n{}", prose(section.trim()));
        write!(style::stdout(), "{out}")?;
    } else {
        print_json(
            &Explain {
                schema: ExplainName,
                code: code.into(),
                text: section.trim().to_owned(),
            },
            args.format,
        )?;
    }
    Ok(Outcome::Fine)
}

/// All codes.
fn list(output: Format) -> Result<Outcome, Failure> {
    if output != Format::Text {
        let codes = Codes {
            schema: CodesName,
            codes: Code::ALL.iter().copied().map(CodeEntry::from).collect(),
        };
        print_json(&codes, output)?;
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

/// Columns of a paragraph: longer lines are hard to read.
const PROSE: usize = 80;

/// A text of paragraphs for a screen: lines that fit, names in the colour of names, and what a paragraph is about
/// in front of it.
fn prose(text: &str) -> String {
    let columns = screen::width().unwrap_or(PROSE).min(PROSE);
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<_> = paragraph.lines().map(str::trim).collect();
        let joined = lines.join(" ");
        let about = ["Example:", "Original restore:", "What to do:"];
        let about = about.into_iter().find(|about| joined.starts_with(about));
        let rest = &joined[about.map_or(0, str::len)..];
        let mut out = about.map_or_else(String::new, |about| Painted(HEADING, about).to_string());
        for (index, part) in rest.split('`').enumerate() {
            match index % 2 {
                0 => out += part,
                _ => out += &Painted(LABEL, part).to_string(),
            }
        }
        wrap::paragraph(&out, columns)
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The code whose name is most like what the user typed; none where it is like no name.
fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |code: &Code| strsim::jaro_winkler(name, code.name());
    let near = Code::ALL
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(near) > LIKE).then(|| near.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_and_has_no_marks() {
        for code in Code::ALL {
            let text = prose(catalogue::section(*code).unwrap_or_default().trim());
            let plain = anstream::adapter::strip_str(&text).to_string();
            assert!(!plain.contains('`'), "{code}: {plain}");
            let widest = plain.lines().map(wrap::width).max();
            assert!(
                widest.is_some_and(|widest| widest <= PROSE),
                "{code}: {plain}"
            );
        }
        let text = prose("one\ntwo `three`\n\nWhat to do: four");
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "one two three\n\nWhat to do: four"
        );
    }

    #[test]
    fn a_slip_of_the_finger_is_met_with_a_name() {
        assert_eq!(nearest("version-unknwon"), Some("version-unknown"));
        assert_eq!(nearest("memmap-ovreflow"), Some("memmap-overflow"));
        assert_eq!(nearest("bogus"), None);
    }
}
