//! `guest`: what a Linux in the image says.
//!
//! | file | what lives there |
//! |---|---|
//! | `source` | image, kernel's file, and whether they belong together |
//! | `info`, `log`, `ps`, `modules`, `maps`, `symbols` | a command each |

pub mod info;
pub mod log;
mod maps;
pub mod modules;
pub mod ps;
pub mod source;
mod symbols;

use clap::Subcommand;

use crate::cli::exit::{Failure, Outcome};
use source::Source;

/// The arguments of `guest`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Subcommand, Debug)]
pub enum What {
    /// Show which system it is: banner, names, times, processors
    Info(Source),
    /// Print the kernel's log
    Log(Source),
    /// List the processes
    Ps(Source),
    /// List the modules
    Modules(Source),
    /// Show the address space of a process
    Maps(maps::Maps),
    /// Show what lies at addresses: function, line, variable
    Symbols(symbols::Symbols),
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    match &args.what {
        What::Info(source) => info::run(source),
        What::Log(source) => log::run(source),
        What::Ps(source) => ps::run(source),
        What::Modules(source) => modules::run(source),
        What::Maps(maps) => maps::run(maps),
        What::Symbols(symbols) => symbols::run(symbols),
    }
}
