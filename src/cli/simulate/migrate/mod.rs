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
//! | `send` | the end that gives the domain away |
//! | `receive` | the end that takes domains in: listens, and knows what became of them |
//! | `serve` | one connection to it |
//! | `limits` | what strangers may take |
//! | `printer` | what became of the domains, printed whether somebody reads it or not |
//! | `intake` | the bytes of an xend file on their way into a restore |
//!
//! Without `--listen` and `--to` the command starts the other end itself, as a second process.

mod intake;
mod limits;
mod printer;
mod receive;
mod send;
mod serve;
mod shared;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ia64save::migration::Address;
use ia64save::document::name::SimulateMigrateBothName;
use ia64save::document::simulate::SimulateMigrateBoth;
use serde_json::Value;

use super::args::Migrate;
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::style;

/// Memory of a domain beyond what it was given: firmware, magic pages, the device model's state.
const OVERHEAD: u64 = 256 << 20;

/// Runs the command.
pub fn run(args: &Migrate) -> Result<Outcome, Failure> {
    match (&args.listen, &args.to) {
        (Some(address), _) => receive::run(args, &Address::of(address)),
        (None, Some(address)) if args.ask.is_some() => send::ask(args, &Address::of(address)),
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
        .args(["simulate", "migrate", "--tied", "--count", "1", "--wait"])
        .arg(args.wait.to_string())
        .arg("--max-memory")
        .arg(args.domain.memory.saturating_add(OVERHEAD).to_string())
        .arg("--dialect")
        .arg(args.domain.dialect.to_string())
        .arg("--format")
        .arg(match args.format {
            Format::Text => "text",
            Format::Json | Format::Jsonl => "jsonl",
        })
        .arg("--listen")
        .arg(&socket)
        // It ends with this process, however that ends.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(secret) = &args.secret_file {
        receiver.arg("--secret-file").arg(secret);
    }
    let mut child = receiver.spawn()?;
    let lifeline = child.stdin.take();
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    while !socket.exists() {
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            let _ = child.kill();
            let said = child.wait_with_output()?;
            let said = String::from_utf8_lossy(&said.stderr).trim().to_owned();
            let text = format!("the receiving end did not start: {said}");
            return Err(Failure::Usage(text));
        }
        thread::sleep(Duration::from_millis(5));
    }
    let sent = send::send(args, &address);
    if sent.is_err() {
        let _ = child.kill();
    }
    let received = child.wait_with_output()?;
    drop(lifeline);
    let sent = sent?;
    let said = String::from_utf8_lossy(&received.stdout);
    match args.format {
        Format::Text => write!(style::stdout(), "{}{said}", sent.text)?,
        Format::Json => {
            let both = SimulateMigrateBoth::<Value> {
                schema: SimulateMigrateBothName,
                source: sent.document,
                target: serde_json::from_str(&said).ok(),
            };
            print_json(&both, args.format)?;
        }
        Format::Jsonl => {
            print_json(&sent.document, args.format)?;
            write!(style::plain_stdout(), "{said}")?;
        }
    }
    match sent.end {
        Ok(outcome) if !received.status.success() => Ok(outcome.and(Outcome::Invalid)),
        end => end,
    }
}
