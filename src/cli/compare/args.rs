//! What the user says.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::args::{Format, Reading};

/// The arguments of `compare`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit codes: 0 nothing differs, 1 something does, 2 and up: they could not be compared."
)]
pub struct Args {
    /// One image, or a core of xm dump-core
    #[arg(value_name = "A", value_hint = ValueHint::FilePath)]
    pub a: PathBuf,

    /// The other
    #[arg(value_name = "B", value_hint = ValueHint::FilePath)]
    pub b: PathBuf,

    /// Compare every byte of the two instead of what they mean; packed files are unpacked first
    #[arg(long, conflicts_with = "garbage")]
    pub strict: bool,

    /// Count padding and uninitialised bytes too
    #[arg(long)]
    pub garbage: bool,

    /// B was restored from A, or both from a third: leave out what a restore changes by design (clocks, events
    /// that wait, start_info, pages of devices), and list it apart
    #[arg(long, conflicts_with = "strict")]
    pub restored: bool,

    /// Most differences that are listed; all are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,

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
