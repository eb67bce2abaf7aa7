//! The account of a conversion.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use ia64save::files::is_stdout;
use ia64save::document::name::ConvertName;
use ia64save::document::rewritten::{self as document, Change};
use ia64save_codec::convert::{self, Loss, Note};
use ia64save_codec::detect::Detection;
use ia64save_codec::{Dialect, Era, Guest};

use super::args::Args;
use super::together::{joined, together};
use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::cli::render::json::{line, print_json};
use crate::cli::render::size::grouped;
use crate::cli::render::style::{self, DIM, HEADING, LABEL, OK, Painted, WARNING};

/// What there is to say.
pub(super) struct Report<'a> {
    /// What the source was understood as, and what was asked for.
    pub(super) eras: [Era; 2],
    pub(super) guest: Option<Guest>,
    pub(super) losses: &'a [Loss],
    pub(super) notes: &'a [Note],
    /// What a reader will take the result for.
    pub(super) read_as: Option<Detection>,
}

impl Report<'_> {
    /// On standard output, or on standard error where the image goes to standard output.
    pub(super) fn print(&self, args: &Args, written: Option<u64>) -> Result<(), Failure> {
        let to_stdout = is_stdout(&args.out);
        if args.format != Format::Text {
            let document = self.document(written);
            if to_stdout {
                writeln!(io::stderr(), "{}", line(&document)?)?;
            } else {
                print_json(&document, args.format)?;
            }
            return Ok(());
        }
        let text = self.text(args, written);
        if to_stdout {
            write!(style::stderr(), "{text}")?;
        } else {
            write!(style::stdout(), "{text}")?;
        }
        Ok(())
    }

    fn document(&self, written: Option<u64>) -> document::Convert {
        let read_as = self.read_as.as_ref();
        let change = |path: &str, what: &str| Change {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let losses = self.losses.iter();
        let notes = self.notes.iter();
        document::Convert {
            schema: ConvertName,
            from: self.eras[0].dialect().name(),
            to: self.eras[1].dialect().name(),
            from_era: self.eras[0].id(),
            to_era: self.eras[1].id(),
            written,
            read_as: read_as.and_then(|found| found.dialect).map(Dialect::name),
            candidates: read_as.map_or_else(Vec::new, |found| {
                found.candidates.iter().map(|dialect| dialect.name()).collect()
            }),
            era_candidates: read_as.map_or_else(Vec::new, |found| {
                found.eras.iter().map(|era| era.id()).collect()
            }),
            losses: losses.map(|loss| change(&loss.path, &loss.what)).collect(),
            notes: notes.map(|note| change(&note.path, &note.what)).collect(),
        }
    }

    fn text(&self, args: &Args, written: Option<u64>) -> String {
        let mut out = String::new();
        let out_name = Painted(HEADING, args.out.display());
        if let Some(written) = written {
            let size = format!("{} bytes", grouped(written));
            let _ = writeln!(
                out,
                "{out_name}: {} {}",
                Painted(OK, "written"),
                Painted(DIM, size)
            );
        }
        let [from, to] = self.eras.map(shown);
        if from == to {
            let _ = writeln!(out, "  {to}");
        } else {
            let _ = writeln!(out, "  {from} -> {to}");
        }
        let losses = self
            .losses
            .iter()
            .map(|loss| (&loss.path[..], &loss.what[..]));
        for (path, what) in together(joined(&losses.collect::<Vec<_>>())) {
            let _ = writeln!(
                out,
                "  {} {}: {what}",
                Painted(WARNING, "lost"),
                Painted(LABEL, path)
            );
        }
        let notes = self
            .notes
            .iter()
            .map(|note| (&note.path[..], &note.what[..]));
        for (path, what) in together(joined(&notes.collect::<Vec<_>>())) {
            let note = Painted(DIM, "note");
            let _ = writeln!(out, "  {note} {}: {what}", Painted(LABEL, path));
        }
        if let Some(how) = self.how_to_read() {
            let _ = writeln!(out, "  {} {how}", Painted(WARNING, "read it with"));
        }
        out
    }

    /// What a reader has to be told, where it would take the result for another's.
    fn how_to_read(&self) -> Option<String> {
        let to = self.eras[1];
        let option = format!("--dialect {}", to.dialect());
        let Some(found) = &self.read_as else {
            return Some(format!("{option}: nothing in it says what it is"));
        };
        if found.dialect != Some(to.dialect()) {
            let names: Vec<_> = found
                .candidates
                .iter()
                .map(|dialect| dialect.name())
                .collect();
            let what = match found.dialect {
                Some(_) => "it looks like",
                None => "nothing in it tells apart",
            };
            let option = if Era::usual(to.dialect()) == to {
                option
            } else {
                format!("--era {to}")
            };
            return Some(format!("{option}: {what} {}", names.join(", ")));
        }
        let best = found.best_era();
        let alike = self
            .guest
            .is_some_and(|guest| convert::mean_the_same(best, to, guest));
        (!alike).then(|| format!("--era {to}: it may as well be of {best}"))
    }
}

/// `xen-3.2`, and the era where that is not the usual one.
fn shown(era: Era) -> String {
    let dialect = era.dialect();
    if Era::usual(dialect) == era {
        dialect.to_string()
    } else {
        format!("{dialect} ({era})")
    }
}
