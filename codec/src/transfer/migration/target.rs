//! The end that takes a domain in.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};

use super::line::{self, Protocol, Request, Token};
use super::outcome::Outcome;
use super::secret::{Role, Secret, hex};
use super::{ABANDONED, LARGEST_FRAME};
use crate::envelope::relocation;

/// How the connection is, beyond the bytes that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// More may come.
    Open,
    /// The source has closed its half, as one does that has sent everything.
    Closed,
    /// The connection broke: nobody has closed it.
    Broken,
    /// Nothing came for too long.
    TimedOut,
}

/// What the target does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetStep<'a> {
    /// More bytes are needed: read, and show what is left together with what came.
    Wait,
    /// Send this, and go on. If it cannot be sent, go on with [`Input::Broken`].
    Send(String),
    /// A domain is coming. Say [`TargetEnd::refuse`] if it cannot be taken, otherwise go on.
    Begin(Request),
    /// The next bytes of an xend file: restore them. If that fails, [`TargetEnd::refuse`].
    Payload(&'a [u8]),
    /// That was all of it. Finish the restore, and say [`TargetEnd::restored`].
    PayloadEnd,
    /// Let the domain run, and say [`TargetEnd::ran`].
    Run,
    /// Destroy whatever there is of the domain, remember [`Outcome::Destroyed`], and go on.
    Abandon(String),
    /// Somebody asks what became of a migration. If its domain still waits to be run, destroy it
    /// first. Then say [`TargetEnd::answer`].
    Query(Token),
    /// It is over: close the connection.
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Request,
    // A challenge is yet to be sent, and its answer to come.
    Challenge(Request),
    Proof(Request),
    // The target's own proof is sent: as if the request had just come.
    Proved(Request),
    // The answer to a request is yet to be sent.
    Ready,
    FrameLength,
    Frame(u32),
    // xend: bytes up to the end of the connection.
    Raw,
    Restoring,
    // `(complete)` is yet to be sent.
    Complete,
    Commit,
    Running,
    // Destroyed, the source is yet to be told why.
    Refused(String),
    // The last words.
    Last(String),
    // Those that the source may thank for.
    Answer(&'static str),
    Thanks,
    Querying,
    Done,
}

/// The target's half of either protocol; which of them, the source's first line tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetEnd {
    state: State,
    protocol: Protocol,
    secret: Option<(Secret, String)>,
    completed: bool,
    thanked: bool,
}

/// What a target waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The first line, or a proof: nothing is known of who is there.
    Greeting,
    /// A domain.
    Payload,
    /// A line that takes as long as its way.
    Line,
    /// The last line, on which nothing depends.
    Thanks,
}

impl Default for TargetEnd {
    fn default() -> Self {
        Self::new()
    }
}

impl TargetEnd {
    /// For a new connection.
    pub fn new() -> Self {
        TargetEnd {
            state: State::Request,
            protocol: Protocol::Acknowledged,
            secret: None,
            completed: false,
            thanked: false,
        }
    }

    /// Deals with sources only that know this secret. `nonce` is a number that was never used before, and
    /// that nobody can guess. xend's protocol has no place for a secret, and is refused.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret, nonce: [u8; 16]) -> Self {
        self.secret = Some((secret, hex(&nonce)));
        self
    }

    /// What it waits for.
    pub fn awaits(&self) -> Awaits {
        match self.state {
            State::Request | State::Challenge(_) | State::Proof(_) => Awaits::Greeting,
            State::FrameLength | State::Frame(_) | State::Raw => Awaits::Payload,
            State::Thanks => Awaits::Thanks,
            _ => Awaits::Line,
        }
    }

    /// Whether the source was told that the domain is whole: only from then on it may have to ask.
    pub fn is_completed(&self) -> bool {
        self.completed
    }

    /// Whether the source has said that it knows what became of the domain.
    pub fn is_thanked(&self) -> bool {
        self.thanked
    }

    /// Which protocol the source speaks; only after its request.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Looks at the bytes at hand: how many of them may be dropped, and what to do. Without progress
    /// it answers [`TargetStep::Wait`], which never comes where the input has ended.
    pub fn step<'a>(&mut self, bytes: &'a [u8], input: Input) -> (usize, TargetStep<'a>) {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Request => self.request(bytes, input),
            State::Challenge(request) => {
                let nonce = self.secret.as_ref().map_or("", |(_, nonce)| nonce);
                let words = format!("(challenge {nonce})\n");
                self.state = State::Proof(request);
                (0, TargetStep::Send(words))
            }
            State::Proof(request) => self.proof(request, bytes, input),
            State::Proved(request) => (0, self.begin(request)),
            State::Ready => {
                let (answer, next) = match self.protocol {
                    Protocol::Acknowledged => (line::READY.to_owned(), State::FrameLength),
                    Protocol::Xend => {
                        let answer = String::from_utf8_lossy(relocation::READY);
                        (answer.to_string(), State::Raw)
                    }
                };
                self.state = next;
                (0, TargetStep::Send(answer))
            }
            State::FrameLength => self.frame_length(bytes, input),
            State::Frame(left) => self.frame(left, bytes, input),
            State::Raw if !bytes.is_empty() => {
                self.state = State::Raw;
                (bytes.len(), TargetStep::Payload(bytes))
            }
            State::Raw => match input {
                Input::Open => self.wait(State::Raw),
                Input::Closed => {
                    self.state = State::Restoring;
                    (0, TargetStep::PayloadEnd)
                }
                Input::Broken => self.lost(input, State::Raw, "before the end of the stream"),
                Input::TimedOut => self.abandon("the source does not go on"),
            },
            State::Restoring => {
                // The caller owes an answer.
                self.state = State::Restoring;
                (0, TargetStep::PayloadEnd)
            }
            State::Complete => {
                self.state = State::Commit;
                self.completed = true;
                (0, TargetStep::Send(line::COMPLETE.to_owned()))
            }
            State::Commit => self.commit(bytes, input),
            State::Running => {
                self.state = State::Running;
                (0, TargetStep::Run)
            }
            State::Refused(why) => {
                self.state = State::Last(line::complaint("restore", &why));
                (0, TargetStep::Abandon(why))
            }
            State::Last(words) => (0, TargetStep::Send(words)),
            State::Answer(words) => {
                self.state = State::Thanks;
                (0, TargetStep::Send(words.to_owned()))
            }
            State::Thanks => self.thanks(bytes, input),
            State::Querying | State::Done => (0, TargetStep::Done),
        }
    }

    /// The domain cannot be taken, or restoring it failed: it will be abandoned, and the source told.
    pub fn refuse(&mut self, why: &str) {
        self.state = State::Refused(why.to_owned());
    }

    /// The restore has come to its end.
    pub fn restored(&mut self, result: Result<(), &str>) {
        self.state = match (result, self.protocol) {
            (Ok(()), Protocol::Acknowledged) => State::Complete,
            (Ok(()), Protocol::Xend) => State::Running,
            (Err(why), _) => State::Refused(why.to_owned()),
        };
    }

    /// The domain runs, or cannot be made to: then it will be abandoned.
    pub fn ran(&mut self, result: Result<(), &str>) {
        self.state = match (result, self.protocol) {
            (Ok(()), Protocol::Acknowledged) => State::Answer(Outcome::Running.line()),
            (Ok(()), Protocol::Xend) => State::Done,
            (Err(why), _) => State::Refused(why.to_owned()),
        };
    }

    /// The answer to [`TargetStep::Query`].
    pub fn answer(&mut self, outcome: Outcome) {
        self.state = State::Answer(outcome.line());
    }

    fn wait<'a>(&mut self, state: State) -> (usize, TargetStep<'a>) {
        self.state = state;
        (0, TargetStep::Wait)
    }

    fn abandon<'a>(&mut self, why: &str) -> (usize, TargetStep<'a>) {
        self.state = State::Last(line::complaint("restore", why));
        (0, TargetStep::Abandon(why.to_owned()))
    }

    /// Nothing more of what is needed will come; there is nobody to be told.
    fn lost<'a>(&mut self, input: Input, state: State, part: &str) -> (usize, TargetStep<'a>) {
        match input {
            Input::Open => self.wait(state),
            Input::Closed | Input::Broken => {
                self.state = State::Done;
                let why = if input == Input::Closed {
                    format!("the source has closed the connection {part}")
                } else {
                    format!("the connection broke {part}")
                };
                (0, TargetStep::Abandon(why))
            }
            Input::TimedOut => self.abandon(&format!("the source does not go on {part}")),
        }
    }

    fn request<'a>(&mut self, bytes: &'a [u8], input: Input) -> (usize, TargetStep<'a>) {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            if bytes.len() >= line::LONGEST {
                return (
                    0,
                    TargetStep::Send(line::complaint("request", "a line without an end")),
                );
            }
            // Nothing has begun that could be abandoned.
            return match input {
                Input::Open => self.wait(State::Request),
                Input::Closed | Input::Broken | Input::TimedOut => (0, TargetStep::Done),
            };
        };
        let text = String::from_utf8_lossy(&bytes[..end]);
        let step = match Request::parse(text.trim_end_matches('\r')) {
            Some(Request::Receive) if self.secret.is_some() => TargetStep::Send(line::complaint(
                "request",
                "a secret is wanted here, and xend's protocol has no place for one",
            )),
            Some(request) if self.secret.is_some() => {
                self.state = State::Challenge(request);
                return self.after(end + 1);
            }
            Some(request) => self.begin(request),
            None => TargetStep::Send(line::complaint("request", "no such operation")),
        };
        (end + 1, step)
    }

    /// Goes on behind `used` bytes with a step that needs none.
    fn after<'a>(&mut self, used: usize) -> (usize, TargetStep<'a>) {
        (used, self.step(&[], Input::Open).1)
    }

    /// A request came, of whoever may ask.
    fn begin<'a>(&mut self, request: Request) -> TargetStep<'a> {
        if let Request::Outcome(token) = request {
            self.state = State::Querying;
            return TargetStep::Query(token);
        }
        if request == Request::Receive {
            self.protocol = Protocol::Xend;
        }
        self.state = State::Ready;
        TargetStep::Begin(request)
    }

    /// The answer to a challenge.
    fn proof<'a>(
        &mut self,
        request: Request,
        bytes: &'a [u8],
        input: Input,
    ) -> (usize, TargetStep<'a>) {
        let line = bytes.split_inclusive(|byte| *byte == b'\n').next();
        let line = line.filter(|line| line.ends_with(b"\n"));
        let Some(line) = line else {
            if input == Input::Open && bytes.len() < line::LONGEST {
                return self.wait(State::Proof(request));
            }
            return (0, TargetStep::Done);
        };
        let given = core::str::from_utf8(line).ok();
        let given = given.and_then(|line| line.strip_prefix("proof ")?.strip_suffix('\n'));
        let step = match (&self.secret, given) {
            (Some((secret, nonce)), Some(given))
                if secret.proves(Role::Source, &request.line(), nonce, given) =>
            {
                let own = secret.proof(Role::Target, &request.line(), nonce);
                self.state = State::Proved(request);
                TargetStep::Send(format!("(proved {own})\n"))
            }
            _ => TargetStep::Send(line::complaint("request", "the secret here is another")),
        };
        (line.len(), step)
    }

    /// The source may say that it knows. Whether it does changes nothing.
    fn thanks<'a>(&mut self, bytes: &'a [u8], input: Input) -> (usize, TargetStep<'a>) {
        let expected = line::DONE.as_bytes();
        let have = bytes.len().min(expected.len());
        if bytes[..have] == expected[..have] && have < expected.len() && input == Input::Open {
            return self.wait(State::Thanks);
        }
        self.thanked = bytes.starts_with(expected);
        (if self.thanked { have } else { 0 }, TargetStep::Done)
    }

    fn frame_length<'a>(&mut self, bytes: &'a [u8], input: Input) -> (usize, TargetStep<'a>) {
        let Some(length) = bytes.first_chunk() else {
            return self.lost(input, State::FrameLength, "before the end of the stream");
        };
        let step = match u32::from_le_bytes(*length) {
            0 => {
                self.state = State::Restoring;
                TargetStep::PayloadEnd
            }
            ABANDONED => {
                self.state = State::Done;
                TargetStep::Abandon("the source has given up".to_owned())
            }
            length @ 1..=LARGEST_FRAME => {
                let (used, step) = self.frame(length, &bytes[4..], input);
                return (4 + used, step);
            }
            length => {
                let why = format!("a frame of {length} bytes; at most {LARGEST_FRAME} are taken");
                self.abandon(&why).1
            }
        };
        (4, step)
    }

    fn frame<'a>(&mut self, left: u32, bytes: &'a [u8], input: Input) -> (usize, TargetStep<'a>) {
        let now = bytes.len().min(left as usize);
        if now == 0 {
            return self.lost(input, State::Frame(left), "within the stream");
        }
        let left = left - now as u32;
        self.state = if left == 0 {
            State::FrameLength
        } else {
            State::Frame(left)
        };
        (now, TargetStep::Payload(&bytes[..now]))
    }

    fn commit<'a>(&mut self, bytes: &'a [u8], input: Input) -> (usize, TargetStep<'a>) {
        let expected = line::COMMIT.as_bytes();
        let have = bytes.len().min(expected.len());
        if bytes[..have] != expected[..have] {
            return self.abandon("the source says something unknown in place of commit");
        }
        if have < expected.len() {
            return self.lost(input, State::Commit, "before it said commit");
        }
        self.state = State::Running;
        (have, TargetStep::Run)
    }
}
