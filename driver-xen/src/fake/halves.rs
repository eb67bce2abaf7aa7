//! Domains whose destruction has begun and not ended.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ia64save_sim::DomId;

/// Those of one host, for every process that has privcmd's file open there: clones are the same set.
#[derive(Clone, Debug, Default)]
pub struct Halves(Arc<Mutex<BTreeSet<DomId>>>);

impl Halves {
    fn set(&self) -> MutexGuard<'_, BTreeSet<DomId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this one is half destroyed.
    pub fn contains(&self, domain: DomId) -> bool {
        self.set().contains(&domain)
    }

    pub(super) fn begin(&self, domain: DomId) {
        self.set().insert(domain);
    }

    pub(super) fn end(&self, domain: DomId) {
        self.set().remove(&domain);
    }
}
