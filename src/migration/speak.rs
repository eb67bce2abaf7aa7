//! The end of a migration that gives a domain away: the protocol's steps over a connection.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use ia64save_codec::transfer::migration::{SourceEnd, SourceFate, SourceStep, Token};

use super::connection::{Connection, Heard};

/// Bytes of the target's lines that are read at a time.
const LINE: usize = 4096;

/// A number that no other migration to the same target has.
pub fn token() -> Token {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos() as u64);
    Token(nanos ^ u64::from(std::process::id()) << 48)
}

/// Why not all was sent.
pub enum Broken {
    /// The connection took no more.
    Connection,
    /// The save failed; the domain runs on.
    Save(String),
}

/// Goes through the protocol; what has to become of the domain.
pub fn speak(
    mut end: SourceEnd,
    mut connection: Connection,
    mut stream: impl FnMut(&mut Connection) -> Result<(), Broken>,
) -> SourceFate {
    let mut buffer = [0; LINE];
    loop {
        match end.step() {
            SourceStep::Send(bytes) => {
                if connection.write_all(&bytes).is_err() {
                    last_words(&mut end, &mut connection);
                }
            }
            SourceStep::Stream => match stream(&mut connection) {
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
                    end.closed();
                }
            }
            SourceStep::Wait => match connection.hear(&mut buffer) {
                Heard::Bytes(count) => end.received(&buffer[..count]),
                Heard::Closed => end.closed(),
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
    end.closed();
}
