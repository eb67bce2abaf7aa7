//! What carries requests to an agent and replies back, in order.

use super::error::AgentError;
use super::replies::{Expected, Reply};

/// Carries frames. [`Streams`](super::stream::Streams) does it over byte streams and threads; tests and
/// fuzzers answer from memory.
pub trait Exchange {
    /// Sends a request, whose reply is then due. Does not wait for anything.
    fn send(&mut self, frame: Vec<u8>, expected: Expected) -> Result<(), AgentError>;

    /// The reply that is due next. After an error there is none any more.
    fn receive(&mut self) -> Result<Reply, AgentError>;

    /// A buffer to build a request in, with whatever is in it.
    fn spare(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes back the body of a reply that has been read.
    fn give_back(&mut self, body: Vec<u8>) {
        drop(body);
    }
}
