//! The way to a real Itanium: a transport over a byte stream, to the agent on the far control domain.
//!
//! Rust has no ia64 target, so this crate cannot run there. What can is `agent/`, a program in C99 that
//! carries hypercalls, their buffers and foreign pages over its standard input and output, and does
//! nothing else. `agent/PROTOCOL.md` is the protocol's specification.
//!
//! | room | what lives there |
//! |---|---|
//! | [`wire`] | numbers, headers, and the bytes of every message |
//! | [`replies`] | the sans-io reader: bytes in, replies out, each held to what was asked |
//! | [`exchange`] | what carries requests and replies, as a trait |
//! | [`stream`] | that over threads, with time-outs: a command such as ssh, or any pair of streams |
//! | [`client`] | [`Agent`], the [`Transport`](crate::Transport) over an exchange |
//! | [`error`] | how it breaks |
//! | [`fuzz`] | the entries for fuzzers |
//!
//! ```text
//!   Agent::read_foreign(4096 frames)
//!       |  64 frames a request, as many on the way as the window holds
//!       v
//!   Exchange::send  --> writer thread --> ssh --> agent: map, write(2) from the mapping, unmap
//!   Exchange::receive <-- Replies <-- reader thread <-- ssh <--+
//!       |
//!       v
//!   pages to where the caller wants them
//! ```
//!
//! The agent answers in the order of the requests. Both sides distrust each other's numbers: here a
//! reply has to be the one that is due, of a length that its request allows, before anything is
//! allocated for it; and what does not come in time ends the connection.
//!
//! ```no_run
//! use ia64save_xen::Transport;
//! use ia64save_xen::agent::{Agent, Options};
//! let mut ssh = std::process::Command::new("ssh");
//! ssh.args(["root@itanium", "./agent"]);
//! let mut agent = Agent::spawn(ssh, &Options::default())?;
//! println!("pages of {} bytes", agent.geometry().page_size);
//! # Ok::<(), ia64save_xen::agent::AgentError>(())
//! ```
#![forbid(unsafe_code)]

pub mod client;
pub mod error;
pub mod exchange;
pub mod fuzz;
pub mod message;
pub mod replies;
pub mod stream;
pub mod wire;

pub use client::Agent;
pub use error::AgentError;
pub use stream::Options;
