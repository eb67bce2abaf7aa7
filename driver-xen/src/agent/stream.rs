//! Requests and replies over byte streams, without ever waiting longer than allowed.
//!
//! ```text
//!   send ---- frames ----> writer thread ----> W
//!     |                       |
//!     +-- what is due --+     +-- it failed --+
//!                       v                     v
//!   receive <-- events -- reader thread <---- R
//! ```
//!
//! The threads block; nobody else does. A thread ends when its stream does, or when the other end of
//! its channel is gone.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::error::AgentError;
use super::exchange::Exchange;
use super::message::Message;
use super::replies::{Expected, Replies, Reply};

/// How to treat a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a reply may take beside its way over the link: hypercalls that tear down a large
    /// domain take minutes.
    pub patience: Duration,
    /// The slowest link that is waited for, bytes a second.
    pub slowest: u64,
    /// Bytes of pages in one message.
    pub chunk: usize,
    /// Bytes that may be on the way, requests and replies together.
    pub window: usize,
}

impl Default for Options {
    /// Five minutes, 64 KiB a second, 1 MiB, 8 MiB.
    fn default() -> Self {
        Options {
            patience: Duration::from_secs(300),
            slowest: 64 << 10,
            chunk: 1 << 20,
            window: 8 << 20,
        }
    }
}

/// How long a command may take to end, once its input has.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long an answer is still waited for after writing has failed: it says why.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often a command that is about to end is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What the threads have to say.
enum Event {
    Reply(Reply),
    Failed(AgentError),
    Ended { had: usize },
    ReadFailed(String),
    WriteFailed(String),
}

/// An exchange over a pair of byte streams.
#[derive(Debug)]
pub struct Streams {
    frames: Option<Sender<Vec<u8>>>,
    written: Receiver<Vec<u8>>,
    expected: Sender<Expected>,
    events: Receiver<Event>,
    bodies: Sender<Vec<u8>>,
    /// What is due, and the bytes that it and its request take.
    due: VecDeque<(Message, u64)>,
    on_the_way: u64,
    patience: Duration,
    slowest: u64,
    child: Option<Child>,
    broken: bool,
}

impl Streams {
    /// Starts a command that leads to an agent. Its standard error is the caller's, so that ssh can say
    /// what it has to say.
    pub fn spawn(mut command: Command, options: &Options) -> Result<Self, AgentError> {
        let line = command_line(&command);
        let failed = |reason: String| AgentError::Command {
            command: line.clone(),
            reason,
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("it has no input and output".into()));
        };
        let mut streams = Streams::connect(output, input, options);
        streams.child = Some(child);
        Ok(streams)
    }

    /// Over a pair of streams that lead to an agent. Where a read or write of theirs never returns, its
    /// thread stays behind when this is dropped; nothing else waits for it.
    pub fn connect(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
        options: &Options,
    ) -> Self {
        let (frames, to_write) = channel();
        let (written_to, written) = channel();
        let (expected, expectations) = channel();
        let (events_to, events) = channel();
        let (bodies, spare) = channel();
        let write_events = events_to.clone();
        thread::spawn(move || write_all(writer, &to_write, &written_to, &write_events));
        thread::spawn(move || read_all(reader, &expectations, &spare, &events_to));
        Streams {
            frames: Some(frames),
            written,
            expected,
            events,
            bodies,
            due: VecDeque::new(),
            on_the_way: 0,
            patience: options.patience,
            slowest: options.slowest.max(1),
            child: None,
            broken: false,
        }
    }

    /// The next event, and what it means.
    fn next(&mut self, message: Message) -> Result<Reply, AgentError> {
        let link = Duration::from_millis(self.on_the_way.saturating_mul(1000) / self.slowest);
        let allowed = self.patience.saturating_add(link);
        let start = Instant::now();
        let mut until = allowed;
        let mut write_failed = None;
        loop {
            let left = until.saturating_sub(start.elapsed());
            let event = match self.events.recv_timeout(left) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(write_failed.unwrap_or(AgentError::Late {
                        message,
                        waited: allowed,
                    }));
                }
                Err(RecvTimeoutError::Disconnected) => Event::Ended { had: 0 },
            };
            return match event {
                Event::Reply(reply) => Ok(reply),
                Event::Failed(error) => Err(error),
                Event::Ended { had } => Err(AgentError::Ended {
                    message,
                    had,
                    status: self.status(),
                }),
                Event::ReadFailed(reason) => Err(AgentError::Stream {
                    what: format!("reading the reply to {message}"),
                    reason,
                }),
                Event::WriteFailed(reason) => {
                    until = start.elapsed().saturating_add(LAST_WORDS).min(allowed);
                    write_failed = Some(AgentError::Stream {
                        what: format!("sending while {message} was due"),
                        reason,
                    });
                    continue;
                }
            };
        }
    }

    /// How the command ended, where it does so soon.
    fn status(&mut self) -> Option<String> {
        let child = self.child.as_mut()?;
        let status = ended(child, Duration::from_millis(500))?;
        Some(status.to_string())
    }
}

/// Waits for a command to end.
fn ended(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if start.elapsed() < patience => thread::sleep(LOOK),
            _ => return None,
        }
    }
}

fn command_line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line += " ";
        line += &arg.to_string_lossy();
    }
    line
}

fn write_all(
    mut writer: impl Write,
    frames: &Receiver<Vec<u8>>,
    written: &Sender<Vec<u8>>,
    events: &Sender<Event>,
) {
    while let Ok(frame) = frames.recv() {
        if let Err(error) = writer.write_all(&frame).and_then(|()| writer.flush()) {
            let _ = events.send(Event::WriteFailed(error.to_string()));
            return;
        }
        let _ = written.send(frame);
    }
}

fn read_all(
    mut reader: impl Read,
    expected: &Receiver<Expected>,
    spare: &Receiver<Vec<u8>>,
    events: &Sender<Event>,
) {
    let mut replies = Replies::new();
    loop {
        let read = reader.read(replies.space());
        // What a reply answers was announced before it was sent.
        for one in expected.try_iter() {
            replies.expect(one);
        }
        for body in spare.try_iter() {
            replies.give_back(body);
        }
        let event = match read {
            Ok(0) => Event::Ended { had: replies.had() },
            Ok(bytes) => match replies.filled(bytes) {
                Ok(None) => continue,
                Ok(Some(reply)) => Event::Reply(reply),
                Err(error) => Event::Failed(error),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Event::ReadFailed(error.to_string()),
        };
        let more = matches!(event, Event::Reply(_));
        if events.send(event).is_err() || !more {
            return;
        }
    }
}

impl Exchange for Streams {
    fn send(&mut self, frame: Vec<u8>, expected: Expected) -> Result<(), AgentError> {
        let bytes = frame.len() as u64 + expected.most as u64;
        // Where a thread has ended, receive() says why.
        let _ = self.expected.send(expected);
        if let Some(frames) = &self.frames {
            let _ = frames.send(frame);
        }
        self.due.push_back((expected.message, bytes));
        self.on_the_way += bytes;
        Ok(())
    }

    fn receive(&mut self) -> Result<Reply, AgentError> {
        let (message, bytes) = *self.due.front().unwrap_or(&(Message::Hello, 0));
        let result = self.next(message);
        self.due.pop_front();
        self.on_the_way -= bytes;
        self.broken |= result.is_err();
        result
    }

    fn spare(&mut self) -> Vec<u8> {
        self.written.try_recv().unwrap_or_default()
    }

    fn give_back(&mut self, body: Vec<u8>) {
        let _ = self.bodies.send(body);
    }
}

impl Drop for Streams {
    /// Ends the agent's input, upon which it unmaps everything and ends.
    fn drop(&mut self) {
        self.frames = None;
        if let Some(child) = &mut self.child {
            let patience = if self.broken {
                Duration::ZERO
            } else {
                FAREWELL
            };
            if ended(child, patience).is_none() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
