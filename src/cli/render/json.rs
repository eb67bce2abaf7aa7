//! JSON on standard output.

use std::io::{self, Write};

use serde_json::Value;

use super::style;
use crate::cli::args::Format;

/// Prints JSON values: one document, or an array of several, or one a line.
pub fn print_json(values: Vec<Value>, format: Format) -> io::Result<()> {
    let mut documents = Documents::new(format, values.len());
    for value in values {
        documents.add(value)?;
    }
    documents.finish()
}

/// JSON about several inputs: a document for one, an array for more, whatever becomes of them; or a line for
/// each, as it comes.
pub struct Documents {
    format: Format,
    /// Inputs that were named.
    inputs: usize,
    values: Vec<Value>,
}

impl Documents {
    /// For so many inputs.
    pub fn new(format: Format, inputs: usize) -> Self {
        Documents {
            format,
            inputs,
            values: Vec::new(),
        }
    }

    /// What there is to say of one of them.
    pub fn add(&mut self, value: Value) -> io::Result<()> {
        if self.format == Format::Jsonl {
            let mut out = style::plain_stdout();
            writeln!(out, "{value}")?;
            return out.flush();
        }
        self.values.push(value);
        Ok(())
    }

    /// That was all.
    pub fn finish(mut self) -> io::Result<()> {
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
