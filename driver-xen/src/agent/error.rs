//! How the connection to an agent breaks.

use std::fmt;
use std::time::Duration;

use ia64save_codec::transfer::ports::Errno;

use super::message::{Abort, Message};

/// The connection is over, and why. The transport goes on to answer every call with
/// [`AgentError::errno`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentError {
    /// The command that leads to the agent could not be started.
    Command {
        /// Which.
        command: String,
        /// Why not.
        reason: String,
    },
    /// A byte stream failed.
    Stream {
        /// What was to be carried, and which way: `"sending hypercall"`.
        what: String,
        /// Why it could not.
        reason: String,
    },
    /// The stream ended while a reply was due.
    Ended {
        /// The reply.
        message: Message,
        /// Bytes of it that came.
        had: usize,
        /// How the command ended, where there was one and it did.
        status: Option<String>,
    },
    /// A reply did not come in time.
    Late {
        /// The reply.
        message: Message,
        /// How long was waited.
        waited: Duration,
    },
    /// The far side said something that the protocol does not allow.
    Unexpected {
        /// The reply that was due; `None` where none was.
        message: Option<Message>,
        /// Which part of it.
        part: &'static str,
        /// What the protocol has there.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The agent has ended the connection, and says why.
    Aborted {
        /// The reply that was due.
        message: Option<Message>,
        /// Its reason.
        reason: Abort,
    },
}

impl AgentError {
    /// The number that the transport's calls fail with.
    pub fn errno(&self) -> Errno {
        match self {
            AgentError::Command { .. } | AgentError::Stream { .. } => Errno::EPIPE,
            AgentError::Ended { .. } => Errno::ECONNRESET,
            AgentError::Late { .. } => Errno::ETIMEDOUT,
            AgentError::Unexpected { .. } | AgentError::Aborted { .. } => Errno::EPROTO,
        }
    }

    /// The far side broke the protocol within the reply to `message`.
    pub(super) fn unexpected(
        message: impl Into<Option<Message>>,
        part: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        AgentError::Unexpected {
            message: message.into(),
            part,
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("agent: ")?;
        match self {
            AgentError::Command { command, reason } => write!(f, "{command}: {reason}"),
            AgentError::Stream { what, reason } => write!(f, "{what}: {reason}"),
            AgentError::Ended {
                message,
                had,
                status,
            } => {
                write!(
                    f,
                    "the stream ended after {had} bytes of the reply to {message}"
                )?;
                match status {
                    Some(status) => write!(f, " ({status})"),
                    None => Ok(()),
                }
            }
            AgentError::Late { message, waited } => write!(
                f,
                "no reply to {message} after {:.1} seconds",
                waited.as_secs_f64()
            ),
            AgentError::Unexpected {
                message,
                part,
                expected,
                found,
            } => {
                match message {
                    Some(message) => write!(f, "reply to {message}")?,
                    None => f.write_str("reply that nobody asked for")?,
                }
                write!(f, ", {part}: expected {expected}, found {found}")
            }
            AgentError::Aborted { message, reason } => {
                f.write_str("it gave up")?;
                if let Some(message) = message {
                    write!(f, " when {message} was due")?;
                }
                write!(f, ": {reason}")
            }
        }
    }
}

impl std::error::Error for AgentError {}
