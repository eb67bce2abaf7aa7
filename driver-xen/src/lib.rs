//! Drives a real Xen: the ports of the transfer engine, on hypercalls.
//!
//! # The map, from the bottom up
//!
//! | room | what lives there |
//! |---|---|
//! | [`abi`] | the bytes of every call: layouts and numbers of every release |
//! | [`transport`] | what a driver needs from a kernel: hypercalls, and pages of other domains |
//! | [`mod@privcmd`] | the transport over Linux's privcmd: the only `unsafe` code |
//! | [`agent`] | the transport to a control domain elsewhere, where Rust cannot run: a real Itanium |
//! | [`hypervisor`] | the generic calls, typed, and which release this is |
//! | [`machine`] | what only ia64 has: setup, the exposed physical map, contexts |
//! | [`toolstack`] | what is done beside the hypervisor: suspending, device models |
//! | [`error`] | why there is no hypervisor to drive |
//! | [`ports`] | a domain as the transfer engine wants it |
//! | `fake` (feature) | a simulated control domain: ioctls as bytes, answered by driver-sim |
//!
//! ```text
//!                       the transfer engine
//!                               |
//!              ports::XenDomain: Domain, SourceDomain, TargetDomain
//!               /               |                       \
//!          Machine          Hypervisor               Toolstack
//!        ia64, or a        Direct, Xenctrl         xenstore, a command
//!        test's own             |
//!                           Transport
//!            /                  |                      \
//!      Linux privcmd     a fake kernel (tests)     the agent, over a byte stream
//! ```
//!
//! A domain is saved like this:
//!
//! ```no_run
//! use ia64save_xen::{XenDomain, hypervisor, machine::Ia64};
//! # fn save(mut transport: impl ia64save_xen::Transport) -> Result<(), Box<dyn std::error::Error>> {
//! let release = hypervisor::probe(&mut transport)?;
//! let xen = hypervisor::Direct::new(transport, release);
//! let domain = XenDomain::new(xen, Ia64::new(release.era()), 5);
//! // ... and codec::transfer does the rest.
//! # drop(domain); Ok(()) }
//! ```
#![deny(missing_docs)]

extern crate alloc;

pub mod abi;
pub mod agent;
pub mod error;
#[cfg(feature = "fake")]
pub mod fake;
pub mod hypervisor;
pub mod machine;
pub mod ports;
pub mod privcmd;
pub mod toolstack;
pub mod transport;

pub use hypervisor::Hypervisor;
pub use machine::Machine;
pub use ports::XenDomain;
pub use toolstack::Toolstack;
pub use transport::Transport;
