//! What a person can read in memory.

use std::io::{self, Write};
use std::path::Path;

use ia64save::Loaded;
use ia64save::document::memory::StringsHead;
use ia64save::document::name::StringsName;
use ia64save::document::stream::Listing;
use ia64save::document::word::Hex;
use ia64save::files::OutputFile;
use ia64save_codec::memory::{Memory, Text, Texts};

use super::args::Args;
use crate::cli::args::Format;
use crate::cli::exit::Failure;

/// A row is a line: address, pfn, text. They are many, and a row may be long: none of them is held.
pub fn run(args: &Args, loaded: &Loaded) -> Result<(), Failure> {
    let target = args.out.as_deref().unwrap_or(Path::new("-"));
    let out = OutputFile::create_secret(target, !args.no_clobber)?.listing();
    let mut out = out.packed(args.packing.of(target))?;
    let memory = Memory::new(loaded.image(), args.checkpoint);
    let search = |tell: &mut dyn FnMut(Text) -> bool| {
        loaded.letting_go(|| Texts::new(args.min_length).search(&memory, &mut |row| tell(row)));
    };
    let mut written = Ok(());
    if args.format == Format::Text {
        search(&mut |row| {
            written = line(&memory, &row, &mut out);
            written.is_ok()
        });
    } else {
        let mut listing = match args.format {
            Format::Jsonl => Listing::lines(&mut out),
            Format::Json | Format::Text => Listing::begin(&mut out, &head(args, loaded), "texts")?,
        };
        search(&mut |row| {
            written = listing.piecewise(|out| object(&memory, &row, out));
            written.is_ok()
        });
        if written.is_ok() {
            listing.finish()?;
        }
    }
    written?;
    loaded.verify()?;
    out.commit()?;
    Ok(())
}

fn head(args: &Args, loaded: &Loaded) -> StringsHead {
    StringsHead {
        schema: StringsName,
        file: loaded.name.clone(),
        min_length: args.min_length,
    }
}

fn address(memory: &Memory<'_>, row: &Text) -> u64 {
    let page = row.pfn.wrapping_mul(memory.page_size());
    page.wrapping_add(row.in_page as u64)
}

fn line(memory: &Memory<'_>, row: &Text, out: &mut dyn Write) -> io::Result<()> {
    let pfn = format!("{:#x}", row.pfn);
    write!(out, "{:#012x}  pfn {pfn:>7}  ", address(memory, row))?;
    for piece in row.pieces(memory) {
        out.write_all(piece.as_bytes())?;
    }
    out.write_all(b"\n")
}

/// A [`TextDocument`](ia64save::document::memory::TextDocument), its text piece by piece.
fn object(memory: &Memory<'_>, row: &Text, out: &mut dyn Write) -> io::Result<()> {
    let (address, pfn, offset) = (Hex(address(memory, row)), Hex(row.pfn), row.offset);
    write!(
        out,
        "{{\"address\":\"{address}\",\"pfn\":\"{pfn}\",\"file_offset\":{offset},\"text\":\""
    )?;
    for piece in row.pieces(memory) {
        let quoted = serde_json::to_string(&piece)?;
        out.write_all(&quoted.as_bytes()[1..quoted.len() - 1])?;
    }
    out.write_all(b"\"}")
}
