//! `simulate migrate`: a domain moves between two processes.
//!
//! ```text
//!   send                                   receive
//!   SourceEnd  <---- a connection ---->  TargetEnd     who does what next: transfer::migration
//!   Save                                   Restore
//!   SimSource on a host of its own         SimTarget on another
//! ```
//!
//! | file | what |
//! |---|---|
//! | `connection` | TCP and Unix sockets, with time-outs |
//! | `send` | the end that gives the domain away |
//! | `receive` | the end that takes domains in |
//! | `intake` | the bytes of an xend file on their way into a restore |
//!
//! Without `--listen` and `--to` the command starts the other end itself, as a second process.

mod connection;
mod intake;
mod receive;
mod send;

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::args::Migrate;
use crate::args::Format;
use crate::exit::{Failure, Outcome};
use connection::Address;

/// Runs the command.
pub fn run(args: &Migrate) -> Result<Outcome, Failure> {
    match (&args.listen, &args.to) {
        (Some(address), _) => receive::run(args, &Address::of(address)),
        (None, Some(address)) => send::run(args, &Address::of(address)),
        (None, None) => both(args),
    }
}

/// Starts the receiving end as a process of its own, and sends to it.
fn both(args: &Migrate) -> Result<Outcome, Failure> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("migration");
    let address = Address::Unix(socket.clone());
    let mut receiver = Command::new(std::env::current_exe()?);
    receiver
        .args(["simulate", "migrate", "--count", "1", "--patience"])
        .arg(args.patience.to_string())
        .arg("--dialect")
        .arg(args.domain.dialect.to_string())
        .arg("--output")
        .arg(match args.output {
            Format::Text => "text",
            Format::Json | Format::Jsonl => "jsonl",
        })
        .arg("--listen")
        .arg(&socket)
        .stdin(Stdio::null());
    let mut child = receiver.spawn()?;
    let deadline = Instant::now() + Duration::from_secs(args.patience);
    while !socket.exists() {
        if let Some(status) = child.try_wait()? {
            return Err(Failure::Usage(format!("the receiving end did not start: {status}")));
        }
        if Instant::now() > deadline {
            end(&mut child);
            return Err(Failure::Usage("the receiving end did not start in time".into()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    let sent = send::run(args, &address);
    match sent {
        Ok(outcome) => {
            let received = child.wait()?;
            Ok(if received.success() { outcome } else { Outcome::Invalid })
        }
        Err(failure) => {
            end(&mut child);
            Err(failure)
        }
    }
}

/// Lets a receiver that has lost its sender end by itself, and sees to it that it does.
fn end(child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = child.kill();
        }
        thread::sleep(Duration::from_millis(10));
    }
}
