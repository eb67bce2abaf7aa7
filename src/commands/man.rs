//! `man`: the manual pages.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{CommandFactory, ValueHint};
use clap_mangen::Man;

use crate::args::Cli;
use crate::exit::{Failure, Outcome};
use crate::output::file::OutputFile;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print the page of this command instead of that of ia64save itself
    pub command: Option<String>,

    /// Write every page into this folder instead: ia64save.1, ia64save-info.1 ...
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = ValueHint::DirPath)]
    pub all: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let mut root = Cli::command();
    root.build();
    let pages: Vec<_> = root
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
        .map(|command| (command.get_name().to_owned(), command.clone()))
        .collect();
    if let Some(folder) = &args.all {
        fs::create_dir_all(folder).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
        })?;
        let write = |name: &str, command: clap::Command| -> Result<(), Failure> {
            let mut out = OutputFile::create(&folder.join(format!("{name}.1")), true)?;
            out.write_all(&page(command)?)?;
            Ok(out.commit()?)
        };
        for (name, command) in pages {
            write(&format!("ia64save-{name}"), command)?;
        }
        write("ia64save", root)?;
        return Ok(Outcome::Fine);
    }
    let command = match &args.command {
        None => root,
        Some(name) => {
            let found = pages.into_iter().find(|(own, _)| own == name);
            found
                .ok_or_else(|| Failure::Usage(format!("there is no command {name}")))?
                .1
        }
    };
    io::stdout().write_all(&page(command)?)?;
    Ok(Outcome::Fine)
}

/// A command's page. A subcommand is called as `man` calls it, with a dash.
fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .replace(' ', "-");
    let mut bytes = Vec::new();
    Man::new(command)
        .title(name.to_uppercase())
        .source(concat!("ia64save ", env!("CARGO_PKG_VERSION")))
        .manual("ia64save")
        .render(&mut bytes)?;
    Ok(bytes)
}
