//! `man`: the manual pages.
//!
//! | file | what lives there |
//! |---|---|
//! | `page` | a command's page, section by section |

mod page;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueHint;

use crate::args;
use crate::exit::{Failure, Outcome};
use crate::output::file::OutputFile;
use crate::output::style;
use page::Page;

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
    let mut root = args::command();
    root.build();
    if let Some(folder) = &args.all {
        if folder.as_os_str() == "-" {
            return Err(Failure::Usage("--all takes a folder".into()));
        }
        fs::create_dir_all(folder).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
        })?;
        write_all(folder, &root, &mut Vec::new())?;
        return Ok(Outcome::Fine);
    }
    let mut parents = Vec::new();
    let mut command = &root;
    for name in &args.command {
        let found = with_pages(command).find(|own| own.get_name() == name);
        let unknown = || {
            let near = with_pages(command)
                .map(|own| (strsim::jaro_winkler(name, own.get_name()), own.get_name()))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(likeness, _)| *likeness > LIKE);
            let more = near.map_or(String::new(), |(_, own)| format!("; did you mean {own}?"));
            Failure::Usage(format!(
                "there is no command {}{more}",
                args.command.join(" ")
            ))
        };
        parents.push(command);
        command = found.ok_or_else(unknown)?;
    }
    let page = Page::new(command, &parents).roff();
    style::plain_stdout().write_all(page.as_bytes())?;
    Ok(Outcome::Fine)
}

/// How much a name has to be like another to be meant.
const LIKE: f64 = 0.8;

/// Writes a command's page, and those of its subcommands, which it cites.
fn write_all<'a>(
    folder: &Path,
    command: &'a clap::Command,
    parents: &mut Vec<&'a clap::Command>,
) -> Result<(), Failure> {
    let page = Page::new(command, parents);
    let mut out = OutputFile::create_public(&folder.join(format!("{}.1", page.name())), true)?;
    out.write_all(page.roff().as_bytes())?;
    out.commit()?;
    parents.push(command);
    for inner in with_pages(command) {
        write_all(folder, inner, parents)?;
    }
    parents.pop();
    Ok(())
}

/// The subcommands that have pages.
fn with_pages(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    let all = command.get_subcommands();
    all.filter(|command| command.get_name() != "help")
}
