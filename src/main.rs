//! The command line: arguments, files, threads and rendering. What an image means is the business
//! of `ia64save-codec`.
//!
//! ```text
//! args -> commands -> load -> input (files, pipes, compression), scan (page records, side by side)
//!                  -> report (JSON), output (colours, tables, hex lines, files)
//! ```

mod args;
mod cancel;
mod commands;
#[allow(dead_code)]
mod document;
mod examples;
mod exit;
mod input;
mod load;
mod migration;
mod output;
mod progress;
mod report;
mod scan;

use std::io::Write;
use std::process::ExitCode;

use clap::FromArgMatches;

fn main() -> ExitCode {
    // First of all: no other handler gets between a fault and its message. Without them the process
    // ends as it would anyway.
    let _ = input::signals::expect_shrinking_files();
    let _ = input::signals::expect_limits();
    let matches = args::command().try_get_matches();
    let cli = match matches.and_then(|found| args::Cli::from_arg_matches(&found)) {
        Ok(cli) => cli,
        Err(error) => return show(&error),
    };
    match cli.color {
        args::Color::Auto => {}
        args::Color::Always => anstream::ColorChoice::Always.write_global(),
        args::Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    commands::run(&cli).into()
}

/// Prints help, or what is wrong with the arguments, in lines that fit.
fn show(error: &clap::Error) -> ExitCode {
    let text = error.render();
    let text = text.ansi();
    let _ = if error.use_stderr() {
        write!(output::style::stderr(), "{text}")
    } else {
        write!(output::style::stdout(), "{text}")
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
