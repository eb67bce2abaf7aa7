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
use ia64save::files::{self, OutputFile};

use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::style;
use page::Page;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print the page of this command instead of that of ia64save itself: info, simulate save
    pub command: Vec<String>,

    /// Write every page into this folder instead: ia64save.1, ia64save-info.1, ia64save-simulate-save.1 ...
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = ValueHint::DirPath)]
    pub all: Option<PathBuf>,

    /// Refuse where one of the pages exists, and write none then
    #[arg(long, requires = "all")]
    pub no_clobber: bool,
}

/// Runs the command.
pub fn run(args: &Args, mut root: clap::Command) -> Result<Outcome, Failure> {
    root.build();
    if let Some(folder) = &args.all {
        if folder.as_os_str() == "-" {
            return Err(Failure::Usage("--all takes a folder".into()));
        }
        fs::create_dir_all(folder).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
        })?;
        let mut pages = Vec::new();
        collect(folder, &root, &mut Vec::new(), &mut pages);
        let there = pages
            .iter()
            .find(|(path, _)| path.symlink_metadata().is_ok());
        if let (Some((path, _)), true) = (there, args.no_clobber) {
            return Err(files::kept(path).into());
        }
        for (path, roff) in pages {
            let mut out = OutputFile::create_public(&path, !args.no_clobber)?;
            out.write_all(roff.as_bytes())?;
            out.commit()?;
        }
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

/// A command's page, and those of its subcommands, which it cites: where they go, and what they say.
fn collect<'a>(
    folder: &Path,
    command: &'a clap::Command,
    parents: &mut Vec<&'a clap::Command>,
    pages: &mut Vec<(PathBuf, String)>,
) {
    let page = Page::new(command, parents);
    pages.push((folder.join(format!("{}.1", page.name())), page.roff()));
    parents.push(command);
    for inner in with_pages(command) {
        collect(folder, inner, parents, pages);
    }
    parents.pop();
}

/// The subcommands that have pages.
fn with_pages(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    let all = command.get_subcommands();
    all.filter(|command| command.get_name() != "help")
}
