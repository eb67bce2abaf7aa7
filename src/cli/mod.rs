//! One file a command.

mod account;
pub mod batch;
mod check;
pub mod compare;
pub mod completions;
mod convert;
pub mod corpus;
mod count;
pub mod decode;
mod dump;
pub mod edit;
pub mod encode;
mod explain;
pub mod extract;
pub mod find;
mod held;
mod info;
pub mod man;
mod map;
pub mod repair;
pub mod report;
pub mod simulate;
mod vcpus;
#[cfg(feature = "xen")]
pub mod xen;

use std::io::{self, Write};

use serde_json::Value;

use crate::args::{Cli, Command, Format};
use crate::exit::{Failure, Outcome};
use crate::output::style;

/// Does what the user asked for.
pub fn run(cli: &Cli) -> Outcome {
    let done = match &cli.command {
        Command::Info(args) => info::run(args),
        Command::Check(args) => check::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Decode(args) => decode::run(args),
        Command::Encode(args) => encode::run(args),
        Command::Edit(args) => edit::run(args),
        Command::Corpus(args) => corpus::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        Command::Batch(args) => batch::run(args),
        Command::Repair(args) => repair::run(args),
        Command::Report(args) => report::run(args),
        Command::Dump(args) => dump::run(args),
        Command::Simulate(args) => simulate::run(args),
        #[cfg(feature = "xen")]
        Command::Xen(args) => xen::run(args),
        Command::Map(args) => map::run(args),
        Command::Extract(args) => extract::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Find(args) => find::run(args),
    };
    done.unwrap_or_else(|failure| complain(&failure))
}

/// Says on standard error why something was not done.
pub fn complain(failure: &Failure) -> Outcome {
    // A reader that went away wants no more, and no complaint either.
    if let Failure::Io(error) = failure
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        return Outcome::Fine;
    }
    let error = style::Painted(style::ERROR, "error");
    let text = failure.to_string();
    let _ = writeln!(style::stderr(), "ia64save: {error}: {}", style::safe(&text));
    failure.outcome()
}

/// Prints JSON values: one document, or an array of several, or one a line.
fn print_json(values: Vec<Value>, format: Format) -> io::Result<()> {
    let mut documents = Documents::new(format, values.len());
    for value in values {
        documents.add(value)?;
    }
    documents.finish()
}

/// JSON about several inputs: a document for one, an array for more, whatever becomes of them; or a line for
/// each, as it comes.
struct Documents {
    format: Format,
    /// Inputs that were named.
    inputs: usize,
    values: Vec<Value>,
}

impl Documents {
    fn new(format: Format, inputs: usize) -> Self {
        Documents {
            format,
            inputs,
            values: Vec::new(),
        }
    }

    fn add(&mut self, value: Value) -> io::Result<()> {
        if self.format == Format::Jsonl {
            let mut out = style::plain_stdout();
            writeln!(out, "{value}")?;
            return out.flush();
        }
        self.values.push(value);
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        let value = match self.format {
            Format::Json if self.inputs > 1 => Value::Array(self.values),
            Format::Json if !self.values.is_empty() => self.values.remove(0),
            Format::Json | Format::Jsonl | Format::Text => return Ok(()),
        };
        let mut out = style::plain_stdout();
        serde_json::to_writer_pretty(&mut out, &value)?;
        writeln!(out)?;
        out.flush()
    }
}

/// A checkpoint that an image does not have.
fn no_checkpoint(name: &str, asked: usize, count: usize) -> Failure {
    let has = match count {
        0 => String::from("there is none"),
        1 => String::from("there is only checkpoint 0"),
        _ => format!("the last is checkpoint {}", count - 1),
    };
    Failure::Usage(format!("{name}: --checkpoint {asked}: {has}"))
}
