//! JSON on standard output.

use std::io::{self, Write};

use ia64save::document::failure::{Failure as Why, FileOutcome};
use ia64save::document::files::{Entry, Files, Line};
use serde::Serialize;

use super::style;
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};

/// Prints a document: over several lines, or on one.
pub fn print_json(document: &impl Serialize, format: Format) -> io::Result<()> {
    let mut out = style::plain_stdout();
    match format {
        Format::Jsonl => serde_json::to_writer(&mut out, document)?,
        Format::Json | Format::Text => serde_json::to_writer_pretty(&mut out, document)?,
    }
    writeln!(out)?;
    out.flush()
}

/// A document on one line.
pub fn line(document: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(document)?)
}

/// JSON about several files: a document with an entry each, or a line for each, as it comes.
pub struct Documents<N, T> {
    format: Format,
    files: Vec<Entry<T>>,
    schema: N,
}

impl<N: Serialize + Copy + Default, T: Serialize> Documents<N, T> {
    /// For a document of this name.
    pub fn new(format: Format) -> Self {
        Documents {
            format,
            files: Vec::new(),
            schema: N::default(),
        }
    }

    /// What there is to say of one of them.
    pub fn add(&mut self, entry: Entry<T>) -> io::Result<()> {
        match self.format {
            Format::Text => {}
            Format::Json => self.files.push(entry),
            Format::Jsonl => {
                let line = Line {
                    schema: self.schema,
                    tool_version: env!("CARGO_PKG_VERSION"),
                    entry,
                };
                print_json(&line, Format::Jsonl)?;
            }
        }
        Ok(())
    }

    /// One of them is not read.
    pub fn add_failure(&mut self, file: String, failure: &Failure) -> io::Result<()> {
        self.add(Entry {
            file,
            outcome: outcome(failure.outcome()),
            error: Some(why(failure)),
            of: None,
        })
    }

    /// That was all.
    pub fn finish(self) -> io::Result<()> {
        if self.format != Format::Json {
            return Ok(());
        }
        let document = Files {
            schema: self.schema,
            tool_version: env!("CARGO_PKG_VERSION"),
            files: self.files,
        };
        print_json(&document, Format::Json)
    }
}

/// What became of a file, by what its command ends with.
pub fn outcome(outcome: Outcome) -> FileOutcome {
    match outcome {
        Outcome::Fine | Outcome::Differ | Outcome::Warnings => FileOutcome::Fine,
        Outcome::Invalid => FileOutcome::Invalid,
        Outcome::Foreign => FileOutcome::Foreign,
        Outcome::Io => FileOutcome::Unreadable,
        Outcome::Usage => FileOutcome::Refused,
    }
}

/// Why a file was not read, or not to its end.
pub fn why(failure: &Failure) -> Why {
    match failure {
        Failure::Invalid(_, error) => Why::from(error),
        other => Why::said(other),
    }
}
