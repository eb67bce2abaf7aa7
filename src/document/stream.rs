//! A document with a list that is longer than memory should hold: its entries are written one by one.

use std::io::{self, Write};

use serde::Serialize;

/// A document being written.
///
/// ```text
/// begin --entry--> entries --entry--> ... --finish--> written
/// ```
#[derive(Debug)]
pub struct Listing<W> {
    out: W,
    empty: bool,
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
        Ok(Listing { out, empty: true })
    }

    /// Writes an entry on a line of its own.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn entry(&mut self, entry: &impl Serialize) -> io::Result<()> {
        self.separate()?;
        serde_json::to_writer(&mut self.out, entry)?;
        Ok(())
    }

    /// What stands in front of an entry that the caller writes, since it is itself too long.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn separate(&mut self) -> io::Result<&mut W> {
        let comma = if std::mem::take(&mut self.empty) { "" } else { "," };
        write!(self.out, "{comma}\n    ")?;
        Ok(&mut self.out)
    }

    /// Ends the list and the document.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(if self.empty { b"]\n}\n" } else { b"\n  ]\n}\n" })?;
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
}
