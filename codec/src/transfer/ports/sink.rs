//! Where a saved stream goes.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

/// A stream that takes bytes.
///
/// The engine asks for space, fills it, and says how much it filled: guest pages are copied once, from
/// the guest straight into the sink's own buffer.
pub trait Sink {
    /// Space for exactly `bytes` bytes, at most [`Sink::LARGEST`]. Sends what has to go first.
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError>;

    /// The first `bytes` of the space are filled and belong to the stream.
    fn commit(&mut self, bytes: usize) -> Result<(), SinkError>;

    /// Everything that was committed is sent before this returns.
    fn flush(&mut self) -> Result<(), SinkError>;

    /// Time since some fixed moment. Never goes back. Policies judge by it how fast the link is.
    fn now(&mut self) -> Duration;

    /// Lets time pass, during which the domain runs and nothing is sent: sleeps. A sink that cannot
    /// returns at once, and costs a policy a chance to find a quiet moment, no more.
    fn wait(&mut self, time: Duration) {
        let _ = time;
    }

    /// The most that is ever asked for at once, bytes.
    const LARGEST: usize = 1 << 26;
}

/// The stream takes no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkError {
    /// Why, for people.
    pub reason: String,
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl core::error::Error for SinkError {}
