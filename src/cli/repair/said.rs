//! What is said of a repair: lines for a person, a document for a script.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use ia64save::document::finding::FindingDocument;
use ia64save::document::name::RepairName;
use ia64save::document::rewritten::{Question, Repair, RepairNote};
use ia64save::files::is_stdout;
use ia64save_codec::repair::{self, Choice, Note};
use ia64save_codec::{Finding, Severity};

use super::args::Args;
use super::state::State;
use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::cli::render::json::{line, print_json};
use crate::cli::render::size::grouped;
use crate::cli::render::style::{self, ADDRESS, DIM, ERROR, HEADING, LABEL, OK, Painted, WARNING};

/// What chooses the version.
const OPTION: &str = "--format-version";

/// Says what was done, on standard error where the image goes to standard output.
pub fn tell(args: &Args, name: &str, written: u64, notes: &[Note]) -> Result<(), Failure> {
    let outcome = if notes.is_empty() {
        "intact"
    } else {
        "repaired"
    };
    if args.format != Format::Text {
        return document(args, name, outcome, Some(written), notes, &[]);
    }
    let mut text = String::new();
    let said = if notes.is_empty() {
        "nothing to repair, copied"
    } else {
        outcome
    };
    let _ = writeln!(
        text,
        "{}: {} {}",
        Painted(HEADING, args.out.display()),
        Painted(OK, said),
        Painted(DIM, format!("{} bytes", grouped(written)))
    );
    text += &told(notes);
    print(args, &text)
}

fn told(notes: &[Note]) -> String {
    notes.iter().fold(String::new(), |mut text, note| {
        let (what, style) = if note.lost {
            ("lost", WARNING)
        } else {
            ("changed", OK)
        };
        let (what, path) = (Painted(style, what), Painted(LABEL, &note.path));
        let place = Painted(ADDRESS, format!("byte {}", note.offset));
        let number = note.number.map_or(String::new(), |(was, is)| {
            format!("{} -> {}, ", shown(&note.path, was), shown(&note.path, is))
        });
        let _ = writeln!(text, "  {what} {path} at {place}: {number}{}", note.what);
        text
    })
}

/// Whether a field is shown in hexadecimal, as `dump` has it.
fn is_address(path: &str) -> bool {
    ["pfn", "maxmem"].iter().any(|own| path.contains(own))
}

/// A number as `dump` shows it: counts and sizes in decimal, unless they are absurd.
fn shown(path: &str, number: u64) -> String {
    if number > u32::MAX.into() || is_address(path) {
        format!("{number:#x}")
    } else {
        number.to_string()
    }
}

pub fn print(args: &Args, text: &str) -> Result<(), Failure> {
    if is_stdout(&args.out) {
        write!(style::stderr(), "{text}")?;
    } else {
        write!(style::stdout(), "{text}")?;
    }
    Ok(())
}

pub fn document(
    args: &Args,
    name: &str,
    outcome: &str,
    written: Option<u64>,
    notes: &[Note],
    remaining: &[&Finding],
) -> Result<(), Failure> {
    asking(args, name, (outcome, written), notes, remaining, &[])
}

/// A document, and which value of a word has to be chosen.
fn asking(
    args: &Args,
    name: &str,
    (outcome, written): (&str, Option<u64>),
    notes: &[Note],
    remaining: &[&Finding],
    question: &[Choice],
) -> Result<(), Failure> {
    let document = Repair {
        schema: RepairName,
        file: name.to_owned(),
        outcome: outcome.to_owned(),
        written,
        notes: notes.iter().map(RepairNote::from).collect(),
        remaining: remaining.iter().copied().map(FindingDocument::from).collect(),
        question: question.first().map(|choice| Question {
            path: choice.path.to_string(),
            values: question.iter().map(|choice| choice.value).collect(),
            option: OPTION,
        }),
    };
    if is_stdout(&args.out) {
        writeln!(io::stderr(), "{}", line(&document)?)?;
    } else {
        print_json(&document, args.format)?;
    }
    Ok(())
}

/// Says why nothing was written.
pub fn refuse(args: &Args, name: &str, state: &State, question: &[Choice]) -> Result<(), Failure> {
    let errors = state.report.findings.iter();
    let errors: Vec<&Finding> = errors.filter(|f| f.severity == Severity::Error).collect();
    if args.format != Format::Text {
        return asking(args, name, ("refused", None), &[], &errors, question);
    }
    let head = Painted(ERROR, "error");
    let mut text = format!("ia64save: {head}: {name}: cannot be repaired, nothing was written\n");
    for error in errors.iter().take(8) {
        let _ = writeln!(text, "  {} {error}", Painted(ERROR, "error"));
    }
    if let Some(choice) = question.first() {
        let values: Vec<String> = question.iter().map(|c| c.value.to_string()).collect();
        let _ = writeln!(
            text,
            "  {} {} may have been any of {}: each explains the stream. {OPTION} says which",
            Painted(WARNING, "ambiguous"),
            choice.path,
            values.join(", ")
        );
    }
    for what in repair::missing(&state.loaded.file) {
        let _ = writeln!(text, "  {} {what}", Painted(WARNING, "missing"));
    }
    let pages = state
        .loaded
        .image()
        .checkpoints
        .iter()
        .map(|c| c.pages.len())
        .sum::<usize>();
    if pages > 0 {
        let advice = format!(
            "  what is missing is never made up; --pages-only writes the {} page records that are there",
            grouped(pages as u64)
        );
        let _ = writeln!(text, "{}", Painted(DIM, advice));
    }
    write!(style::stderr(), "{text}")?;
    Ok(())
}
