//! What can happen to a stream.

use std::time::Duration;

/// What can happen to the bytes on their way. Offsets count from the start of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nothing from this byte on arrives, and the sender is told.
    Cut(u64),
    /// The byte arrives with some bits turned over.
    Corrupt {
        /// Which.
        at: u64,
        /// The bits.
        bits: u8,
    },
    /// The other end takes no more from this byte on; the sender gives up after that long.
    Stall {
        /// From where.
        at: u64,
        /// For how long.
        timeout: Duration,
    },
}
