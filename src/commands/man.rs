//! `man`: the manual pages.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{CommandFactory, ValueHint};
use clap_mangen::Man;

use crate::args::Cli;
use crate::exit::{Failure, Outcome};
use crate::output::file::OutputFile;
use crate::output::style;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print the page of this command instead of that of ia64save itself: info, simulate save
    pub command: Vec<String>,

    /// Write every page into this folder instead: ia64save.1, ia64save-info.1, ia64save-simulate-save.1 ...
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = ValueHint::DirPath)]
    pub all: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let mut root = Cli::command();
    root.build();
    if let Some(folder) = &args.all {
        if folder.as_os_str() == "-" {
            return Err(Failure::Usage("--all takes a folder".into()));
        }
        fs::create_dir_all(folder).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
        })?;
        write_all(folder, &root)?;
        return Ok(Outcome::Fine);
    }
    let mut command = &root;
    for name in &args.command {
        let found = with_pages(command).find(|own| own.get_name() == name);
        let unknown = || Failure::Usage(format!("there is no command {}", args.command.join(" ")));
        command = found.ok_or_else(unknown)?;
    }
    style::plain_stdout().write_all(&page(command)?)?;
    Ok(Outcome::Fine)
}

/// Writes a command's page, and those of its subcommands, which it cites.
fn write_all(folder: &Path, command: &clap::Command) -> Result<(), Failure> {
    let mut out = OutputFile::create_public(&folder.join(format!("{}.1", name(command))), true)?;
    out.write_all(&page(command)?)?;
    out.commit()?;
    with_pages(command).try_for_each(|command| write_all(folder, command))
}

/// The subcommands that have pages.
fn with_pages(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    let all = command.get_subcommands();
    all.filter(|command| command.get_name() != "help")
}

/// How a command is called as `man` calls it, with dashes.
fn name(command: &clap::Command) -> String {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    name.replace(' ', "-")
}

/// A command's page.
fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let name = name(command);
    let mut command = command.clone();
    if command.has_subcommands() {
        // It has no page to be cited.
        command = command.mut_subcommand("help", |help| help.hide(true));
    }
    let mut bytes = Vec::new();
    Man::new(command)
        .title(name.to_uppercase())
        .source(concat!("ia64save ", env!("CARGO_PKG_VERSION")))
        .manual("ia64save")
        .render(&mut bytes)?;
    Ok(bytes)
}
