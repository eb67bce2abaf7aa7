//! The program: what the user says goes to [`cli`], which shows what the library found.

mod cli;

use std::process::ExitCode;

use clap::FromArgMatches as _;
use ia64save::signals;

fn main() -> ExitCode {
    // First of all: no other handler gets between a fault and its message. Without them the process
    // ends as it would anyway.
    let _ = signals::expect_shrinking_files();
    let _ = signals::expect_limits();
    let _ = signals::expect_interruption();
    let matches = cli::command().try_get_matches();
    match matches.and_then(|found| cli::Cli::from_arg_matches(&found)) {
        Ok(cli) => cli::run(&cli).into(),
        Err(error) => cli::show(&error),
    }
}
