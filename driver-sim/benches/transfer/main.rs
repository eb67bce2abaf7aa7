//! `cargo bench -p ia64save-sim --bench transfer`: save and restore against memcpy.
//!
//! Absolute times depend on the machine and on the hour, so everything is a ratio of two measurements
//! that were taken in turns, in one run.
//!
//! | file | what lives there |
//! |---|---|
//! | `options` | the command line |
//! | `copies` | a domain saved and restored, against its memory copied in pieces of 16 KiB |
//! | `calls` | calls to the hypervisor for each 1000 pages |
//! | `resident` | memory that a restore holds beyond the guest's own |
//! | `table` | the result |

mod calls;
mod copies;
mod options;
mod resident;
mod table;

use std::process::ExitCode;

use options::{HELP, Options};
use table::Table;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args
        .iter()
        .any(|arg| matches!(arg.as_str(), "--help" | "-h"))
    {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(&args) {
        Ok(options) => options,
        Err(error) => {
            eprint!("transfer: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let mut table = Table::default();
    // Before anything makes this process large.
    resident::measure(&mut table, options.pages / 4);
    calls::measure(&mut table);
    copies::measure(&mut table, &options);
    print!("{table}");
    let missed = table.missed();
    if !missed.is_empty() {
        println!("goals MISSED: {}", missed.join("; "));
        if options.check {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
