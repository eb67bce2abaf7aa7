//! The end that gives a domain away.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::ABANDONED;
use super::line::{self, Protocol, Request, Token};
use super::outcome::Outcome;
use crate::dialect::Dialect;
use crate::envelope::relocation;

/// What the source does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceStep {
    /// Send these bytes, and ask again; if they cannot be sent, say [`SourceEnd::closed`].
    Send(Vec<u8>),
    /// Save the domain into the connection: the bytes of an xend file, in frames where the protocol
    /// is the acknowledged one ([`super::frame_header`]). Then say [`SourceEnd::streamed`].
    Stream,
    /// Nothing more will be sent: close this half of the connection, and ask again.
    CloseWriting,
    /// Read from the connection, and say [`SourceEnd::received`], [`SourceEnd::closed`] or
    /// [`SourceEnd::timed_out`].
    Wait,
    /// It is over.
    Done(SourceFate),
}

/// What has to become of the source's domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFate {
    /// It runs elsewhere: destroy it here.
    Gone,
    /// It goes on here: resume it, if it was suspended. And why.
    Stays(String),
    /// Nobody knows whether it runs elsewhere: keep it suspended, and ask over a new connection
    /// ([`SourceEnd::ask`]).
    InDoubt(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Request,
    Ready,
    Stream,
    Ended,
    Complete,
    Commit,
    Running,
    // xend: all was sent.
    Closing,
    Closed,
    // A connection that only asks.
    Ask,
    Answer,
    Done,
}

/// The source's half of the protocol.
#[derive(Clone, Debug)]
pub struct SourceEnd {
    protocol: Protocol,
    request: Request,
    state: State,
    heard: Vec<u8>,
    fate: Option<SourceFate>,
}

impl SourceEnd {
    /// The acknowledged protocol, for a stream in this dialect.
    pub fn new(token: Token, dialect: Dialect) -> Self {
        let request = Request::Migrate { token, dialect };
        Self::begin(Protocol::Acknowledged, request, State::Request)
    }

    /// xend's protocol.
    pub fn xend() -> Self {
        Self::begin(Protocol::Xend, Request::Receive, State::Request)
    }

    /// Asks what became of a migration that ended [`SourceFate::InDoubt`].
    pub fn ask(token: Token) -> Self {
        let request = Request::Outcome(token);
        Self::begin(Protocol::Acknowledged, request, State::Ask)
    }

    fn begin(protocol: Protocol, request: Request, state: State) -> Self {
        SourceEnd {
            protocol,
            request,
            state,
            heard: Vec::new(),
            fate: None,
        }
    }

    /// Which protocol it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What to do next.
    pub fn step(&mut self) -> SourceStep {
        if let Some(fate) = &self.fate {
            return SourceStep::Done(fate.clone());
        }
        match self.state {
            State::Request => self.send(self.request.line().into_bytes(), State::Ready),
            State::Ask => self.send(self.request.line().into_bytes(), State::Answer),
            State::Ended => self.send(0u32.to_le_bytes().to_vec(), State::Complete),
            State::Commit => self.send(line::COMMIT.as_bytes().to_vec(), State::Running),
            State::Stream => SourceStep::Stream,
            State::Closing => {
                self.state = State::Closed;
                SourceStep::CloseWriting
            }
            State::Ready | State::Complete | State::Running | State::Answer | State::Closed => {
                self.listen()
            }
            State::Done => SourceStep::Wait,
        }
    }

    /// The whole domain is on its way, or saving it failed (the engine has resumed it). A connection
    /// that broke while it was written to is [`SourceEnd::closed`].
    pub fn streamed(&mut self, saved: Result<(), &str>) {
        if self.state != State::Stream || self.fate.is_some() {
            return;
        }
        match (saved, self.protocol) {
            (Ok(()), Protocol::Acknowledged) => self.state = State::Ended,
            (Ok(()), Protocol::Xend) => self.state = State::Closing,
            (Err(why), _) => self.stays(why.to_owned()),
        }
    }

    /// What to send after [`SourceEnd::streamed`] with an error, so that the target need not wait for
    /// a time-out: `None` where the protocol has no word for it and only closing tells.
    pub fn farewell(&self) -> Option<[u8; 4]> {
        (self.protocol == Protocol::Acknowledged).then_some(ABANDONED.to_le_bytes())
    }

    /// Bytes came from the target.
    pub fn received(&mut self, bytes: &[u8]) {
        let room = line::LONGEST - self.heard.len().min(line::LONGEST);
        self.heard
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.heard.len() == line::LONGEST && !self.heard.contains(&b'\n') {
            self.lost("the target's line has no end");
        }
    }

    /// The target has closed the connection, or it broke, in reading or in writing.
    pub fn closed(&mut self) {
        // It may have said why.
        if matches!(self.listen(), SourceStep::Wait) && self.fate.is_none() {
            if self.state == State::Closed {
                self.fate = Some(SourceFate::Gone);
            } else {
                self.lost("the target has closed the connection");
            }
        }
    }

    /// Nothing came for too long.
    pub fn timed_out(&mut self) {
        self.lost("the target does not answer");
    }

    fn send(&mut self, bytes: Vec<u8>, next: State) -> SourceStep {
        self.state = next;
        SourceStep::Send(bytes)
    }

    fn stays(&mut self, why: String) {
        self.state = State::Done;
        self.fate.get_or_insert(SourceFate::Stays(why));
    }

    fn lost(&mut self, why: &str) {
        let fate = match self.state {
            // From the first byte of `commit` on, and in xend's protocol from the last of the stream.
            State::Commit | State::Running | State::Ask | State::Answer | State::Closed => {
                SourceFate::InDoubt(why.to_owned())
            }
            _ => SourceFate::Stays(why.to_owned()),
        };
        self.state = State::Done;
        self.fate.get_or_insert(fate);
    }

    /// Looks at the next line, if there is one.
    fn listen(&mut self) -> SourceStep {
        let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') else {
            return SourceStep::Wait;
        };
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        let line = String::from_utf8_lossy(&line).to_string();
        self.hear(&line);
        self.step()
    }

    fn hear(&mut self, line: &str) {
        let failed = line.starts_with("(err");
        match (self.state, line) {
            (State::Ready, line::READY) if self.protocol == Protocol::Acknowledged => {
                self.state = State::Stream;
            }
            (State::Ready, line) if line.as_bytes() == relocation::READY => {
                self.state = State::Stream;
            }
            (State::Complete, line::COMPLETE) => self.state = State::Commit,
            (State::Running | State::Answer, line) if line == Outcome::Running.line() => {
                self.state = State::Done;
                self.fate = Some(SourceFate::Gone);
            }
            (State::Answer, line) if line == Outcome::Destroyed.line() => {
                self.stays("the target has destroyed its domain".to_owned());
            }
            (State::Answer, line) if line == Outcome::Unknown.line() => {
                self.lost("the target knows nothing of this migration");
            }
            // A target that says so has destroyed its domain, even after `commit`.
            (State::Done, _) => {}
            (state, line) if failed && state != State::Answer => {
                self.stays(format!(
                    "the target says: {}",
                    line::complained(line.trim_end())
                ));
            }
            (State::Closed, _) => {}
            (_, line) => {
                let line: String = line.trim_end().chars().take(80).collect();
                self.lost(&format!("the target says something unknown: {line}"));
            }
        }
    }
}
