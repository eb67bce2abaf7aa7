//! The end that takes domains in.
//!
//! Each connection has a thread; what became of each migration is shared, so that a source that lost
//! its connection can ask over another. Whether a domain runs is decided under one lock: a question
//! that comes before `commit` decides that it will not.
//!
//! Anybody may connect, so that nobody is believed: connections, their time, and memory have limits, and
//! what is remembered of domains that run is not crowded out by what never came to run.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ia64save::migration::{Address, Connection, Journal, Listener, secret};
use ia64save::signals::{self, Guard};
use ia64save_codec::transfer::migration::Ledger;

use super::super::args::Migrate;
use super::limits::{Budget, Places, share_memory};
use super::printer::Printer;
use super::serve::serve;
use super::shared::{Known, Shared};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::style;

/// How often the listener looks around.
const GLANCE: Duration = Duration::from_millis(20);
/// How long it waits where the system has no room for another connection.
const BREATH: Duration = Duration::from_millis(200);
/// How long whoever reads the reports may take for the last of them.
const LAST_REPORTS: Duration = Duration::from_secs(2);
/// Stack of a connection's thread: the least that leaves room.
const STACK: usize = 1 << 20;

/// Runs the command: until `--count` domains have come and nobody has a question left, or for ever.
pub fn run(args: &Migrate, address: &Address) -> Result<Outcome, Failure> {
    let secret = args.secret_file.as_deref().map(secret).transpose()?;
    let mut ledger = Ledger::default();
    let journal = args.outcomes.as_deref();
    let journal = journal
        .map(|path| Journal::open(path, &mut ledger))
        .transpose()?;
    let listener = address.listen()?;
    share_memory();
    let guard = Guard::new(
        "the listener; domains that are not whole are destroyed",
        "simulated domains go with their process",
    )?;
    if args.tied {
        tie()?;
    }
    if args.format == Format::Text {
        writeln!(style::stderr(), "listening at {}", listener.address())?;
    }
    let shared = Shared {
        known: Mutex::new(Known {
            ledger,
            journal,
            unheard: BTreeSet::new(),
            came: 0,
            full: false,
            over: false,
            outcome: Outcome::Fine,
        }),
        places: Places::new(args.max_connections),
        budget: Budget::new(args.max_memory),
        secret,
        printer: Printer::start()?,
    };
    let listened = thread::scope(|scope| {
        let listened = listen(args, &listener, &shared, scope);
        shared.known().over = true;
        listened
    });
    let Shared { known, printer, .. } = shared;
    let lost = printer.end(LAST_REPORTS);
    if lost > 0 {
        let _ = writeln!(
            style::stderr(),
            "ia64save: note: nobody reads standard output: reports were not printed"
        );
    }
    drop(guard);
    listened?;
    if signals::is_asked() {
        let text = format!("by {}: the listener at {address} ends", signals::name());
        return Err(Failure::Io(std::io::Error::other(text)));
    }
    let known = known.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(known.outcome)
}

/// Takes connections until all is over.
fn listen<'scope>(
    args: &'scope Migrate,
    listener: &Listener,
    shared: &'scope Shared,
    scope: &'scope thread::Scope<'scope, '_>,
) -> Result<(), Failure> {
    let mut filled = None;
    while !signals::is_asked() {
        if let Some(count) = args.count {
            let mut known = shared.known();
            known.full = known.came >= count;
            if known.full {
                // Whose question is it? Nobody's, once all have heard; or none comes any more.
                let since = *filled.get_or_insert_with(Instant::now);
                let late = since.elapsed() >= Duration::from_secs(args.wait);
                let busy = known.ledger.is_busy();
                if !busy && (known.unheard.is_empty() || late) {
                    return Ok(());
                }
            }
        }
        match listener.accept() {
            Ok(None) => {
                // What could not be written down before may be now; until then nobody is told.
                let _ = shared.known().write(None);
                thread::sleep(GLANCE);
            }
            Ok(Some(connection)) => spawn(args, connection, shared, scope),
            // One that went away before it was greeted, or no room for it, is no reason to stop.
            Err(error) if is_passing(&error) => thread::sleep(BREATH),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether accepting may work again.
fn is_passing(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::ECONNABORTED
                | libc::EPROTO
                | libc::EINTR
                | libc::ENETDOWN
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
        )
    )
}

/// Gives a connection a thread, where there is room for it.
fn spawn<'scope>(
    args: &'scope Migrate,
    mut connection: Connection,
    shared: &'scope Shared,
    scope: &'scope thread::Scope<'scope, '_>,
) {
    let Some(place) = shared.places.take(&connection) else {
        let _ = connection.write_all(b"(err (type busy) (value \"too many connections\"))\n");
        return;
    };
    // A system without room for another thread closes the connection, no more.
    let _ = thread::Builder::new()
        .stack_size(STACK)
        .spawn_scoped(scope, move || serve(args, connection, shared, &place));
}

/// Ends this process with its standard input.
fn tie() -> std::io::Result<()> {
    thread::Builder::new().name("tie".into()).spawn(|| {
        let mut buffer = [0; 64];
        while matches!(std::io::stdin().lock().read(&mut buffer), Ok(1..)) {}
        signals::ask();
        // Whoever would want to know is gone.
        thread::sleep(LAST_REPORTS);
        std::process::exit(4);
    })?;
    Ok(())
}
