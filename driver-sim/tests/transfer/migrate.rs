//! A migration between two hosts over a connection that may be cut, in one thread: the source's end
//! drives, and the target's goes on whenever bytes reach it.

use std::time::Duration;

use ia64save_codec::Guest;
use ia64save_codec::transfer::migration::{
    Input, Outcome, Outcomes, Protocol, Request, SourceEnd, SourceFate, SourceStep, TargetEnd,
    TargetStep, Token, frame_header,
};
use ia64save_codec::transfer::policy::Policy;
use ia64save_codec::transfer::ports::{Domain, PortError, SinkError};
use ia64save_codec::transfer::restore::{Options as RestoreOptions, Restore};
use ia64save_codec::transfer::resume::resume;
use ia64save_codec::transfer::save::{Options, Save};
use ia64save_codec::transfer::{Adaptive, Restored, ResumeMode, Xen};
use ia64save_sim::link::Link;
use ia64save_sim::{DomId, Host};

use crate::common::{DomainState, state};
use crate::ports::{SimSource, SimTarget};

const TOKEN: Token = Token(0xfeed);
/// The guests of these tests take a cancelled suspension.
const MODE: Option<ResumeMode> = Some(ResumeMode::Cancel);

/// How a migration goes.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // choices, not a state
pub struct Course {
    pub protocol: Protocol,
    pub live: bool,
    /// The original's policy rather than ours.
    pub original: bool,
    /// The connection carries so many bytes to the target, and so many back.
    pub room: [Option<u64>; 2],
    /// A cut shows as silence, not as the end of the connection.
    pub silent: bool,
    /// The source asks what became of a migration before the target has noticed that it is alone.
    pub asks_early: bool,
    /// These bytes of those to the target arrive with other bits.
    pub flips: Vec<(u64, u8)>,
    /// The target is shown so many bytes at a time.
    pub piece: usize,
}

impl Course {
    pub fn smooth(live: bool) -> Self {
        Course {
            protocol: Protocol::Acknowledged,
            live,
            original: false,
            room: [None, None],
            silent: false,
            asks_early: false,
            flips: Vec::new(),
            piece: usize::MAX,
        }
    }
}

/// How a migration went.
#[derive(Debug)]
pub struct Migrated {
    pub fate: SourceFate,
    /// The state in which the domain was suspended last, if it was.
    pub suspended: Option<DomainState>,
    /// The domain of the target, if it came to run, and what its restore did.
    pub twin: Option<(DomId, Restored)>,
    /// Bytes to the target, and back.
    pub carried: [u64; 2],
    /// Where in the bytes to the target each of the engine's writes began.
    pub writes: Vec<u64>,
}

/// Tries a second time: a fault that was planned strikes once.
fn twice(mut call: impl FnMut() -> Result<(), PortError>) -> Result<(), PortError> {
    call().or_else(|_| call())
}

/// What the target's host knows across connections.
struct Target<'h> {
    host: &'h Host,
    outcomes: Outcomes,
    /// A whole domain that waits to be told to run.
    waiting: Option<DomId>,
    running: Option<DomId>,
}

impl Target<'_> {
    fn destroy(&mut self, domid: DomId) {
        let mut port = SimTarget::new(self.host, domid);
        twice(|| port.destroy()).expect("what does not run can be destroyed");
    }
}

/// The target's end of one connection.
struct Connection<'t> {
    end: TargetEnd,
    restore: Option<Restore<'t, SimTarget>>,
    domid: DomId,
    restored: Option<Restored>,
    heard: Vec<u8>,
    payload: Vec<u8>,
    said: Vec<u8>,
    done: bool,
}

impl<'t> Connection<'t> {
    fn new(target: Option<&'t mut SimTarget>, dialect: ia64save_codec::Dialect) -> Self {
        let domid = target.as_ref().map_or(0, |target| target.domid());
        let options = RestoreOptions::default().dialect(Some(dialect));
        Connection {
            end: TargetEnd::new(),
            restore: target.map(|target| Restore::new(target, options)),
            domid,
            restored: None,
            heard: Vec::new(),
            payload: Vec::new(),
            said: Vec::new(),
            done: false,
        }
    }

    /// Goes on until it waits or is done.
    fn go_on(&mut self, target: &mut Target<'_>, input: Input) {
        while !self.done {
            let bytes = std::mem::take(&mut self.heard);
            let (used, step) = self.end.step(&bytes, input);
            match step {
                TargetStep::Wait => {
                    self.heard = bytes[used..].to_vec();
                    return;
                }
                TargetStep::Done => self.done = true,
                TargetStep::Send(words) => self.said.extend(words.into_bytes()),
                TargetStep::Begin(request) => {
                    assert!(!matches!(request, Request::Outcome(_)));
                }
                TargetStep::Payload(bytes) => {
                    self.payload.extend_from_slice(bytes);
                    self.feed(false);
                }
                TargetStep::PayloadEnd => {
                    if self.feed(true) {
                        let restore = self.restore.take().expect("a restore under way");
                        let finished = restore.finish().map_err(|error| error.to_string());
                        match finished {
                            Ok(restored) => {
                                self.restored = Some(restored);
                                target.waiting = Some(self.domid);
                                self.end.restored(Ok(()));
                            }
                            Err(error) => self.end.restored(Err(&error)),
                        }
                    }
                }
                TargetStep::Run => {
                    // Whoever asked in between had it destroyed.
                    let ran = target.waiting.take().ok_or("it is gone").and_then(|domid| {
                        let mut port = SimTarget::new(target.host, domid);
                        if port.unpause().is_err() {
                            target.waiting = Some(domid);
                            return Err("it cannot run");
                        }
                        target.running = Some(domid);
                        target.outcomes.remember(TOKEN, Outcome::Running);
                        Ok(())
                    });
                    self.end.ran(ran);
                }
                TargetStep::Abandon(_) => {
                    // Dropping a restore destroys its domain.
                    self.restore = None;
                    if let Some(domid) = target.waiting.take() {
                        target.destroy(domid);
                    }
                    target.outcomes.remember(TOKEN, Outcome::Destroyed);
                }
                TargetStep::Query(token) => {
                    if let Some(domid) = target.waiting.take() {
                        target.destroy(domid);
                        target.outcomes.remember(token, Outcome::Destroyed);
                    }
                    self.end.answer(target.outcomes.of(token));
                }
            }
            self.heard = bytes[used..].to_vec();
        }
    }

    /// Shows the restore what there is; whether all is well.
    fn feed(&mut self, end: bool) -> bool {
        let Some(restore) = &mut self.restore else {
            return false;
        };
        let fed = restore.feed(&self.payload, end);
        match fed {
            Ok(fed) => {
                self.payload.drain(..fed.consumed);
                true
            }
            Err(error) => {
                self.end.refuse(&error.to_string());
                false
            }
        }
    }
}

/// The connection as the source has it.
struct Wire<'c, 't, 'h> {
    course: &'c Course,
    connection: Connection<'t>,
    target: &'c mut Target<'h>,
    carried: [u64; 2],
    to_source: Vec<u8>,
    broken: bool,
}

impl Wire<'_, '_, '_> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let gone = || SinkError {
            reason: "the connection is gone".to_owned(),
        };
        if self.broken || self.connection.done {
            return Err(gone());
        }
        let room = self.course.room[0].unwrap_or(u64::MAX) - self.carried[0];
        let asked = bytes.len();
        let count = asked.min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut bytes = bytes[..count].to_vec();
        let whole = count as u64 + self.carried[0];
        for (at, bits) in &self.course.flips {
            if (self.carried[0]..whole).contains(at) {
                bytes[(at - self.carried[0]) as usize] ^= bits;
            }
        }
        self.carried[0] = whole;
        for piece in bytes.chunks(self.course.piece) {
            self.connection.heard.extend_from_slice(piece);
            self.go_on(Input::Open);
        }
        // Who has sent all he had does not notice a cut behind it, yet.
        let all = count == asked;
        if self.course.room[0] == Some(self.carried[0]) {
            self.cut();
        }
        if all { Ok(()) } else { Err(gone()) }
    }

    fn cut(&mut self) {
        self.broken = true;
        if !self.course.asks_early {
            self.end();
        }
    }

    /// The target notices that the source is gone.
    fn end(&mut self) {
        let input = if self.course.silent {
            Input::TimedOut
        } else {
            Input::Broken
        };
        self.connection.go_on(self.target, input);
        if !self.connection.done {
            self.connection.go_on(self.target, Input::Closed);
        }
    }

    fn go_on(&mut self, input: Input) {
        self.connection.go_on(self.target, input);
        let said = std::mem::take(&mut self.connection.said);
        let room = self.course.room[1].unwrap_or(u64::MAX) - self.carried[1];
        let count = said.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.to_source.extend_from_slice(&said[..count]);
        self.carried[1] += count as u64;
        if count < said.len() || self.course.room[1] == Some(self.carried[1]) {
            self.broken = true;
        }
    }
}

/// Migrates a domain. The target gets as many vcpus and pages as the source has.
pub fn migrate(there: &Host, domid: DomId, here: &Host, course: &Course) -> Migrated {
    let info = there.domain_info(domid).unwrap();
    let guest: Guest = info.guest;
    let dialect = there.machine().era.dialect();
    let mut port = SimTarget::create(here, guest, info.max_vcpu_id + 1, info.max_pages).unwrap();
    let mut target = Target {
        host: here,
        outcomes: Outcomes::default(),
        waiting: None,
        running: None,
    };
    let mut source = match course.protocol {
        Protocol::Acknowledged => SourceEnd::new(TOKEN, dialect),
        Protocol::Xend => SourceEnd::xend(),
    };
    let mut saved = false;
    let mut suspended = None;
    let mut writes = Vec::new();
    let (mut fate, carried, mut connection) = {
        let mut wire = Wire {
            course,
            connection: Connection::new(Some(&mut port), dialect),
            target: &mut target,
            carried: [0, 0],
            to_source: Vec::new(),
            broken: false,
        };
        let fate = loop {
            match source.step() {
                SourceStep::Send(bytes) => {
                    if wire.send(&bytes).is_err() {
                        lost(&mut source, &mut wire);
                    }
                }
                SourceStep::Stream => {
                    let result = stream(there, domid, course, &mut wire, &mut writes);
                    saved = result.is_ok();
                    if saved {
                        suspended = Some(state(there, domid));
                    }
                    source.streamed(result.as_ref().copied().map_err(String::as_str));
                    if let (false, Some(words)) = (saved, source.farewell()) {
                        let _ = wire.send(&words);
                    }
                }
                SourceStep::CloseWriting => wire.go_on(Input::Closed),
                SourceStep::Wait => {
                    let heard = std::mem::take(&mut wire.to_source);
                    if heard.is_empty() {
                        lost(&mut source, &mut wire);
                    } else {
                        source.received(&heard);
                    }
                }
                SourceStep::Done(fate) => break fate,
            }
        };
        (fate, wire.carried, wire.connection)
    };
    if matches!(fate, SourceFate::InDoubt(_)) && course.protocol == Protocol::Acknowledged {
        if !course.asks_early {
            connection.go_on(&mut target, Input::Closed);
        }
        fate = ask(&mut target, dialect);
    }
    // The connection goes away with the source.
    connection.go_on(&mut target, Input::Closed);
    let restored = connection.restored.take();
    drop(connection);
    drop(port);
    let mut port = SimSource::new(there, domid);
    match &fate {
        SourceFate::Gone => twice(|| port.destroy()).unwrap(),
        // A save that failed has resumed it already.
        SourceFate::Stays(_) if saved => resume(&mut port, MODE).unwrap(),
        SourceFate::Stays(_) | SourceFate::InDoubt(_) => {}
    }
    Migrated {
        fate,
        suspended,
        twin: target.running.zip(restored),
        carried,
        writes,
    }
}

/// The connection is lost to the source: it hears nothing, or that it is closed.
fn lost(source: &mut SourceEnd, wire: &mut Wire<'_, '_, '_>) {
    let heard = std::mem::take(&mut wire.to_source);
    source.received(&heard);
    if wire.course.silent {
        source.timed_out();
    } else if wire.broken {
        source.broken();
    } else {
        source.closed();
    }
}

fn stream(
    there: &Host,
    domid: DomId,
    course: &Course,
    wire: &mut Wire<'_, '_, '_>,
    writes: &mut Vec<u64>,
) -> Result<(), String> {
    let framed = course.protocol == Protocol::Acknowledged;
    let mut adaptive = Adaptive::default();
    let mut xen = Xen::default();
    let policy: &mut dyn Policy = if course.original {
        &mut xen
    } else {
        &mut adaptive
    };
    let carry = |bytes: &[u8]| {
        if framed {
            wire.send(&frame_header(bytes.len()))?;
        }
        writes.push(wire.carried[0]);
        wire.send(bytes)
    };
    let mut source = SimSource::new(there, domid);
    let mut link = Link::new(there, 1 << 24, Duration::from_millis(1), carry);
    let options = Options::default()
        .live(course.live)
        .resume_mode(MODE)
        .needs_way_back(true);
    let save = Save::new(&mut source, &mut link).options(options);
    let saved = save.policy(policy).run();
    saved.map(|_| ()).map_err(|error| error.to_string())
}

/// Asks over a new connection what became of it.
fn ask(target: &mut Target<'_>, dialect: ia64save_codec::Dialect) -> SourceFate {
    let mut source = SourceEnd::ask(TOKEN);
    let mut connection = Connection::new(None, dialect);
    loop {
        match source.step() {
            SourceStep::Send(bytes) => {
                connection.heard.extend(bytes);
                connection.go_on(target, Input::Open);
            }
            SourceStep::Wait => {
                let said = std::mem::take(&mut connection.said);
                assert!(!said.is_empty(), "an answer");
                source.received(&said);
            }
            SourceStep::Done(fate) => return fate,
            step => panic!("{step:?}"),
        }
    }
}
