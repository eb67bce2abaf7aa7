//! What differs, gathered.

use alloc::string::String;
use alloc::vec::Vec;

/// A field that differs, or that one of the two does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: as in `dump`, but for HVM records, which go by type and vcpu.
    pub path: String,
    /// What the first has; `None` where it has nothing of it.
    pub a: Option<String>,
    /// What the second has.
    pub b: Option<String>,
    /// Where the first has it in its file.
    pub offset_a: Option<u64>,
    /// Where the second has it in its file.
    pub offset_b: Option<u64>,
}

/// A field or a part as one of the two has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) shown: String,
    pub(super) offset: Option<u64>,
}

impl Found {
    pub(super) fn new(shown: impl Into<String>, offset: u64) -> Self {
        Found {
            shown: shown.into(),
            offset: Some(offset),
        }
    }

    /// Of something that has no one place.
    pub(super) fn anywhere(shown: impl Into<String>) -> Self {
        Found {
            shown: shown.into(),
            offset: None,
        }
    }
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The first differences.
    pub differences: Vec<Difference>,
    /// All of them.
    pub count: u64,
    /// What could not be compared, and why: one of the dialects does not carry it, or means something
    /// else by it.
    pub incomparable: Vec<(String, String)>,
    pub(super) limit: usize,
}

impl Report {
    /// Whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.count == 0
    }

    pub(super) fn differ(&mut self, path: &str, a: Option<Found>, b: Option<Found>) {
        self.count += 1;
        if self.differences.len() >= self.limit {
            return;
        }
        self.differences.push(Difference {
            path: path.into(),
            offset_a: a.as_ref().and_then(|found| found.offset),
            offset_b: b.as_ref().and_then(|found| found.offset),
            a: a.map(|found| found.shown),
            b: b.map(|found| found.shown),
        });
    }

    /// Differs where the two are not equal.
    pub(super) fn compare(&mut self, path: &str, a: Option<Found>, b: Option<Found>) {
        let shown = |found: &Option<Found>| found.as_ref().map(|found| found.shown.clone());
        if shown(&a) != shown(&b) {
            self.differ(path, a, b);
        }
    }

    pub(super) fn incomparable(&mut self, path: &str, why: impl Into<String>) {
        let why = why.into();
        // The elements of an array, or the fields of every vcpu, have one reason.
        let same = |(known, reason): &(String, String)| known == path && *reason == why;
        if self.incomparable.len() < self.limit && !self.incomparable.iter().any(same) {
            self.incomparable.push((path.into(), why));
        }
    }
}
