//! What the user can say.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, ValueHint};
use ia64save_codec::{Dialect, Guest, Limits};

use crate::output::packing::Packing;

/// Reads, checks and rewrites the save images of Xen on Itanium (ia64).
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 fine, 1 the input is invalid, 2 usage, 3 warnings (--strict), \
                        4 I/O error, 63 the input is another format."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// When to use colours
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        display_order = 900
    )]
    pub color: Color,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what an image is, on one screen
    Info(Info),
    /// Find everything that is wrong with an image
    Check(Check),
    /// Print every field with its offset, size and meaning
    Dump(Dump),
    /// Draw which guest memory an image holds, and where in the file
    Map(Map),
    /// Explain a finding of check
    Explain(Explain),
    /// Rewrite an image: another dialect, another envelope, without superseded pages
    Convert(Convert),
    /// Take something out of an image: cores for debuggers, memory, registers, device state
    Extract(crate::commands::extract::Extract),
    /// Compare two images, by what they mean
    Compare(crate::commands::compare::Compare),
    /// Find bytes or text in guest memory
    Find(crate::commands::find::Find),
    /// Write an image as a tree that can be edited, its pages in a file beside it
    Decode(crate::commands::decode::Args),
    /// Make an image out of a tree that decode wrote
    Encode(crate::commands::encode::Args),
    /// Give single fields other values
    Edit(crate::commands::edit::Args),
    /// Save what can be saved of a damaged image, as an image that passes check
    Repair(crate::commands::repair::Args),
    /// Good and bad streams of every dialect, for other people's parsers
    Corpus(crate::commands::corpus::Args),
    /// Save, restore and move domains on a simulated host
    Simulate(crate::commands::simulate::args::Simulate),
    /// Save, restore and move domains of a real Xen/ia64 host
    #[cfg(feature = "xen")]
    Xen(crate::commands::xen::args::Xen),
    /// Write everything about an image on one page, for a browser
    Report(crate::commands::report::Args),
    /// Make an inventory of many images, one line of JSON each
    Batch(crate::commands::batch::Args),
    /// Print what a shell needs to complete a command line
    Completions(crate::commands::completions::Args),
    /// Print the manual page, or write one for every command
    Man(crate::commands::man::Args),
}

/// How to read an image.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// Read as this dialect instead of finding out: a release (xen-3.4), a tree (dev-20071021) or an id (D11)
    #[arg(long, value_name = "DIALECT", value_parser = dialect)]
    pub dialect: Option<Dialect>,

    /// Read as this kind of guest instead of looking at arch_setup.flags: pv or hvm
    #[arg(long, value_name = "GUEST", value_parser = guest)]
    pub guest: Option<Guest>,

    /// Read files instead of mapping them
    #[arg(long)]
    pub no_mmap: bool,

    /// Bytes of a page, for images that are not of an ia64 host
    #[arg(long, value_name = "BYTES", default_value_t = ia64save_codec::PAGE_SIZE, hide_short_help = true,
          value_parser = page_size)]
    pub page_size: usize,
}

impl Reading {
    /// For the codec.
    pub fn options(&self, zero: bool) -> ia64save_codec::image::Options {
        ia64save_codec::image::Options {
            page_size: self.page_size,
            limits: Limits::default(),
            dialect: self.dialect,
            guest: self.guest,
            zero,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One JSON document a line, for many images
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Args, Debug)]
pub struct Info {
    /// Images; - is standard input. Compressed ones (.zst, .gz, .xz) are recognised
    #[arg(value_name = "IMAGE", required = true, value_hint = ValueHint::FilePath)]
    pub images: Vec<PathBuf>,

    /// Read every byte: give the SHA-256 of the file and count zero pages
    #[arg(long)]
    pub digest: bool,

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

#[derive(Args, Debug)]
pub struct Check {
    /// Images, and folders to look for them in as batch does; - is standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub images: Vec<PathBuf>,

    /// Say nothing of what is valid, and of the rest no more than the verdict
    #[arg(short, long)]
    pub quiet: bool,

    /// Exit with 3 where there are warnings
    #[arg(long)]
    pub strict: bool,

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

#[derive(Args, Debug)]
pub struct Dump {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    #[arg(help = "Only this part: vcpu[0], vcpu[0].regs.cfm, memmap, pages, start_info ...")]
    pub path: Option<String>,

    /// Show padding and reserved fields too
    #[arg(long)]
    pub padding: bool,

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

#[derive(Args, Debug)]
pub struct Map {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// The checkpoint to draw: 0, or the number of a Remus round
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub checkpoint: usize,

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

#[derive(Args, Debug)]
pub struct Explain {
    /// A code that check printed; without one, all codes are listed
    pub code: Option<String>,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvelopeKind {
    /// The stream alone
    Bare,
    /// As xend wrote it (xm save)
    Xend,
    /// As xl wrote it
    Xl,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["to", "compact", "envelope"]))]
pub struct Convert {
    /// The image; - is standard input
    #[arg(value_name = "IN", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Where to write; - is standard output
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,

    /// Write this dialect
    #[arg(long, value_name = "DIALECT", value_parser = dialect)]
    pub to: Option<Dialect>,

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

pub fn dialect(name: &str) -> Result<Dialect, String> {
    name.parse().map_err(|_| {
        let names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

pub fn guest(name: &str) -> Result<Guest, String> {
    name.parse().map_err(|_| "pv or hvm".into())
}

fn page_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 8..=0x100_0000) => Ok(bytes),
        _ => Err("a number from 8 to 16777216".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    /// Calls `look` for every command, with its path.
    fn walk(command: &clap::Command, look: &mut impl FnMut(&clap::Command)) {
        look(command);
        for inner in command.get_subcommands() {
            walk(inner, look);
        }
    }

    #[test]
    fn every_argument_has_help_and_a_letter_means_one_thing() {
        let mut root = Cli::command();
        root.build();
        let mut letters = std::collections::BTreeMap::new();
        walk(&root, &mut |command| {
            let own = command.get_arguments().filter(|own| !own.is_hide_set());
            for argument in own {
                let name = format!("{} {}", command.get_name(), argument.get_id());
                assert!(argument.get_help().is_some(), "{name} has no help");
                let Some(letter) = argument.get_short() else {
                    continue;
                };
                let long = argument.get_long().map(str::to_owned);
                let first = letters.entry(letter).or_insert_with(|| long.clone());
                assert_eq!(*first, long, "-{letter} of {name}");
            }
        });
        assert_eq!(letters[&'o'].as_deref(), Some("out"));
        assert_eq!(letters[&'f'].as_deref(), Some("format"));
    }

    #[test]
    fn what_the_format_was_called_before_is_still_understood() {
        for option in ["--format", "--output", "-f"] {
            let cli = Cli::try_parse_from(["ia64save", "info", option, "json", "x"]);
            let Command::Info(info) = cli.expect("arguments").command else {
                panic!("another command");
            };
            assert_eq!(info.format, Format::Json);
        }
    }
}
