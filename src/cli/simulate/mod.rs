//! `simulate`: domains on a simulated host, saved, restored and moved between two processes.
//!
//! | file | what |
//! |---|---|
//! | `args` | what the user can say |
//! | `domain` | the domain that is made |
//! | `save`, `restore` | the two halves |
//! | `migrate/` | both, in two processes |
//! | `sink` | where what is saved goes |
//! | `left` | what a restore left, as JSON |
//! | `summary` | stretches, traffic, downtime, a plot |

pub mod args;
mod domain;
mod left;
mod migrate;
mod restore;
mod save;
mod sink;
mod summary;

use crate::cli::exit::{Failure, Outcome, ended};
use args::{Simulate, What};

/// Runs the command.
pub fn run(args: &Simulate) -> Result<Outcome, Failure> {
    ended(match &args.what {
        What::Save(args) => save::run(args),
        What::Restore(args) => restore::run(args),
        What::Migrate(args) => migrate::run(args),
    })
}
