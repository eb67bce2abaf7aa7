//! `guest log`: the kernel's log.

use std::fmt::Write as _;
use std::io::Write;

use ia64save::document::guest::{GuestLog, LogLine};
use ia64save::document::name::GuestLogName;
use ia64save_codec::memory::Memory;
use ia64save_guest::linux::{Line, Log, found};

use super::source::{Source, unknown};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, DIM, ERROR, Painted, VALUE, WARNING, safe};

/// Runs the command. Without the kernel's file what looks like a log is searched for.
pub fn run(source: &Source) -> Result<Outcome, Failure> {
    let loaded = source.open()?;
    let is_found = source.kernel.is_none();
    let log = if is_found {
        let memory = Memory::new(loaded.image(), source.checkpoint);
        let log = found(&memory).log;
        let (address, lines) = log.ok_or_else(|| {
            let text = "nothing in memory looks like a kernel's log";
            Failure::Tree(loaded.name.clone(), text.into())
        })?;
        style::warn(&format!(
            "{}: found at guest physical {address:#x}, not known to be the log: --kernel FILE knows",
            loaded.name
        ))?;
        Log {
            lines,
            wrapped: false,
            broken: None,
        }
    } else {
        source.with_kernel(&loaded, |kernel, _, _| {
            kernel.log().map_err(|error| unknown(&loaded, &error))
        })?
    };
    loaded.verify()?;
    if source.format == Format::Text {
        style::unless_gone(write!(style::stdout(), "{}", text(&log.lines)))?;
    } else {
        let document = GuestLog {
            schema: GuestLogName,
            file: loaded.name.clone(),
            lines: log.lines.iter().map(line).collect(),
            wrapped: log.wrapped,
            found: is_found,
            broken: log.broken.clone(),
        };
        print_json(&document, source.format)?;
    }
    if let Some(broken) = log.broken {
        style::warn(&format!("{}: {broken}", loaded.name))?;
    }
    Ok(Outcome::Fine)
}

/// A line, for a document.
pub fn line(line: &Line) -> LogLine {
    LogLine {
        level: line.level,
        time: line.time.clone(),
        text: line.text.clone(),
    }
}

fn text(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let colour = match line.level.map(|level| level & 7) {
            Some(0..=3) => ERROR,
            Some(4) => WARNING,
            Some(7) => DIM,
            _ => VALUE,
        };
        if let Some(time) = &line.time {
            let _ = write!(out, "{} ", Painted(DIM, format!("[{time:>12}]")));
        }
        let _ = writeln!(out, "{}", Painted(colour, safe(&line.text)));
    }
    out
}
