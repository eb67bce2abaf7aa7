//! Writes the page of a pfn, as of the end of the image, to standard output:
//! `cargo run -p ia64save-codec --example extract_page -- IMAGE PFN | xxd`.

use std::error::Error;
use std::io::{Write, stdout};

use ia64save_codec::SaveFile;
use ia64save_codec::image::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (path, pfn) = args.next().zip(args.next()).ok_or("IMAGE and PFN")?;
    let pfn = match pfn.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16)?,
        None => pfn.parse()?,
    };
    let file = SaveFile::parse(&std::fs::read(path)?.into(), &Options::default())?;
    let last = file.image.checkpoints.len().saturating_sub(1);
    // A live save sends a page again; this is the copy that counts.
    let (offset, page) = file.image.page_of(last, pfn).ok_or("no such page")?;
    eprintln!("pfn {pfn:#x}: page at byte {offset}");
    Ok(stdout().write_all(page)?)
}
