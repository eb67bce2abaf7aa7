//! Counts the pages of an image: `cargo run -p ia64save-codec --example count_pages -- IMAGE`.

use std::error::Error;

use ia64save_codec::SaveFile;
use ia64save_codec::image::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which image?")?;
    let look_into_every_page = true;
    let options = Options::default().zero(look_into_every_page);
    let file = SaveFile::parse(&std::fs::read(path)?.into(), &options)?;
    for (index, checkpoint) in file.image.checkpoints.iter().enumerate() {
        let pages = &checkpoint.pages;
        println!(
            "checkpoint {index}: {} records, {} pages, {} sent again, {} zero",
            pages.len(),
            pages.distinct(),
            pages.superseded(),
            pages.zero().unwrap_or(0),
        );
    }
    // A broken image has what could be read, and the error that ended it.
    file.image.error.map_or(Ok(()), |error| Err(error.into()))
}
