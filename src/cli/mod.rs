//! The command line: arguments and rendering. What can be done with a file is the business of the library,
//! what an image means that of `ia64save_codec`.
//!
//! ```text
//! Command -> a file or a folder for each: its arguments, its run, its rendering
//!         -> args (what several let the user say), render (colours, tables, lines that fit), exit
//! ```

mod args;
mod backtrace;
mod batch;
mod check;
mod compare;
mod completions;
mod convert;
mod corpus;
mod decode;
mod dump;
mod edit;
mod encode;
mod examples;
mod exit;
mod explain;
mod extract;
mod find;
mod guest;
mod help;
mod html;
mod info;
mod led;
mod man;
mod map;
mod opened;
mod progress;
mod render;
mod repair;
mod simulate;
mod space;
mod translate;
mod unknown;
#[cfg(feature = "xen")]
mod xen;

use clap::{CommandFactory, Parser, Subcommand};

pub use render::show;

use exit::{Outcome, complain};
use help::{dressed, groups};
use render::style::{HEADING, Painted};

/// What the program was built with.
fn long_version() -> String {
    let features = [
        ("xen", cfg!(feature = "xen")),
        ("parquet", cfg!(feature = "parquet")),
    ];
    let built: Vec<_> = features.iter().filter(|(_, built)| *built).collect();
    let built: Vec<_> = built.iter().map(|(name, _)| *name).collect();
    format!(
        "{} (commit {})\nfeatures: {}",
        env!("CARGO_PKG_VERSION"),
        env!("IA64SAVE_COMMIT"),
        if built.is_empty() {
            "none".into()
        } else {
            built.join(", ")
        }
    )
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
    pub color: args::Color,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what an image is, on one screen
    Info(info::Args),
    /// Find everything that is wrong with an image
    Check(check::Args),
    /// Print every field with its offset, size and meaning
    Dump(dump::Args),
    /// Draw which guest memory an image holds, and where in the file
    Map(map::Args),
    /// Explain a finding of check
    Explain(explain::Args),
    /// Rewrite an image: another dialect, another envelope, without superseded pages
    Convert(convert::Args),
    /// Take something out of an image: cores for debuggers, memory, registers, device state
    Extract(extract::Args),
    /// Compare two images, by what they mean
    Compare(compare::Args),
    /// Find bytes or text in guest memory
    Find(find::Args),
    /// Where virtual addresses of the guest lead, in memory and in the file, and back
    Translate(translate::Args),
    /// Who called whom in the guest when it was saved, with arguments
    Backtrace(backtrace::Args),
    /// What a Linux in the image says: its log, processes, modules
    Guest(guest::Args),
    /// Write an image as a tree that can be edited, its pages in a file beside it
    Decode(decode::Args),
    /// Make an image out of a tree that decode wrote
    Encode(encode::Args),
    /// Give single fields other values
    Edit(edit::Args),
    /// Save what can be saved of a damaged image, as an image that passes check
    Repair(repair::Args),
    /// Good and bad streams of every dialect, for other people's parsers
    Corpus(corpus::Args),
    /// Save, restore and move domains on a simulated host
    Simulate(simulate::args::Simulate),
    /// Save, restore and move domains of a real Xen/ia64 host
    #[cfg(feature = "xen")]
    Xen(xen::args::Xen),
    /// Write everything about an image on one page, for a browser
    Report(html::Args),
    /// Make an inventory of many images, one line of JSON each
    Batch(batch::Args),
    /// Print what a shell needs to complete a command line
    Completions(completions::Args),
    /// Print the manual page, or write one for every command
    Man(man::Args),
}

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

/// Does what the user asked for.
pub fn run(cli: &Cli) -> Outcome {
    match cli.color {
        args::Color::Auto => {}
        args::Color::Always => anstream::ColorChoice::Always.write_global(),
        args::Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let done = match &cli.command {
        Command::Info(args) => info::run(args),
        Command::Check(args) => check::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Decode(args) => decode::run(args),
        Command::Encode(args) => encode::run(args),
        Command::Edit(args) => edit::run(args),
        Command::Corpus(args) => corpus::run(args),
        Command::Completions(args) => completions::run(args, command()),
        Command::Man(args) => man::run(args, command()),
        Command::Batch(args) => batch::run(args),
        Command::Repair(args) => repair::run(args),
        Command::Report(args) => html::run(args),
        Command::Dump(args) => dump::run(args),
        Command::Simulate(args) => simulate::run(args),
        #[cfg(feature = "xen")]
        Command::Xen(args) => xen::run(args),
        Command::Map(args) => map::run(args),
        Command::Extract(args) => extract::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Find(args) => find::run(args),
        Command::Translate(args) => translate::run(args),
        Command::Backtrace(args) => backtrace::run(args),
        Command::Guest(args) => guest::run(args),
    };
    done.unwrap_or_else(|failure| complain(&failure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Format;
    use crate::cli::help::GROUPS;

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
