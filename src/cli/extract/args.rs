//! What the user can say to `extract`.

use std::path::PathBuf;

use clap::{ArgGroup, ValueHint};

use crate::cli::args::{Format, Packing, Reading, number};
use crate::cli::space::Space;

/// The arguments of `extract`.
#[allow(clippy::struct_excessive_bools)] // each is a switch of its own
#[derive(clap::Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args([
    "elf_core", "virtual_", "xen_core", "raw", "page", "range", "vcpu", "config", "device_model",
    "hvm_record", "strings",
]))]
pub struct Args {
    /// The image, or a core of xm dump-core; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// An ELF core of the guest's memory at physical addresses, with the registers of each vcpu
    #[arg(long, help_heading = "What", conflicts_with_all = ["xen_core", "raw", "page", "range",
          "config", "device_model", "hvm_record", "strings"])]
    pub elf_core: bool,

    /// An ELF core at the virtual addresses of a vcpu (--vcpu; the first without)
    #[arg(long = "virtual", help_heading = "What", conflicts_with_all = ["xen_core", "raw", "page",
          "range", "config", "device_model", "hvm_record", "strings"])]
    pub virtual_: bool,

    /// A core as xm dump-core wrote it
    #[arg(long, help_heading = "What", conflicts_with_all = ["raw", "page", "range", "vcpu", "config",
          "device_model", "hvm_record", "strings"])]
    pub xen_core: bool,

    /// Memory alone, each page at its address
    #[arg(long, help_heading = "What", conflicts_with_all = ["page", "range", "vcpu", "config",
          "device_model", "hvm_record", "strings"])]
    pub raw: bool,

    /// One page; a number may begin with 0x
    #[arg(long, value_name = "PFN", help_heading = "What", value_parser = number,
          conflicts_with_all = ["range", "vcpu", "config", "device_model", "hvm_record", "strings"])]
    pub page: Option<u64>,

    /// The pages from pfn A up to, but without, pfn B
    #[arg(long, value_name = "A..B", help_heading = "What", value_parser = range,
          conflicts_with_all = ["vcpu", "config", "device_model", "hvm_record", "strings"])]
    pub range: Option<(u64, u64)>,

    /// The context of a vcpu as it is in the stream; with --virtual, whose view is taken
    #[arg(long, value_name = "N", help_heading = "What",
          conflicts_with_all = ["config", "device_model", "hvm_record", "strings"])]
    pub vcpu: Option<u32>,

    /// The configuration that the envelope holds
    #[arg(long, help_heading = "What", conflicts_with_all = ["device_model", "hvm_record", "strings"])]
    pub config: bool,

    /// The state of the device model that follows the stream
    #[arg(long, help_heading = "What", conflicts_with_all = ["hvm_record", "strings"])]
    pub device_model: bool,

    #[arg(
        long,
        value_name = "TYPE[INSTANCE]",
        help_heading = "What",
        conflicts_with = "strings",
        help = "The body of an HVM record: VPD[1], VIOSAPIC, 4[0]"
    )]
    pub hvm_record: Option<String>,

    /// What a person can read in memory: address, pfn and text of each row of characters
    #[arg(long, help_heading = "What")]
    pub strings: bool,

    /// With --strings: least number of characters in a row
    #[arg(long, value_name = "N", default_value_t = 6, requires = "strings")]
    pub min_length: usize,

    /// Where to write; - is standard output. Configuration and strings go there by themselves
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,

    /// Refuse where OUT exists, instead of replacing it once the new file is whole
    #[arg(long)]
    pub no_clobber: bool,

    /// Read a damaged image, or a packed one that is cut short, as far as it goes
    #[arg(long)]
    pub damaged: bool,

    /// The checkpoint to take: 0, or the number of a Remus round
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub checkpoint: usize,

    #[command(flatten)]
    pub space: Space,

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

fn range(text: &str) -> Result<(u64, u64), String> {
    let (first, end) = text
        .split_once("..")
        .ok_or("two pfns, such as 0x70..0x80")?;
    let (first, end) = (number(first)?, number(end)?);
    if first < end {
        Ok((first, end))
    } else {
        Err("the second pfn has to be the larger one".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_behind_where_they_begin() {
        assert_eq!(range("0x70..128"), Ok((0x70, 128)));
        for text in ["", "5", "5..", "..5", "5..5", "6..5", "a..b", "0x..0x1"] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
