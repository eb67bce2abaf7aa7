//! Where a stream goes: sinks over virtual time and over memory.
//!
//! | room | what lives there |
//! |---|---|
//! | [`Link`] | a link of some bandwidth and latency; guests work on while it sends |
//! | [`Damage`] | what can happen to the bytes on their way |
//! | [`MemorySink`] | plain memory, as fast as it goes |

mod damage;
mod memory;
mod wire;

pub use damage::Damage;
pub use memory::MemorySink;
pub use wire::{Link, Receiver};
