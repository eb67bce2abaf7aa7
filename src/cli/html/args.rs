//! What the user says.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::args::{Packing, Reading};

/// What the user says.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Where to write the page; - is standard output
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,

    /// Show what runs inside too: system, processes, modules, log and backtraces, as the kernel's file with
    /// symbols and DWARF tells (vmlinux). The page then holds what the guest's memory holds
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kernel: Option<PathBuf>,

    /// Take the kernel's file although its banner is not the one in memory
    #[arg(long, requires = "kernel")]
    pub force: bool,

    /// Leave the text of the configuration out: it may hold passwords
    #[arg(long)]
    pub no_config: bool,

    /// Refuse where OUT exists, instead of replacing it once the new file is whole
    #[arg(long)]
    pub no_clobber: bool,

    #[command(flatten)]
    pub packing: Packing,

    #[command(flatten)]
    pub reading: Reading,
}
