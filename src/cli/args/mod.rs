//! What the user can say.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};
use ia64save_codec::{Dialect, Era, Guest, Limits};

use crate::examples;
use crate::output::packing::Packing;
use crate::output::style::{HEADING, LABEL, Painted};

/// What the program was built with.
const fn long_version() -> &'static str {
    macro_rules! version {
        ($features:literal) => {
            concat!(
                env!("CARGO_PKG_VERSION"),
                " (commit ",
                env!("IA64SAVE_COMMIT"),
                ")\nfeatures: ",
                $features
            )
        };
    }
    match (cfg!(feature = "xen"), cfg!(feature = "parquet")) {
        (true, true) => version!("xen, parquet"),
        (true, false) => version!("xen"),
        (false, true) => version!("parquet"),
        (false, false) => version!("none"),
    }
}

/// Reads, checks and rewrites the save images of Xen on Itanium (ia64).
#[derive(Debug, Parser)]
#[command(
    version,
    long_version = long_version(),
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

    /// Understand as this era instead of finding out: an id (D7c) or a release (xen-3.1); it implies the dialect
    #[arg(long, value_name = "ERA", value_parser = era, conflicts_with = "dialect")]
    pub era: Option<Era>,

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

    /// Bytes that a packed image, or one from a pipe, may take in the temporary folder (10G), where
    /// random access is needed [default: half of what is free there]
    #[arg(long, value_name = "BYTES", hide_short_help = true, value_parser = bytes)]
    pub unpack_limit: Option<u64>,
}

impl Reading {
    /// For the codec.
    pub fn options(&self, zero: bool) -> ia64save_codec::image::Options {
        ia64save_codec::image::Options {
            page_size: self.page_size,
            limits: Limits::default(),
            dialect: self.dialect,
            era: self.era,
            guest: self.guest,
            zero,
            ..ia64save_codec::image::Options::default()
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

    /// Read every byte: give the SHA-256 of the file, and of what is in a packed one; count zero pages
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

pub fn dialect(name: &str) -> Result<Dialect, String> {
    name.parse().map_err(|_| {
        let names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

/// An era by its id or a release, or by a dialect's name, which means the usual one.
pub fn era(name: &str) -> Result<Era, String> {
    name.parse().map_err(|_| {
        let ids: Vec<_> = Era::ALL.iter().map(|era| era.id()).collect();
        format!("one of {}, or a release (xen-3.4)", ids.join(", "))
    })
}

/// What to convert to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An era, or the release that names one.
    Era(Era),
    /// A dialect, whatever its fields mean.
    Dialect(Dialect),
}

impl Target {
    /// The era of the result. What is of the dialect already keeps its own; else the usual one is taken.
    pub fn era(self, from: Era) -> Era {
        match self {
            Target::Era(era) => era,
            Target::Dialect(dialect) if from.dialect() == dialect => from,
            Target::Dialect(dialect) => Era::usual(dialect),
        }
    }
}

/// An era or a release by its name, else a dialect.
fn target(name: &str) -> Result<Target, String> {
    let is_release = || Era::releases().any(|(release, _)| release == name);
    let era = name.parse::<Era>().map_err(|_| {
        let names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        format!("one of {}, or an era", names.join(", "))
    })?;
    let dialect = name.parse::<Dialect>().ok();
    Ok(match dialect.filter(|_| !is_release()) {
        Some(dialect) => Target::Dialect(dialect),
        None => Target::Era(era),
    })
}

pub fn guest(name: &str) -> Result<Guest, String> {
    name.parse().map_err(|_| "pv or hvm".into())
}

fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || String::from("a number of bytes, or of K, M, G or T");
    let (digits, shift) = match text.char_indices().next_back().ok_or_else(wrong)? {
        (at, 'K' | 'k') => (&text[..at], 10),
        (at, 'M' | 'm') => (&text[..at], 20),
        (at, 'G' | 'g') => (&text[..at], 30),
        (at, 'T' | 't') => (&text[..at], 40),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

fn page_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 8..=0x100_0000) => Ok(bytes),
        _ => Err("a number from 8 to 16777216".into()),
    }
}

/// What commands are for: heading, commands.
pub const GROUPS: [(&str, &[&str]); 7] = [
    (
        "Look",
        &[
            "info", "check", "dump", "map", "compare", "report", "batch", "explain",
        ],
    ),
    ("Change", &["convert", "edit", "decode", "encode"]),
    ("Rescue", &["repair"]),
    ("Guest memory", &["extract", "find"]),
    ("Simulate", &["simulate", "corpus"]),
    ("Real host", &["xen"]),
    ("Shell", &["completions", "man", "help"]),
];

/// Everything that the user can say, with help in groups and examples.
pub fn command() -> clap::Command {
    let mut root = dressed(Cli::command(), "");
    root.build();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{}\n{{options}}{{after-help}}",
        groups(&root),
        Painted(HEADING, "Options:")
    );
    root.help_template(template)
}

/// The list of commands below the headings of their groups.
fn groups(root: &clap::Command) -> String {
    let widest = root.get_subcommands().map(|c| c.get_name().len()).max();
    let widest = widest.unwrap_or(0);
    let mut out = String::new();
    for (heading, names) in GROUPS {
        let found = names.iter().filter_map(|name| root.find_subcommand(name));
        let lines: Vec<_> = found
            .map(|command| {
                let name = Painted(LABEL, format!("{:widest$}", command.get_name()));
                let about = command.get_about().map(ToString::to_string);
                format!("  {name}  {}\n", about.unwrap_or_default())
            })
            .collect();
        if !lines.is_empty() {
            let _ = writeln!(out, "{}", Painted(HEADING, format!("{heading}:")));
            out.extend(lines);
            out.push('\n');
        }
    }
    out
}

/// A command with the program's name in its version, and with examples in its long help.
fn dressed(command: clap::Command, path: &str) -> clap::Command {
    let own = examples::of(path);
    let mut command = command.display_name("ia64save");
    if !own.is_empty() {
        let mut text = Painted(HEADING, "Examples:").to_string();
        for (line, what) in own {
            let _ = write!(
                text,
                "\n  {what}:\n    {}",
                Painted(LABEL, format!("ia64save {line}"))
            );
        }
        if let Some(after) = command.get_after_help() {
            let _ = write!(text, "\n\n{}", after.ansi());
        }
        command = command.after_long_help(text);
    }
    let names: Vec<String> = command
        .get_subcommands()
        .map(|inner| inner.get_name().to_owned())
        .collect();
    for name in names {
        let inner = if path.is_empty() {
            name.clone()
        } else {
            format!("{path} {name}")
        };
        command = command.mut_subcommand(name, |found| dressed(found, &inner));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_era_or_a_dialect() {
        assert_eq!(target("xen-3.1"), Ok(Target::Era(Era::D1bF)));
        assert_eq!(target("d7c"), Ok(Target::Era(Era::D7C)));
        assert_eq!(target("D8"), Ok(Target::Dialect(Dialect::D8)));
        let d8 = target("dev-20071021").unwrap();
        assert_eq!(d8.era(Era::D8A), Era::D8A, "it has one already");
        assert_eq!(d8.era(Era::D7C), Era::D8B);
        assert!(target("xen-5").is_err());
    }

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
    fn every_command_is_in_one_group_and_has_examples_that_parse() {
        let mut root = command();
        root.build();
        for inner in root.get_subcommands() {
            let name = inner.get_name();
            let count = |names: &[&str]| names.iter().filter(|own| **own == name).count();
            let groups: usize = GROUPS.iter().map(|(_, names)| count(names)).sum();
            assert_eq!(groups, 1, "{name}");
            assert!(name == "help" || !examples::of(name).is_empty(), "{name}");
        }
        let mut looked = 0;
        walk(&root, &mut |found| {
            let path = found.get_bin_name().unwrap_or_default();
            let path = path.strip_prefix("ia64save").unwrap_or(path).trim();
            for (line, _) in examples::of(path) {
                // Words as a shell would make them.
                let mut words = vec![String::from("ia64save"), String::new()];
                let mut quoted = false;
                for letter in line.chars() {
                    match letter {
                        '\'' => quoted = !quoted,
                        ' ' if !quoted => words.push(String::new()),
                        letter => words.last_mut().expect("a word").push(letter),
                    }
                }
                let parsed = command().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                looked += 1;
            }
        });
        assert!(looked > 40, "{looked}");
    }

    #[test]
    fn the_version_names_the_program_its_commit_and_its_features() {
        for words in [
            &["ia64save", "--version"][..],
            &["ia64save", "info", "--version"],
        ] {
            let shown = command()
                .try_get_matches_from(words)
                .unwrap_err()
                .to_string();
            let expected = concat!("ia64save ", env!("CARGO_PKG_VERSION"), " (commit ");
            assert!(shown.starts_with(expected), "{shown}");
            assert!(shown.contains("\nfeatures: "), "{shown}");
        }
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
