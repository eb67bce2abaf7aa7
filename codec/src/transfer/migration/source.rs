//! The end that gives a domain away.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::ABANDONED;
use super::line::{self, Protocol, Request, Token};
use super::outcome::Outcome;
use super::secret::{Role, Secret};
use crate::dialect::Dialect;
use crate::envelope::relocation;

/// What the source does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceStep {
    /// Send these bytes, and ask again; if they cannot be sent, say [`SourceEnd::broken`].
    Send(Vec<u8>),
    /// Save the domain into the connection: the bytes of an xend file, in frames where the protocol
    /// is the acknowledged one ([`super::frame_header`]). Say [`SourceEnd::imaged`] when the image is
    /// sent, before a device model's state, and [`SourceEnd::streamed`] when all is.
    Stream,
    /// Nothing more will be sent: close this half of the connection, and ask again.
    CloseWriting,
    /// Read from the connection, and say [`SourceEnd::received`], [`SourceEnd::closed`],
    /// [`SourceEnd::broken`] or [`SourceEnd::timed_out`].
    Wait,
    /// It is over.
    Done(SourceFate),
}

/// What has to become of the source's domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SourceFate {
    /// It runs elsewhere: destroy it here.
    Gone,
    /// It goes on here: resume it, if it was suspended. And why.
    Stays(String),
    /// Nobody knows whether it runs elsewhere: keep it suspended, and ask over a new connection
    /// ([`SourceEnd::ask`]).
    InDoubt(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceEnd {
    protocol: Protocol,
    request: Request,
    state: State,
    heard: Vec<u8>,
    fate: Option<SourceFate>,
    secret: Option<Secret>,
    proving: Proving,
    /// What is to be sent before anything else.
    words: Option<String>,
    /// The whole image is on its way.
    imaged: bool,
}

/// Whether the target knows the secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Proving {
    /// It has not said.
    No,
    /// It has been given a proof for this nonce, and owes its own.
    Owed(String),
    Yes,
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
            secret: None,
            proving: Proving::No,
            words: None,
            imaged: false,
        }
    }

    /// Deals with a target only that knows this secret.
    #[must_use]
    pub fn with_secret(mut self, secret: Option<Secret>) -> Self {
        self.secret = secret;
        self
    }

    /// Which protocol it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What to do next.
    pub fn step(&mut self) -> SourceStep {
        if let Some(words) = self.words.take() {
            return SourceStep::Send(words.into_bytes());
        }
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

    /// The whole image is on its way; what may follow is the device model's state. With xend's protocol a
    /// target may run the domain from here on, whatever becomes of the rest.
    pub fn imaged(&mut self) {
        self.imaged = true;
    }

    /// Whether the target was told that it may run the domain, or is by the bytes of the last
    /// [`SourceStep::Send`]: from here on only the target knows. Who may be killed writes that down before
    /// these bytes are sent. Of xend's protocol it says nothing: there the bytes of the image do it.
    pub fn is_committed(&self) -> bool {
        matches!(self.state, State::Commit | State::Running)
    }

    /// The whole domain is on its way, or saving it failed (the engine has resumed it). A connection
    /// that broke while it was written to is [`SourceEnd::broken`].
    pub fn streamed(&mut self, saved: Result<(), &str>) {
        if self.state != State::Stream || self.fate.is_some() {
            return;
        }
        match (saved, self.protocol) {
            (Ok(()), Protocol::Acknowledged) => self.state = State::Ended,
            (Ok(()), Protocol::Xend) => self.state = State::Closing,
            (Err(why), _) => self.lost(why),
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

    /// The target has closed the connection, as one does that has nothing more to say.
    pub fn closed(&mut self) {
        // It may have said why.
        if matches!(self.listen(), SourceStep::Wait) && self.fate.is_none() {
            if self.state != State::Closed {
                self.lost("the target has closed the connection");
            } else if self.heard.is_empty() {
                self.fate = Some(SourceFate::Gone);
            } else {
                self.lost("the target has closed the connection within a line");
            }
        }
    }

    /// The connection broke, in reading or in writing: nobody has closed it.
    pub fn broken(&mut self) {
        if matches!(self.listen(), SourceStep::Wait) && self.fate.is_none() {
            self.lost("the connection broke");
        }
    }

    /// Whoever is at work here wants it no more, and says who told him.
    pub fn interrupted(&mut self, by: &str) {
        if matches!(self.listen(), SourceStep::Wait) && self.fate.is_none() {
            self.lost(&format!("interrupted by {by}"));
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
            // The target may have all it needs, and takes the end of the connection for the end.
            State::Stream | State::Closing if self.protocol == Protocol::Xend && self.imaged => {
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
        let answers = matches!(self.state, State::Ready | State::Answer);
        if answers && !failed && self.proving != Proving::Yes {
            match self.prove(line) {
                Ok(true) => return,
                Ok(false) => {}
                Err(why) => return self.lost(why),
            }
        }
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
                self.words = Some(line::DONE.to_owned());
            }
            (State::Answer, line) if line == Outcome::Destroyed.line() => {
                self.words = Some(line::DONE.to_owned());
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

    /// Gives a proof and takes one. `false` where the line is about something else, and may be.
    fn prove(&mut self, line: &str) -> Result<bool, &'static str> {
        let word = |name: &str| {
            let rest = line.strip_prefix(name)?.strip_prefix(' ')?;
            rest.strip_suffix(")\n").map(ToOwned::to_owned)
        };
        match (&self.secret, &self.proving) {
            (None, _) if word("(challenge").is_some() => {
                Err("the target asks for a secret, and none was given here")
            }
            (Some(secret), Proving::No) => {
                let nonce = word("(challenge").ok_or("the target does not ask for the secret")?;
                let proof = secret.proof(Role::Source, &self.request.line(), &nonce);
                self.words = Some(line::proof(&proof));
                self.proving = Proving::Owed(nonce);
                Ok(true)
            }
            (Some(secret), Proving::Owed(nonce)) => {
                let given = word("(proved").unwrap_or_default();
                if !secret.proves(Role::Target, &self.request.line(), nonce, &given) {
                    return Err("the target does not know the secret");
                }
                self.proving = Proving::Yes;
                Ok(true)
            }
            (None, _) | (Some(_), Proving::Yes) => Ok(false),
        }
    }
}
