//! Memory that a walk over a mapped file lets go of.

use std::sync::Arc;

use super::mapped::Mapped;

/// Bytes that a walk over a mapping passes before their memory is let go of.
const PASSED: u64 = 4 << 20;

/// Lets go of the memory of a mapped image as a walk passes it, so that what is resident stays small.
#[derive(Clone, Debug, Default)]
pub struct Passing {
    mapped: Option<Arc<Mapped>>,
    held: u64,
}

impl Passing {
    /// Over this, or over nothing that is mapped.
    pub(crate) fn new(mapped: Option<Arc<Mapped>>) -> Self {
        Passing { mapped, held: 0 }
    }

    /// More bytes were passed.
    pub fn over(&mut self, bytes: usize) {
        self.held += bytes as u64;
        if self.held >= PASSED
            && let Some(mapped) = &self.mapped
        {
            mapped.release(0..mapped.len());
            self.held = 0;
        }
    }
}
