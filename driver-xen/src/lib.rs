//! Drives a real Xen: the ports of the transfer engine, on hypercalls.
//!
//! # The map, from the bottom up
//!
//! | room | what lives there |
//! |---|---|
//! | [`transport`] | what a driver needs from a kernel: hypercalls, and pages of other domains |
//!
//! ```text
//!      Linux privcmd        a fake kernel (tests)      the agent, over a byte stream
//!            \                      |                      /
//!             +------------- Transport -------------------+
//! ```
#![deny(missing_docs)]

pub mod transport;

pub use transport::Transport;
