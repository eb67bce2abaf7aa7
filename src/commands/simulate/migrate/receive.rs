//! The end that takes domains in.
//!
//! Each connection has a thread; what became of each migration is shared, so that a source that lost
//! its connection can ask over another. Whether a domain runs is decided under one lock: a question
//! that comes before `commit` decides that it will not.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ia64save_codec::Guest;
use ia64save_codec::envelope::Config;
use ia64save_codec::transfer::migration::{
    Input, Outcome as Became, Outcomes, Request, TargetEnd, TargetStep, Token,
};
use ia64save_codec::transfer::ports::Domain as _;
use ia64save_codec::transfer::restore::{Options, Restore, Restored};
use ia64save_sim::{Era, Host, SimTarget};
use serde_json::json;

use super::super::args::Migrate;
use super::super::left::left;
use super::intake::{Head, Intake};
use crate::args::Format;
use crate::commands::account::joined;
use crate::commands::count::counted;
use crate::commands::print_json;
use crate::exit::{Failure, Outcome};
use crate::migration::{Address, Connection, Heard};
use crate::output::style::{self, ERROR, OK, Painted};

/// Bytes read at a time.
const STEP: usize = 1 << 20;
/// How often a thread that waits looks around.
const GLANCE: Duration = Duration::from_millis(50);
/// How long a source is given to read the last words.
const FAREWELL: Duration = Duration::from_secs(2);

/// What all connections know.
struct Shared {
    outcomes: Outcomes,
    /// Migrations whose domain is neither running nor destroyed yet.
    undecided: BTreeSet<Token>,
    /// Domains that came, whatever became of them.
    came: u64,
    outcome: Outcome,
}

impl Shared {
    fn decide(&mut self, token: Option<Token>, became: Became) {
        if let Some(token) = token {
            self.undecided.remove(&token);
            self.outcomes.remember(token, became);
        }
    }

    /// Somebody else has decided it meanwhile.
    fn is_revoked(&self, token: Option<Token>) -> bool {
        token.is_some_and(|token| !self.undecided.contains(&token))
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the command: until `--count` domains have come, or for ever.
pub fn run(args: &Migrate, address: &Address) -> Result<Outcome, Failure> {
    let listener = address.listen()?;
    if args.format == Format::Text {
        writeln!(style::stderr(), "listening at {}", listener.address())?;
    }
    let shared = Mutex::new(Shared {
        outcomes: Outcomes::default(),
        undecided: BTreeSet::new(),
        came: 0,
        outcome: Outcome::Fine,
    });
    thread::scope(|scope| {
        while args.count.is_none_or(|count| lock(&shared).came < count) {
            match listener.accept()? {
                None => thread::sleep(GLANCE),
                Some(connection) => {
                    scope.spawn(|| serve(args, connection, &shared));
                }
            }
        }
        Ok::<_, Failure>(())
    })?;
    Ok(lock(&shared).outcome)
}

/// What the caller has to do; sending and waiting are done.
enum Next {
    Begin(Request),
    Payload(Range<usize>),
    PayloadEnd,
    Run,
    Abandon(String),
    Query(Token),
    Done,
}

/// One connection and the protocol on it.
struct Talk<'a> {
    connection: Connection,
    end: TargetEnd,
    buffer: Vec<u8>,
    unread: Range<usize>,
    input: Input,
    heard: Instant,
    patience: Duration,
    shared: &'a Mutex<Shared>,
    token: Option<Token>,
}

impl Talk<'_> {
    fn next(&mut self) -> Next {
        loop {
            let begin = self.unread.start;
            let (used, step) = self.end.step(&self.buffer[self.unread.clone()], self.input);
            self.unread.start += used;
            match step {
                TargetStep::Wait => self.wait(),
                TargetStep::Send(words) => {
                    if self.connection.write_all(words.as_bytes()).is_err() {
                        self.input = Input::Closed;
                    }
                }
                TargetStep::Begin(request) => return Next::Begin(request),
                TargetStep::Payload(bytes) => {
                    // It stands at the end of what was used.
                    let end = begin + used;
                    return Next::Payload(end - bytes.len()..end);
                }
                TargetStep::PayloadEnd => return Next::PayloadEnd,
                TargetStep::Run => return Next::Run,
                TargetStep::Abandon(why) => return Next::Abandon(why),
                TargetStep::Query(token) => return Next::Query(token),
                TargetStep::Done => return Next::Done,
            }
        }
    }

    fn wait(&mut self) {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        match self.connection.hear(&mut self.buffer[self.unread.end..]) {
            Heard::Bytes(count) => {
                self.unread.end += count;
                self.heard = Instant::now();
            }
            Heard::Closed => self.input = Input::Closed,
            Heard::Nothing if lock(self.shared).is_revoked(self.token) => {
                self.input = Input::Closed;
            }
            Heard::Nothing if self.heard.elapsed() >= self.patience => {
                self.input = Input::TimedOut;
            }
            Heard::Nothing => {}
        }
    }
}

/// A domain that was restored.
struct Taken {
    target: SimTarget,
    restored: Restored,
}

/// Speaks with one source until the connection is over.
fn serve(args: &Migrate, connection: Connection, shared: &Mutex<Shared>) {
    let mut talk = Talk {
        connection,
        end: TargetEnd::new(),
        buffer: vec![0; STEP],
        unread: 0..0,
        input: Input::Open,
        heard: Instant::now(),
        patience: Duration::from_secs(args.wait),
        shared,
        token: None,
    };
    let mut era = args.domain.dialect;
    let mut head = Head::default();
    let mut taken: Option<Taken> = None;
    let mut runs = false;
    loop {
        match talk.next() {
            Next::Begin(Request::Migrate { token, dialect }) => {
                let mut shared = lock(shared);
                let new = shared.outcomes.of(token) == Became::Unknown;
                if new && shared.undecided.insert(token) {
                    talk.token = Some(token);
                    // The host's own release, where it speaks the dialect that comes.
                    if era.dialect() != dialect {
                        era = Era::from(dialect);
                    }
                } else {
                    talk.end.refuse("this migration has been here before");
                }
            }
            Next::Begin(_) => {}
            Next::Payload(range) => match head.push(&talk.buffer[range], false) {
                Ok(None) => {}
                Ok(Some((config, stream))) => match take_in(&mut talk, era, &config, &stream) {
                    Ok(whole) => {
                        taken = Some(whole);
                        talk.end.restored(Ok(()));
                    }
                    Err(Refusal::Said(why)) => report_failure(args, shared, talk.token, &why),
                    Err(Refusal::New(why)) => talk.end.refuse(&why),
                },
                Err(why) => talk.end.refuse(&why),
            },
            Next::PayloadEnd => talk.end.restored(Err("the stream ends in its head")),
            Next::Run => {
                let mut shared = lock(shared);
                let ran = if shared.is_revoked(talk.token) {
                    Err(String::from(
                        "another connection asked, and was told that it will not run",
                    ))
                } else if let Some(taken) = &mut taken {
                    let ran = taken.target.unpause();
                    ran.map_err(|error| error.to_string())
                } else {
                    Err(String::from("there is no domain"))
                };
                if ran.is_ok() {
                    shared.decide(talk.token, Became::Running);
                    shared.came += 1;
                }
                drop(shared);
                talk.end.ran(ran.as_ref().copied().map_err(String::as_str));
                runs = ran.is_ok();
            }
            Next::Abandon(why) => {
                if let Some(mut taken) = taken.take() {
                    let _ = taken.target.destroy();
                }
                report_failure(args, shared, talk.token, &why);
            }
            Next::Query(token) => {
                let mut shared = lock(shared);
                if shared.undecided.contains(&token) {
                    shared.decide(Some(token), Became::Destroyed);
                }
                talk.end.answer(shared.outcomes.of(token));
            }
            Next::Done => break,
        }
    }
    let _ = talk.connection.close_writing();
    talk.connection.drain(FAREWELL);
    // Only now: whoever reads this may be the one who waits for the last words.
    if runs && let Some(taken) = &mut taken {
        report(args, taken);
    }
}

/// Why a domain was not taken in.
enum Refusal {
    /// The source is to be told.
    New(String),
    /// It knows, or cannot be told any more.
    Said(String),
}

/// Restores what comes, up to the end of the stream.
fn take_in(
    talk: &mut Talk<'_>,
    era: Era,
    config: &Config,
    stream: &[u8],
) -> Result<Taken, Refusal> {
    let host = Host::of(era);
    let vcpus = config.vcpus.unwrap_or(1).clamp(1, 64) as u32;
    let guest = config.guest.unwrap_or(Guest::Pv);
    let refused = |error: &dyn std::fmt::Display| Refusal::New(error.to_string());
    // How much it may have, the configuration says in MiB; firmware and magic pages come on top.
    let pages = config
        .maxmem
        .or(config.memory)
        .map_or(host.machine().pages, |mebibytes| {
            let bytes = mebibytes.saturating_add(64).saturating_mul(1 << 20);
            (bytes / host.machine().page_size as u64).min(host.machine().pages)
        });
    let mut target =
        SimTarget::create(&host, guest, vcpus, pages).map_err(|error| refused(&error))?;
    let options = Options {
        dialect: Some(era.dialect()),
        ..Options::default()
    };
    let mut intake = Intake::new(Restore::new(&mut target, options));
    intake.push(stream).map_err(|error| refused(&error))?;
    let finished = loop {
        match talk.next() {
            Next::Payload(range) => {
                let fed = intake.push(&talk.buffer[range]);
                fed.map_err(|error| refused(&error))?;
            }
            Next::PayloadEnd => break intake.finish(),
            Next::Abandon(why) => return Err(Refusal::Said(why)),
            _ => return Err(Refusal::New("the protocol is out of step".into())),
        }
    };
    let (restored, _device_model) = finished.map_err(|error| refused(&error))?;
    Ok(Taken { target, restored })
}

fn report(args: &Migrate, taken: &mut Taken) {
    let Taken { target, restored } = taken;
    let guest = restored.guest.map_or("", Guest::name);
    let printed = match args.format {
        Format::Text => {
            let pages = target.info().map_or(0, |info| info.tot_pages);
            let vcpus: BTreeSet<u32> = restored.vcpus_set.iter().map(|set| set.vcpu).collect();
            let text = format!(
                "target: the {guest} domain runs here: {}, {}, {} received",
                counted(pages, "page"),
                counted(vcpus.len() as u64, "vcpu"),
                counted(restored.consumed, "byte"),
            );
            writeln!(style::stdout(), "{}", Painted(OK, text))
        }
        format => {
            let head = json!({
                "schema": "ia64save/simulate-migrate/1",
                "end": "target",
                "fate": "runs",
            });
            print_json(vec![joined(head, left(target, restored))], format)
        }
    };
    // Whoever does not read it any more has seen enough.
    drop(printed);
}

fn report_failure(args: &Migrate, shared: &Mutex<Shared>, token: Option<Token>, why: &str) {
    let mut shared = lock(shared);
    shared.decide(token, Became::Destroyed);
    shared.came += 1;
    shared.outcome = shared.outcome.and(Outcome::Invalid);
    let printed = match args.format {
        Format::Text => writeln!(
            style::stdout(),
            "{}: {why}",
            Painted(ERROR, "target: nothing of the domain is left here")
        ),
        format => print_json(
            vec![json!({
                "schema": "ia64save/simulate-migrate/1",
                "end": "target",
                "fate": "destroyed",
                "reason": why,
            })],
            format,
        ),
    };
    drop(printed);
}
