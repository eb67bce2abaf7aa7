//! Save, restore and live migration: the algorithms, once, over [`ports`] that a driver implements.
//!
//! ```text
//!   source domain            this room                   target domain
//!   SourceDomain  --->  Save + Policy --> Sink
//!                                          |  bytes: a file, a pipe, a socket
//!                                          v
//!                       Restore <-- feed (bytes)  --->  TargetDomain
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`ports`] | what a domain and a stream must offer |
//! | [`save`] | [`Save`]: a domain becomes a stream |
//! | [`restore`] | [`Restore`]: a stream becomes a domain |
//! | [`resume`] | a domain that has suspended itself goes on where it is |
//! | [`policy`] | when to send which page, and when to suspend: the original's way, and a better one |
//! | [`observer`] | what a save tells while it is under way |
//! | [`error`] | how a transfer fails, and what became of the domain |
//! | [`cancel`] | a flag that ends a transfer |
//! | [`bitmap`] | a set of pfns: what log-dirty returns |
//! | [`migration`] | the words around a migration, after which exactly one domain runs |
//!
//! There is no clock, no thread and no socket here. Time comes from the [`Sink`](ports::Sink), which
//! is the only one to know how long sending took.
//!
//! Whatever fails, no half-done work stays: a save that fails lets the source run on where there is a way
//! back, a restore that fails destroys the target. Both give back what they took in the same order, which the ports ask
//! for: log-dirty off, p2m unexposed, and only then the domain.

pub mod bitmap;
pub mod cancel;
pub mod error;
pub mod migration;
pub mod observer;
pub mod policy;
pub mod ports;
pub mod restore;
pub mod resume;
pub mod save;
mod start_info;

pub use cancel::Cancel;
pub use error::{Cause, Fate, TransferError};
pub use observer::{Observer, Pass};
pub use policy::{Adaptive, Policy, Xen};
pub use restore::{Restore, Restored};
pub use resume::ResumeMode;
pub use save::{Save, Saved};
