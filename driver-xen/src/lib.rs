//! Drives a real Xen: the ports of the transfer engine, on hypercalls.
//!
//! # The map, from the bottom up
//!
//! | room | what lives there |
//! |---|---|
//! | [`abi`] | the bytes of every call: layouts and numbers |
//! | [`transport`] | what a driver needs from a kernel: hypercalls, and pages of other domains |
//! | [`mod@privcmd`] | the transport over Linux's privcmd: the only `unsafe` code |
//!
//! ```text
//!      Linux privcmd        a fake kernel (tests)      the agent, over a byte stream
//!            \                      |                      /
//!             +------------- Transport -------------------+
//! ```
#![deny(missing_docs)]

extern crate alloc;

pub mod abi;
pub mod agent;
pub mod privcmd;
pub mod transport;

pub use transport::Transport;
