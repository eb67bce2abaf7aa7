//! What the user says.

use std::path::PathBuf;

use clap::ValueHint;
use ia64save_codec::Version;

use crate::cli::args::{Format, Packing, Reading};

/// What the user says.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Where to write the repaired image; - is standard output. With --pages-only, a folder
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::AnyPath)]
    pub out: PathBuf,

    /// Write the pages that are there, and nothing else: OUT/pages.bin, and OUT/pages.json, which says
    /// which they are. That is no image: vcpus and devices are never made up
    #[arg(long)]
    pub pages_only: bool,

    /// The version of the stream (1, 2 or 3), where its word is damaged and more than one would fit
    #[arg(long, value_name = "N", value_parser = version)]
    pub format_version: Option<Version>,

    /// Refuse where OUT exists, instead of replacing it once the new file is whole
    #[arg(long)]
    pub no_clobber: bool,

    #[command(flatten)]
    pub packing: Packing,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    #[command(flatten)]
    pub reading: Reading,
}

fn version(text: &str) -> Result<Version, String> {
    let number = text.parse().ok().and_then(Version::from_word);
    number.ok_or_else(|| "1, 2 or 3".into())
}
