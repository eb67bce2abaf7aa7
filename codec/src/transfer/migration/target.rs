//! The end that takes a domain in.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};

use super::line::{self, Protocol, Request, Token};
use super::outcome::Outcome;
use super::{ABANDONED, LARGEST_FRAME};
use crate::envelope::relocation;

/// How the connection is, beyond the bytes that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// More may come.
    Open,
    /// The source has closed its half, or the connection broke.
    Closed,
    /// Nothing came for too long.
    TimedOut,
}

/// What the target does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetStep<'a> {
    /// More bytes are needed: read, and show what is left together with what came.
    Wait,
    /// Send this, and go on. If it cannot be sent, go on with [`Input::Closed`].
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

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Request,
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
    Querying,
    Done,
}

/// The target's half of either protocol; which of them, the source's first line tells.
#[derive(Clone, Debug)]
pub struct TargetEnd {
    state: State,
    protocol: Protocol,
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
        }
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
                Input::TimedOut => self.abandon("the source does not go on"),
            },
            State::Restoring => {
                // The caller owes an answer.
                self.state = State::Restoring;
                (0, TargetStep::PayloadEnd)
            }
            State::Complete => {
                self.state = State::Commit;
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
            (Ok(()), Protocol::Acknowledged) => State::Last(Outcome::Running.line().to_owned()),
            (Ok(()), Protocol::Xend) => State::Done,
            (Err(why), _) => State::Refused(why.to_owned()),
        };
    }

    /// The answer to [`TargetStep::Query`].
    pub fn answer(&mut self, outcome: Outcome) {
        self.state = State::Last(outcome.line().to_owned());
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
            Input::Closed => {
                self.state = State::Done;
                let why = format!("the source has closed the connection {part}");
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
                Input::Closed | Input::TimedOut => (0, TargetStep::Done),
            };
        };
        let text = String::from_utf8_lossy(&bytes[..end]);
        let step = match Request::parse(text.trim_end_matches('\r')) {
            Some(Request::Outcome(token)) => {
                self.state = State::Querying;
                TargetStep::Query(token)
            }
            Some(request) => {
                if request == Request::Receive {
                    self.protocol = Protocol::Xend;
                }
                self.state = State::Ready;
                TargetStep::Begin(request)
            }
            None => TargetStep::Send(line::complaint("request", "no such operation")),
        };
        (end + 1, step)
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
