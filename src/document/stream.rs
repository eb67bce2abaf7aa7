//! A document with a list that is longer than memory should hold: its entries are written one by one.

use std::io::{self, Write};

use serde::Serialize;

/// A document being written: an object whose last key is a list, or the list's entries, a line each.
///
/// ```text
/// begin, lines --entry--> entries --entry--> ... --finish--> written
/// ```
#[derive(Debug)]
pub struct Listing<W> {
    out: W,
    form: Form,
}

/// What stands between entries.
#[derive(Debug)]
enum Form {
    /// The list of a document, which may be empty so far.
    Document { empty: bool },
    /// Lines.
    Lines,
}

impl<W: Write> Listing<W> {
    /// Writes the keys of `head`, which is an object, and begins the list called `name`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin(mut out: W, head: &impl Serialize, name: &str) -> io::Result<Self> {
        let text = serde_json::to_string_pretty(head)?;
        let keys = text.strip_suffix("\n}").unwrap_or("{");
        let comma = if keys == "{" { "" } else { "," };
        write!(out, "{keys}{comma}\n  \"{name}\": [")?;
        Ok(Listing {
            out,
            form: Form::Document { empty: true },
        })
    }

    /// Has nothing in front of the entries, and each on a line of its own.
    pub fn lines(out: W) -> Self {
        Listing {
            out,
            form: Form::Lines,
        }
    }

    /// Writes an entry on a line of its own.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn entry(&mut self, entry: &impl Serialize) -> io::Result<()> {
        self.piecewise(|out| Ok(serde_json::to_writer(out, entry)?))
    }

    /// Has an entry written that is itself too long to be held.
    ///
    /// # Errors
    /// Those of the writer, and those of `write`.
    pub fn piecewise(&mut self, write: impl FnOnce(&mut W) -> io::Result<()>) -> io::Result<()> {
        if let Form::Document { empty } = &mut self.form {
            let comma = if std::mem::take(empty) { "" } else { "," };
            write!(self.out, "{comma}\n    ")?;
        }
        write(&mut self.out)?;
        match self.form {
            Form::Document { .. } => Ok(()),
            Form::Lines => self.out.write_all(b"\n"),
        }
    }

    /// Ends the list and the document.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        match self.form {
            Form::Document { empty: true } => self.out.write_all(b"]\n}\n")?,
            Form::Document { empty: false } => self.out.write_all(b"\n  ]\n}\n")?,
            Form::Lines => {}
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Head {
        schema: &'static str,
    }

    #[derive(Serialize)]
    struct Nothing {}

    #[test]
    fn what_is_written_piece_by_piece_is_a_document() {
        for count in 0..3 {
            let head = Head { schema: "x/1" };
            let mut listing = Listing::begin(Vec::new(), &head, "list").unwrap();
            for number in 0..count {
                listing.entry(&number).unwrap();
            }
            let text = listing.finish().unwrap();
            let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(value["schema"], "x/1");
            assert_eq!(value["list"].as_array().unwrap().len(), count);
        }
        let listing = Listing::begin(Vec::new(), &Nothing {}, "list").unwrap();
        assert_eq!(listing.finish().unwrap(), b"{\n  \"list\": []\n}\n");
    }

    #[test]
    fn lines_have_nothing_around_them() {
        let mut listing = Listing::lines(Vec::new());
        listing.entry(&1).unwrap();
        listing.piecewise(|out| out.write_all(b"2")).unwrap();
        assert_eq!(listing.finish().unwrap(), b"1\n2\n");
    }
}
