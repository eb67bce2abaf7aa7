//! What an image is written around with.

use clap::ValueEnum;

/// An envelope to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvelopeKind {
    /// The stream alone
    Bare,
    /// As xend wrote it (xm save)
    Xend,
    /// As xl wrote it
    Xl,
}
