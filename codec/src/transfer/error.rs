//! How a transfer fails, and what became of the domain.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::ports::{Errno, NoWayBack, PortCall, PortError, ShutdownReason, SinkError};
use crate::dialect::{Dialect, Guest};
use crate::error::Error;
use crate::grammar::Part;

/// Why a save or a restore ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferError {
    /// The part of the stream that was at hand.
    pub part: Part,
    /// Where in the stream that was, bytes from its start; for a restore that was told where in a file the
    /// stream begins ([`starting_at`](super::Restore::starting_at)), from the start of the file.
    pub offset: u64,
    /// What went wrong.
    pub cause: Cause,
    /// What became of the domain.
    pub fate: Fate,
    /// What went wrong while cleaning up, in order: each step is tried whatever became of the others.
    pub cleanup: Vec<PortError>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The stream is not what it should be, or something was to be written that does not fit it.
    Stream(Box<Error>),
    /// An operation on the domain failed.
    Port(PortError),
    /// One page could not be read or written.
    Page {
        /// [`PortCall::ReadPages`] or [`PortCall::WritePages`].
        call: PortCall,
        /// Which page.
        pfn: u64,
        /// Why.
        errno: Errno,
    },
    /// The stream takes no more.
    Sink(SinkError),
    /// The domain did not suspend itself, but runs on (`None`) or has shut down otherwise.
    NotSuspended(Option<ShutdownReason>),
    /// The domain has more pages than [`Options::most_pfns`](super::save::Options::most_pfns).
    TooLarge {
        /// How many there may be.
        most: u64,
        /// How many there are.
        found: u64,
    },
    /// The unallocated list would have more entries than its count can say (spec 6.1).
    TooManyUnallocated(u64),
    /// The target's hypervisor does not understand the stream's dialect.
    OtherDialect {
        /// That of the stream.
        stream: Dialect,
        /// That of the target.
        target: Dialect,
    },
    /// The target is of another kind than the stream.
    OtherGuest {
        /// That of the stream.
        stream: Guest,
        /// That of the target.
        target: Guest,
    },
    /// The stream has a vcpu that the target has not. The original went on there, and read the rest
    /// of the stream at the wrong place.
    TooFewVcpus {
        /// The id of the stream's vcpu.
        vcpu: u32,
        /// The highest id of the target.
        highest: u32,
    },
    /// The domain could not go on once it is suspended, and the caller wants it to.
    NoWayBack(NoWayBack),
    /// The observer wanted no more, or whoever holds the flag ([`Cancel`](super::Cancel)).
    Cancelled,
    /// The transfer was given up by its caller.
    Abandoned,
}

/// What became of a domain when a transfer failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Nothing was done to it (a save that never came to suspending it).
    #[default]
    Untouched,
    /// It had been told to suspend itself and runs on.
    Resumed,
    /// It was suspended, and could not be resumed: a call failed.
    Suspended,
    /// It was suspended, and there is no way to let it go on. It can be saved again.
    NoWayBack(NoWayBack),
    /// It had shut down for a reason of its own, and stays so.
    ShutDown,
    /// The domain under construction has been destroyed.
    Destroyed,
    /// The domain under construction could not be destroyed.
    HalfBuilt,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            // It says where by itself.
            Cause::Stream(error) => write!(f, "{error}")?,
            cause => write!(f, "{} (byte {}): {cause}", self.part, self.offset)?,
        }
        match self.fate {
            Fate::Untouched => {}
            Fate::Resumed => f.write_str("; the domain runs on")?,
            Fate::Suspended => f.write_str("; the domain stays suspended")?,
            Fate::NoWayBack(why) => write!(f, "; the domain stays suspended: {why}")?,
            Fate::ShutDown => f.write_str("; the domain has shut down")?,
            Fate::Destroyed => f.write_str("; the new domain has been destroyed")?,
            Fate::HalfBuilt => f.write_str("; a half-built domain remains")?,
        }
        for error in &self.cleanup {
            write!(f, "; then {error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Stream(error) => error.fmt(f),
            Cause::Port(error) => error.fmt(f),
            Cause::Page { call, pfn, errno } => {
                write!(f, "page {pfn:#x}: {}: {errno}", call.name())
            }
            Cause::Sink(error) => error.fmt(f),
            Cause::NotSuspended(None) => f.write_str("the domain did not suspend itself"),
            Cause::NotSuspended(Some(reason)) => {
                write!(f, "the domain did not suspend itself: {reason:?}")
            }
            Cause::TooLarge { most, found } => {
                write!(f, "the domain has {found} pages, more than {most}")
            }
            Cause::TooManyUnallocated(count) => {
                write!(f, "{count} unallocated pages are more than a u32 can say")
            }
            Cause::OtherDialect { stream, target } => {
                write!(f, "the stream is of {stream}, the target of {target}")
            }
            Cause::OtherGuest { stream, target } => {
                write!(
                    f,
                    "the stream is of a {stream} guest, the target is {target}"
                )
            }
            Cause::TooFewVcpus { vcpu, highest } => write!(
                f,
                "the stream has vcpu {vcpu}, the target none above {highest}"
            ),
            Cause::NoWayBack(why) => why.fmt(f),
            Cause::Cancelled => f.write_str("cancelled"),
            Cause::Abandoned => f.write_str("given up"),
        }
    }
}

impl core::error::Error for TransferError {}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        Cause::Stream(Box::new(error))
    }
}

impl From<PortError> for Cause {
    fn from(error: PortError) -> Self {
        Cause::Port(error)
    }
}

impl From<SinkError> for Cause {
    fn from(error: SinkError) -> Self {
        Cause::Sink(error)
    }
}
