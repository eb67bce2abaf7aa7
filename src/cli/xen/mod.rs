//! `xen`: domains of a real Xen/ia64 host, saved, restored and moved.
//!
//! | file | what |
//! |---|---|
//! | `args` | what the user can say |
//! | `host` | the hypervisor: found, probed, or one line why not |
//! | `list`, `save`, `restore`, `migrate`, `recover` | the commands |
//! | `sink` | where what is saved goes |
//! | `way_back` | how a domain goes on that has suspended itself |
//! | `unfinished` | what is under way, written down for whoever comes after a process that was killed |
//!
//! Nothing is destroyed here unless what takes its place is complete: a saved domain stays suspended
//! unless the user wants it otherwise, and a moved one goes when the other end has said that it runs. A
//! signal ends what is under way as a failure does; what not even that can mend, `recover` mends.

pub mod args;
mod host;
mod list;
mod migrate;
mod recover;
mod restore;
mod save;
mod sink;
mod unfinished;
mod way_back;

use crate::cli::exit::{Failure, Outcome, ended};
use args::{What, Xen};

/// Runs the command.
pub fn run(args: &Xen) -> Result<Outcome, Failure> {
    ended(match &args.what {
        What::List(args) => list::run(args),
        What::Save(args) => save::run(args),
        What::Restore(args) => restore::run(args),
        What::Migrate(args) => migrate::run(args),
        What::Recover(args) => recover::run(args),
    })
}

#[cfg(test)]
mod tests;
