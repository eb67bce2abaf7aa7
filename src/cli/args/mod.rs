//! What several commands let the user say. What one command does stands with it.

mod envelope;
mod format;
mod number;
mod packing;
mod reading;
mod token;

pub use envelope::EnvelopeKind;
pub use format::{Color, Format};
pub use number::number;
pub use packing::Packing;
pub use reading::{Reading, dialect, guest};
pub use token::token;
