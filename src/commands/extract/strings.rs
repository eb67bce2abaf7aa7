//! What a person can read in memory.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use ia64save_codec::memory::{Memory, Text, Texts};
use serde_json::json;

use super::Extract;
use crate::args::Format;
use crate::exit::Failure;
use crate::load::Loaded;
use crate::output::file::OutputFile;
use crate::report::hex;

/// A row is a line: address, pfn, text. They are many, so JSON has one document a line.
pub fn run(args: &Extract, loaded: &Loaded) -> Result<(), Failure> {
    let target = args.out.as_deref().unwrap_or(Path::new("-"));
    let mut out = OutputFile::create_secret(target, !args.no_clobber)?.listing();
    let memory = Memory::new(loaded.image(), args.checkpoint);
    let page_size = memory.page_size();
    let mut written = Ok(());
    let mut line = String::new();
    let mut tell = |row: Text| {
        line.clear();
        let address = row
            .pfn
            .wrapping_mul(page_size)
            .wrapping_add(row.in_page as u64);
        match args.format {
            Format::Text => text(&mut line, address, &row),
            Format::Json | Format::Jsonl => {
                let value = json!({
                    "address": hex(address),
                    "pfn": row.pfn,
                    "file_offset": row.offset,
                    "text": row.text,
                });
                let _ = writeln!(line, "{value}");
            }
        }
        written = out.write_all(line.as_bytes());
        written.is_ok()
    };
    loaded.letting_go(|| Texts::new(args.min_length).search(&memory, &mut tell));
    written?;
    loaded.verify()?;
    out.commit()?;
    Ok(())
}

fn text(line: &mut String, address: u64, row: &Text) {
    let pfn = format!("{:#x}", row.pfn);
    let _ = writeln!(line, "{address:#012x}  pfn {pfn:>7}  {}", row.text);
}
