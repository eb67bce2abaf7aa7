//! What a person can read in memory.

use std::io::{self, Write};
use std::path::Path;

use ia64save::Loaded;
use ia64save::document::hex;
use ia64save::files::OutputFile;
use ia64save_codec::memory::{Memory, Text, Texts};
use serde_json::json;

use super::args::Args;
use crate::cli::args::Format;
use crate::cli::exit::Failure;

/// A row is a line: address, pfn, text. They are many, and a row may be long: none of them is held.
pub fn run(args: &Args, loaded: &Loaded) -> Result<(), Failure> {
    let target = args.out.as_deref().unwrap_or(Path::new("-"));
    let out = OutputFile::create_secret(target, !args.no_clobber)?.listing();
    let mut out = out.packed(args.packing.of(target))?;
    let memory = Memory::new(loaded.image(), args.checkpoint);
    let teller = Teller {
        memory: &memory,
        format: args.format,
    };
    let mut written = match args.format {
        Format::Json => out.write_all(head(args, loaded).as_bytes()),
        Format::Text | Format::Jsonl => Ok(()),
    };
    let mut first = true;
    let mut tell = |row: Text| {
        if written.is_ok() {
            written = teller.tell(&row, first, &mut out);
            first = false;
        }
        written.is_ok()
    };
    loaded.letting_go(|| Texts::new(args.min_length).search(&memory, &mut tell));
    written?;
    if args.format == Format::Json {
        out.write_all(b"\n  ]\n}\n")?;
    }
    loaded.verify()?;
    out.commit()?;
    Ok(())
}

/// A JSON document up to its list of texts.
fn head(args: &Args, loaded: &Loaded) -> String {
    let file = json!(loaded.name);
    format!(
        "{{\n  \"schema\": \"ia64save/strings/1\",\n  \"file\": {file},\n  \"min_length\": {},\n  \"texts\": [",
        args.min_length
    )
}

struct Teller<'a> {
    memory: &'a Memory<'a>,
    format: Format,
}

impl Teller<'_> {
    fn tell(&self, row: &Text, first: bool, out: &mut dyn Write) -> io::Result<()> {
        let page_size = self.memory.page_size();
        let address = row
            .pfn
            .wrapping_mul(page_size)
            .wrapping_add(row.in_page as u64);
        let pieces = row.pieces(self.memory);
        if self.format == Format::Text {
            let pfn = format!("{:#x}", row.pfn);
            write!(out, "{address:#012x}  pfn {pfn:>7}  ")?;
            for piece in pieces {
                out.write_all(piece.as_bytes())?;
            }
            return out.write_all(b"\n");
        }
        let (before, after) = match (self.format, first) {
            (Format::Json, true) => ("\n    ", ""),
            (Format::Json, false) => (",\n    ", ""),
            _ => ("", "\n"),
        };
        let (address, pfn, offset) = (hex(address), row.pfn, row.offset);
        write!(
            out,
            "{before}{{\"address\":{address},\"pfn\":{pfn},\"file_offset\":{offset},\"text\":\""
        )?;
        for piece in pieces {
            let quoted = json!(piece).to_string();
            out.write_all(&quoted.as_bytes()[1..quoted.len() - 1])?;
        }
        write!(out, "\"}}{after}")
    }
}
