//! The words that two hosts exchange around a migration, so that exactly one domain runs afterwards.
//!
//! Sans-io: [`SourceEnd`] and [`TargetEnd`] say what to send, and what to do with the domain at their
//! own end; connections, time-outs and domains are the caller's.
//!
//! # The acknowledged protocol
//!
//! ```text
//!   source                                            target
//!   domain runs   -- ia64save-migrate 1 TOKEN DIALECT\n -->
//!                 <-- (ready migrate)\n --                  paused, empty domain
//!                 -- frames: u32 length, bytes ... 0 -->    restored as they come: an xend file
//!   suspended     <-- (complete)\n --                       whole, still paused
//!   given up      -- commit\n -->
//!                                                           runs
//!   destroyed     <-- (running)\n --
//!                 -- done\n -->                            it knows: nobody will ask
//! ```
//!
//! Until the source has begun to say `commit`, the domain is the source's: whatever fails, the source
//! goes on and the target destroys what it has. A target that has heard `commit` runs its domain. In
//! between lies the one moment that no protocol can take away: the source has said `commit` and has
//! heard nothing. Its domain then stays suspended, and the source asks again, over a new connection:
//!
//! ```text
//!                 -- ia64save-outcome 1 TOKEN\n -->
//!                 <-- (running)\n --                        then the source destroys its domain
//!                 <-- (destroyed)\n --                      then the source's goes on
//!                 <-- (unknown)\n --                        the target has lost its memory: a person decides
//! ```
//!
//! A target that is asked while it still waits for `commit` destroys its domain before it answers, so
//! that an answer is never overtaken by a `commit` that is still on its way.
//!
//! What a target decides it writes down before it acts on it ([`Ledger`]), so that it knows every answer after a
//! crash, and `(unknown)` is said of a lost disk alone. A source writes down that its domain is given before it
//! says `commit` ([`SourceEnd::is_committed`]).
//!
//! | what fails, and where | runs afterwards |
//! |---|---|
//! | anything, before `commit` was begun | the source's domain |
//! | the connection, while `commit` or `(running)` is on it | who the target says, once it is asked |
//! | the target's host for good, after `commit` | none, until a person lets the suspended one go on |
//!
//! # xend's relocation protocol (spec 13.5)
//!
//! ```text
//!   source        -- receive\n -->
//!                 <-- (ready receive)\n --
//!                 -- the bytes of an xend file -->
//!                 -- closes its half -->                    restored: runs at once
//!   destroyed     <-- closes --            or <-- (err ...)\n --  then the source's goes on
//! ```
//!
//! Closing is the only answer, so that nothing else is taken for it: a connection that breaks, a line without
//! its end, silence, and whatever fails behind the last byte of the image leave the source in doubt. A target
//! of this project runs nothing that came over a connection that broke, nor a domain whose device model's
//! state is cut.
//!
//! Nothing acknowledges a restore there (`tests/model/holes.txt` of the repository has the shortest ways to a
//! loss, as the model checker found them). An original target that fails late closes like one that
//! succeeded, and the guest is lost, as it was with the original. A target of this project says
//! `(err ...)` before it closes, which the source heeds; an original source did not listen.
//!
//! # The states
//!
//! ```text
//!   SourceEnd:  Request -> Ready -> Stream -> Complete -> Commit -> Running -> Done(Gone)
//!                  |         |        |          |          |          |
//!                  +---------+--------+----------+          +----------+
//!                        Done(Stays)                        Done(InDoubt) -> SourceEnd::ask
//!
//!   TargetEnd:  Request -> Payload -> Restored? -> Commit? -> Running? -> Done
//!                  |          |           |           |           |
//!                  |          +-----------+-----------+-----------+--> Abandon -> Done
//!                  +-> Query -> Done
//! ```

mod ledger;
mod line;
mod outcome;
mod secret;
mod source;
mod target;

pub use ledger::{Ledger, NoRecord, Record};
pub use line::{NoToken, Protocol, Request, Token};
pub use outcome::{Outcome, Outcomes};
pub use secret::{Mac, Secret};
pub use source::{SourceEnd, SourceFate, SourceStep};
pub use target::{Awaits, Input, TargetEnd, TargetStep};

/// Most bytes of one frame of the acknowledged protocol.
pub const LARGEST_FRAME: u32 = 1 << 26;

/// In place of a frame's length: the source gives up, and nothing follows.
const ABANDONED: u32 = u32::MAX;

/// The length in front of a frame of the acknowledged protocol.
///
/// # Panics
/// If the frame is empty, which would end the stream, or above [`LARGEST_FRAME`].
pub fn frame_header(bytes: usize) -> [u8; 4] {
    assert!(
        bytes > 0 && bytes <= LARGEST_FRAME as usize,
        "a frame has 1 to {LARGEST_FRAME} bytes"
    );
    (bytes as u32).to_le_bytes()
}

#[cfg(test)]
mod tests;
