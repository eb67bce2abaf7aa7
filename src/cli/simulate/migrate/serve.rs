//! One connection to the end that takes domains in.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use ia64save::document::name::SimulateMigrateName;
use ia64save::document::simulate::SimulateMigrate;
use ia64save::migration::{Connection, Heard, random};
use ia64save::signals;
use ia64save_codec::Guest;
use ia64save_codec::envelope::Config;
use ia64save_codec::transfer::Cancel;
use ia64save_codec::transfer::migration::{
    Awaits, Input, Protocol, Request, TargetEnd, TargetStep, Token,
};
use ia64save_codec::transfer::ports::Domain as _;
use ia64save_codec::transfer::restore::{Options, Restore, Restored};
use ia64save_sim::{Era, Host, SimTarget};

use super::super::args::Migrate;
use super::super::left::left;
use super::intake::{DEVICE_MODEL, Head, Intake};
use super::limits::{Claim, Place};
use super::shared::Shared;
use crate::cli::args::Format;
use crate::cli::exit::Outcome;
use crate::cli::render::size::counted;
use crate::cli::render::style::{ERROR, OK, Painted};

/// Bytes read at a time, while lines come and while a domain comes.
const LINES: usize = 8 << 10;
const STEP: usize = 1 << 20;
/// How often a thread that waits looks around.
const GLANCE: Duration = Duration::from_millis(50);
/// How long a source is given to read the last words.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a greeting may take, if `--wait` is not less.
const GREETING: Duration = Duration::from_secs(10);

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
    /// When the part began that is waited for now.
    since: Instant,
    /// When the domain began to come, and how many bytes of it have.
    begun: Option<Instant>,
    bytes: u64,
    patience: Duration,
    least_rate: u64,
    shared: &'a Shared,
    token: Option<Token>,
}

impl Talk<'_> {
    fn next(&mut self) -> Next {
        loop {
            let begin = self.unread.start;
            let (used, step) = self.end.step(&self.buffer[self.unread.clone()], self.input);
            self.unread.start += used;
            if !matches!(step, TargetStep::Wait) {
                self.since = Instant::now();
            }
            match step {
                TargetStep::Wait => self.wait(),
                TargetStep::Send(words) => {
                    if self.connection.write_all(words.as_bytes()).is_err() {
                        self.input = Input::Broken;
                    }
                }
                TargetStep::Begin(request) => return Next::Begin(request),
                TargetStep::Payload(bytes) => {
                    // It stands at the end of what was used.
                    let end = begin + used;
                    self.bytes += bytes.len() as u64;
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
        let awaits = self.end.awaits();
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if awaits == Awaits::Payload && self.buffer.len() < STEP {
            self.buffer.resize(STEP, 0);
        }
        if self.is_unwanted(awaits) {
            return;
        }
        match self.connection.hear(&mut self.buffer[self.unread.end..]) {
            Heard::Bytes(count) => self.unread.end += count,
            Heard::Closed => self.input = Input::Closed,
            Heard::Broken => self.input = Input::Broken,
            Heard::Nothing if self.shared.known().is_revoked(self.token) => {
                self.input = Input::Closed;
            }
            Heard::Nothing => {}
        }
        if self.input == Input::Open && self.is_late(awaits) {
            self.input = Input::TimedOut;
        }
    }

    /// Nothing that takes longer is wanted any more.
    fn is_unwanted(&mut self, awaits: Awaits) -> bool {
        let by = if signals::is_asked() {
            signals::name()
        } else if self.shared.known().over {
            "its end"
        } else {
            return false;
        };
        match awaits {
            Awaits::Greeting | Awaits::Thanks => self.input = Input::Closed,
            Awaits::Payload | Awaits::Line => {
                self.end
                    .refuse(&format!("the listener was interrupted by {by}"));
            }
        }
        true
    }

    /// Whether what is waited for has taken too long: a line as a whole, a domain by its pauses and by its
    /// pace.
    fn is_late(&self, awaits: Awaits) -> bool {
        let most = match awaits {
            Awaits::Greeting => self.patience.min(GREETING),
            Awaits::Thanks => self.patience.min(FAREWELL),
            Awaits::Payload | Awaits::Line => self.patience,
        };
        let pace = self.begun.filter(|_| awaits == Awaits::Payload);
        let slow = pace.is_some_and(|begun| {
            let allowed = Duration::from_secs(self.bytes / self.least_rate.max(1));
            begun.elapsed() >= self.patience.saturating_add(allowed)
        });
        slow || self.since.elapsed() >= most
    }
}

/// A domain that was restored.
struct Taken<'a> {
    target: SimTarget,
    restored: Restored,
    _claim: Claim<'a>,
}

/// Speaks with one source until the connection is over.
pub fn serve(args: &Migrate, connection: Connection, shared: &Shared, place: &Place<'_>) {
    let Ok(connection) = connection.with_patience(GLANCE) else {
        return;
    };
    let mut end = TargetEnd::new();
    if let Some(secret) = &shared.secret {
        let Ok(nonce) = random() else { return };
        end = end.with_secret(secret.clone(), nonce);
    }
    let mut talk = Talk {
        connection,
        end,
        buffer: vec![0; LINES],
        unread: 0..0,
        input: Input::Open,
        since: Instant::now(),
        begun: None,
        bytes: 0,
        patience: Duration::from_secs(args.wait),
        least_rate: args.least_rate,
        shared,
        token: None,
    };
    let mut era = args.domain.dialect;
    let mut head = Head::default();
    let mut taken: Option<Taken<'_>> = None;
    let mut asked = None;
    let mut is_turned_away = false;
    let mut runs = false;
    loop {
        match talk.next() {
            Next::Begin(request) => {
                place.greeted();
                talk.begun = Some(Instant::now());
                let mut known = shared.known();
                if known.full {
                    is_turned_away = true;
                    talk.end.refuse("no more domains are taken here");
                } else if let Request::Migrate { token, dialect } = request {
                    if known.ledger.begin(token) {
                        talk.token = Some(token);
                        // The host's own release, where it speaks the dialect that comes.
                        if era.dialect() != dialect {
                            era = Era::from(dialect);
                        }
                    } else {
                        is_turned_away = true;
                        talk.end.refuse("this migration has been here before");
                    }
                }
            }
            Next::Payload(range) => match head.push(&talk.buffer[range], false) {
                Ok(None) => {}
                Ok(Some((config, stream))) => match take_in(&mut talk, era, &config, &stream) {
                    Ok(whole) => {
                        taken = Some(whole);
                        let written = shared.known().whole(talk.token);
                        let written = written.map_err(|error| error.to_string());
                        talk.end
                            .restored(written.as_ref().copied().map_err(String::as_str));
                    }
                    Err(Refusal::Said(why)) => {
                        if report_failure(args, &talk, &why).is_err() {
                            return;
                        }
                    }
                    Err(Refusal::New(why)) => talk.end.refuse(&why),
                },
                Err(why) => talk.end.refuse(&why),
            },
            Next::PayloadEnd => talk.end.restored(Err("the stream ends in its head")),
            Next::Run => {
                let mut known = shared.known();
                let ran = known.run(talk.token, || match &mut taken {
                    Some(taken) => taken.target.unpause().map_err(|error| error.to_string()),
                    None => Err(String::from("there is no domain")),
                });
                known.came += u64::from(ran.is_ok());
                drop(known);
                talk.end.ran(ran.as_ref().copied().map_err(String::as_str));
                runs = ran.is_ok();
            }
            // Nothing of it was taken: nothing became of it.
            Next::Abandon(_) if is_turned_away => {}
            Next::Abandon(why) => {
                let told = report_failure(args, &talk, &why);
                if let Some(mut taken) = taken.take() {
                    let _ = taken.target.destroy();
                }
                if told.is_err() {
                    return;
                }
            }
            Next::Query(token) => {
                place.greeted();
                // Where it cannot be written down nobody is told: he asks again.
                let Ok(became) = shared.known().query(token) else {
                    return;
                };
                talk.end.answer(became);
                asked = Some(token);
            }
            Next::Done => break,
        }
    }
    // Who has said so knows; so does who asked, and closed when the answer had come.
    let closed = talk.input == Input::Closed && !shared.known().over;
    let heard = match asked {
        Some(token) => (talk.end.is_thanked() || closed).then_some(token),
        None => talk.token.filter(|_| talk.end.is_thanked()),
    };
    if let Some(token) = heard {
        shared.known().unheard.remove(&token);
    }
    let _ = talk.connection.close_writing();
    talk.connection.drain(FAREWELL);
    // Only now: whoever reads this may be the one who waits for the last words.
    if runs && let Some(taken) = &mut taken {
        report(args, shared, taken);
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
fn take_in<'a>(
    talk: &mut Talk<'a>,
    era: Era,
    config: &Config,
    stream: &[u8],
) -> Result<Taken<'a>, Refusal> {
    let host = Host::of(era);
    let vcpus = config.vcpus.unwrap_or(1).clamp(1, 64) as u32;
    let guest = config.guest.unwrap_or(Guest::Pv);
    let refused = |error: &dyn std::fmt::Display| Refusal::New(error.to_string());
    // How much it may have, the configuration says in MiB; firmware and magic pages come on top.
    let page_size = host.machine().page_size as u64;
    let pages = config
        .maxmem
        .or(config.memory)
        .map_or(host.machine().pages, |mebibytes| {
            let bytes = mebibytes.saturating_add(64).saturating_mul(1 << 20);
            (bytes / page_size).min(host.machine().pages)
        });
    // Before anything of it is taken: a page in every part of a domain makes it as large as it may be.
    let claim = talk
        .shared
        .budget
        .claim(pages.saturating_mul(page_size) + DEVICE_MODEL as u64)
        .map_err(Refusal::New)?;
    let mut target =
        SimTarget::create(&host, guest, vcpus, pages).map_err(|error| refused(&error))?;
    let options = Options::default().dialect(Some(era.dialect()));
    let restore = Restore::new(&mut target, options).cancel(Cancel::on(signals::flag()));
    let mut intake = Intake::new(restore);
    intake.push(stream).map_err(|error| refused(&error))?;
    let finished = loop {
        match talk.next() {
            Next::Payload(range) => {
                let fed = intake.push(&talk.buffer[range]);
                fed.map_err(|error| refused(&error))?;
            }
            Next::PayloadEnd => break intake.finish(talk.end.protocol() == Protocol::Xend),
            Next::Abandon(why) => return Err(Refusal::Said(why)),
            _ => return Err(Refusal::New("the protocol is out of step".into())),
        }
    };
    let restored = finished.map_err(|error| refused(&error))?;
    Ok(Taken {
        target,
        restored,
        _claim: claim,
    })
}

/// A document, as the user wants it.
fn printed(document: &SimulateMigrate, format: Format) -> String {
    let text = match format {
        Format::Json => serde_json::to_string_pretty(document),
        Format::Jsonl | Format::Text => serde_json::to_string(document),
    };
    text.unwrap_or_default() + "\n"
}

fn report(args: &Migrate, shared: &Shared, taken: &mut Taken<'_>) {
    let Taken {
        target, restored, ..
    } = taken;
    let guest = restored.guest.map_or("", Guest::name);
    shared.printer.print(match args.format {
        Format::Text => {
            let pages = target.info().map_or(0, |info| info.tot_pages);
            let vcpus: BTreeSet<u32> = restored.vcpus_set.iter().map(|set| set.vcpu).collect();
            let text = format!(
                "target: the {guest} domain runs here: {}, {}, {} received",
                counted(pages, "page"),
                counted(vcpus.len() as u64, "vcpu"),
                counted(restored.consumed, "byte"),
            );
            format!("{}\n", Painted(OK, text))
        }
        format => {
            let document = SimulateMigrate {
                schema: SimulateMigrateName,
                end: "target",
                fate: "runs",
                reason: None,
                sent: None,
                left: Some(left(target, restored)),
            };
            printed(&document, format)
        }
    });
}

/// A domain is abandoned. Where that cannot be written down nobody may be told.
fn report_failure(args: &Migrate, talk: &Talk<'_>, why: &str) -> std::io::Result<()> {
    let mut known = talk.shared.known();
    let written = known.abandon(talk.token);
    known.came += 1;
    known.outcome = known.outcome.and(Outcome::Invalid);
    drop(known);
    talk.shared.printer.print(match args.format {
        Format::Text => {
            let said = Painted(ERROR, "target: nothing of the domain is left here");
            format!("{said}: {why}\n")
        }
        format => {
            let document = SimulateMigrate {
                schema: SimulateMigrateName,
                end: "target",
                fate: "destroyed",
                reason: Some(why.to_owned()),
                sent: None,
                left: None,
            };
            printed(&document, format)
        }
    });
    written
}
