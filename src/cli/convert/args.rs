//! What the user says.

use std::path::PathBuf;

use clap::{ArgGroup, ValueHint};

use super::target::{Target, target};
use crate::cli::args::{EnvelopeKind, Format, Packing, Reading};

/// What the user says.
#[derive(clap::Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["to", "compact", "envelope"]))]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IN", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Where to write; - is standard output
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,

    /// Write this dialect: a release (xen-3.4), a tree (dev-20071021), an id (D11), or an era of one (D7c)
    #[arg(long, value_name = "DIALECT", value_parser = target)]
    pub to: Option<Target>,

    /// Keep the last copy of each page alone, in the order of their pfns
    #[arg(long)]
    pub compact: bool,

    /// Write this envelope around the stream instead of the one there is
    #[arg(long, value_name = "KIND")]
    pub envelope: Option<EnvelopeKind>,

    /// The configuration to put into the envelope
    #[arg(long, value_name = "FILE", requires = "envelope", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Write even where something is lost
    #[arg(long)]
    pub allow_loss: bool,

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
