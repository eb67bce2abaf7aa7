//! The end of a migration that gives a domain away: the protocol's steps over a connection.

use std::io::Write as _;
use std::time::Duration;
use std::{fmt, thread};

use ia64save_codec::transfer::migration::{
    Outcome, Secret, SourceEnd, SourceFate, SourceStep, Token,
};

use super::address::Address;
use super::connection::{Connection, Heard};
use crate::signals;

/// Bytes of the target's lines that are read at a time.
const LINE: usize = 4096;
/// How often a target is asked what became of a migration, once nobody knows.
const QUESTIONS: u32 = 5;
/// Time between two of them.
const PAUSE: Duration = Duration::from_millis(500);

/// Why not all was sent.
#[derive(Clone, Debug)]
pub enum Broken {
    /// The connection took no more.
    Connection,
    /// The save failed; the domain runs on.
    Save(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Connection => f.write_str("the connection took no more"),
            Broken::Save(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Broken {}

/// Goes through the protocol; what has to become of the domain. `stream` sends it, and says
/// [`SourceEnd::imaged`] between the image and the device model's state. `given` is told once, before the word
/// is sent that may have the domain run elsewhere: who may be killed writes it down.
pub fn speak(
    mut end: SourceEnd,
    mut connection: Connection,
    mut stream: impl FnMut(&mut Connection, &mut SourceEnd) -> Result<(), Broken>,
    given: impl FnOnce(),
) -> SourceFate {
    let mut buffer = [0; LINE];
    let mut given = Some(given);
    loop {
        match end.step() {
            SourceStep::Send(bytes) => {
                if end.is_committed()
                    && let Some(given) = given.take()
                {
                    given();
                }
                if connection.write_all(&bytes).is_err() {
                    last_words(&mut end, &mut connection);
                }
            }
            SourceStep::Stream => match stream(&mut connection, &mut end) {
                Ok(()) => end.streamed(Ok(())),
                Err(Broken::Connection) => last_words(&mut end, &mut connection),
                Err(Broken::Save(why)) => {
                    end.streamed(Err(&why));
                    if let Some(word) = end.farewell() {
                        let _ = connection.write_all(&word);
                    }
                }
            },
            SourceStep::CloseWriting => {
                if connection.close_writing().is_err() {
                    end.broken();
                }
            }
            SourceStep::Wait => match connection.hear(&mut buffer) {
                Heard::Bytes(count) => end.received(&buffer[..count]),
                Heard::Closed => end.closed(),
                Heard::Broken => end.broken(),
                Heard::Nothing if signals::is_asked() => end.interrupted(signals::name()),
                Heard::Nothing => end.timed_out(),
            },
            SourceStep::Done(fate) => return fate,
        }
    }
}

/// A target that takes no more may have said why.
fn last_words(end: &mut SourceEnd, connection: &mut Connection) {
    let mut buffer = [0; LINE];
    if let Heard::Bytes(count) = connection.hear(&mut buffer) {
        end.received(&buffer[..count]);
    }
    if signals::is_asked() {
        end.interrupted(signals::name());
    } else {
        end.broken();
    }
}

/// A target that can be asked.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// Where it listens.
    pub address: &'a Address,
    /// How long it may take.
    pub patience: Duration,
    /// The secret that it has to know, if any.
    pub secret: Option<Secret>,
}

impl Target<'_> {
    /// Asks what became of a migration, once.
    pub fn ask(&self, token: Token) -> std::io::Result<SourceFate> {
        let connection = self.address.connect(self.patience)?;
        let end = SourceEnd::ask(token).with_secret(self.secret.clone());
        Ok(speak(
            end,
            connection,
            |_, _| Err(Broken::Connection),
            || {},
        ))
    }

    /// Asks until it is known, a few times.
    pub fn settle(&self, token: Token, mut fate: SourceFate) -> SourceFate {
        for _ in 0..QUESTIONS {
            if !matches!(fate, SourceFate::InDoubt(_)) {
                break;
            }
            thread::sleep(PAUSE);
            if let Ok(answer) = self.ask(token) {
                fate = answer;
            }
        }
        fate
    }
}

/// What the answer to a question said.
pub fn said(fate: &SourceFate) -> Outcome {
    match fate {
        SourceFate::Gone => Outcome::Running,
        SourceFate::Stays(_) => Outcome::Destroyed,
        SourceFate::InDoubt(_) => Outcome::Unknown,
    }
}
