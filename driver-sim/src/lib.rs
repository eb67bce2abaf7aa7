//! A simulated Xen/ia64 host: domains that can be saved, restored and live-migrated.
//!
//! There is no machine left to try a save or a restore on. This crate is one: a hypervisor that
//! refuses what the real one refused, domains with memory and registers, guests at work, a link, time
//! that passes when it is told to, and calls that fail when a test wants them to.
//!
//! # The map
//!
//! | room | what lives there |
//! |---|---|
//! | [`hypervisor`] | domains, and operations on them with the semantics of real hypercalls |
//! | [`ports`] | what the transfer engine asks of a domain, over those operations |
//! | [`builder`] | domains that look as if they had run |
//! | [`link`] | sinks over virtual time and over memory; what can happen to a stream |
//! | [`workload`] | what guests do while they run |
//! | [`comparison`] | policies of a live save, compared over virtual time |
//!
//! Nothing in here knows a thread, and but for [`link::MemorySink`] nothing knows a clock: two runs
//! with the same seeds are the same.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod builder;
pub mod comparison;
pub(crate) mod fields;
pub mod hypervisor;
pub mod link;
pub mod ports;
pub mod workload;

pub use builder::{Contents, GuestSpec};
pub use hypervisor::{ArchState, DomId, Era, Heap, Host, Machine, Registers, Started};
pub use ports::{SimSource, SimTarget};
