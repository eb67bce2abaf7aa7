//! What the engine asks of a domain and of a stream. Drivers implement these traits and nothing else.
//!
//! The ports have the shape of the real operations: batches of pfns with a result for each page, an
//! explicit state of log-dirty, sizes asked for before contents. Two things are different from the
//! calls underneath, on purpose:
//!
//! - **Pages are copied by the driver** ([`Domain::read_pages`], [`Domain::write_pages`]): from
//!   the mapping straight into the sink's buffer, or from the received bytes straight into the
//!   mapping. That is the only copy. A mapping lives for the length of that call, so none can be left
//!   behind, and the engine never holds a `&[u8]` over memory that a running guest writes to.
//! - **Every failure names its call** ([`PortError`]), since what to do about it depends on that.
//!
//! What an implementation may rely on, and the engine on it:
//!
//! - A failed call has done nothing, or says how much ([`Populated`], [`PortError::done`]).
//! - Dropping a port releases every mapping it holds.
//! - [`SourceDomain::peek_dirty`] and [`SourceDomain::clean_dirty`] are only called while log-dirty is
//!   on: with it off the hypervisor answers with an empty set, and pages would be lost.

mod context;
mod domain;
mod error;
mod p2m;
mod sink;
mod source;
mod target;
mod way_back;

pub use context::{HvmParam, VcpuInfo};
pub use domain::{Domain, DomainInfo, PageResult, Setup, ShutdownReason};
pub use error::{Errno, PortCall, PortError};
pub use p2m::P2mEntry;
pub use sink::{Sink, SinkError};
pub use source::SourceDomain;
pub use target::{Populated, TargetDomain};
pub use way_back::{Introduction, NoWayBack, WaysBack};
