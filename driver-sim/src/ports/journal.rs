//! What a restore did to a domain, as the domain saw it: what a restore says of itself is held
//! against this.

use std::ops::Range;

use ia64save_codec::transfer::ports::{HvmParam, Setup};

/// What a restore did to a domain, in order.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// What setup said.
    pub setup: Option<Setup>,
    /// The gpfns that were populated, as ranges in the order in which it happened.
    pub populated: Vec<Range<u64>>,
    /// The gpfns at which memory was taken away.
    pub decreased: Vec<u64>,
    /// The pages that were filled with zeros.
    pub cleared: Vec<u64>,
    /// The contexts that were set, as they were handed in; those that were refused among them.
    pub vcpus_set: Vec<(u32, Vec<u8>)>,
    /// The parameters that were set.
    pub hvm_params: Vec<(HvmParam, u64)>,
    /// The HVM context that was loaded.
    pub hvm_context: Option<Vec<u8>>,
    /// The domain was destroyed.
    pub destroyed: bool,
}

impl Journal {
    pub(super) fn populated(&mut self, gpfn: u64) {
        match self.populated.last_mut() {
            Some(range) if range.end == gpfn => range.end += 1,
            _ => self.populated.push(gpfn..gpfn + 1),
        }
    }
}
