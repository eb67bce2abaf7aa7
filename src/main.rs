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
mod exit;
mod input;
mod load;
mod migration;
mod output;
mod progress;
mod report;
mod scan;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match cli.color {
        args::Color::Auto => {}
        args::Color::Always => anstream::ColorChoice::Always.write_global(),
        args::Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    commands::run(&cli).into()
}
