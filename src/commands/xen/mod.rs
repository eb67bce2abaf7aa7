//! `xen`: domains of a real Xen/ia64 host, saved, restored and moved.
//!
//! | file | what |
//! |---|---|
//! | `args` | what the user can say |
//! | `host` | the hypervisor: found, probed, or one line why not |
//! | `list`, `save`, `restore`, `migrate` | the commands |
//! | `sink` | where what is saved goes |
//!
//! Nothing is destroyed here unless what takes its place is complete: a saved domain stays suspended
//! unless the user wants it otherwise, and a moved one goes when the other end has said that it runs.

pub mod args;
mod host;
mod list;
mod migrate;
mod restore;
mod save;
mod sink;

use args::{What, Xen};

use crate::exit::{Failure, Outcome};

/// Runs the command.
pub fn run(args: &Xen) -> Result<Outcome, Failure> {
    match &args.what {
        What::List(args) => list::run(args),
        What::Save(args) => save::run(args),
        What::Restore(args) => restore::run(args),
        What::Migrate(args) => migrate::run(args),
    }
}

#[cfg(test)]
mod tests;
