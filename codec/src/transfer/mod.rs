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
//! | [`bitmap`] | a set of pfns: what log-dirty returns |
//! | [`migration`] | the words around a migration, after which exactly one domain runs |
//!
//! There is no clock, no thread and no socket here. Time comes from the [`Sink`](ports::Sink), which
//! is the only one to know how long sending took.

pub mod bitmap;
pub mod migration;
pub mod ports;
