//! What the rules have found, bounded.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{CheckOptions, Report, Verdict};
use crate::code::{Code, Severity};
use crate::error::Finding;

/// Collects findings; of each code the first few in full, of the rest the number.
pub(super) struct Findings {
    found: Vec<Finding>,
    /// Findings of each code, kept or not.
    counts: BTreeMap<Code, u64>,
    keep: u64,
    worst: Option<Severity>,
}

impl Findings {
    pub(super) fn new(options: CheckOptions) -> Self {
        Findings {
            found: Vec::new(),
            counts: BTreeMap::new(),
            keep: options.findings_per_code,
            worst: None,
        }
    }

    /// Takes a finding.
    pub(super) fn add(&mut self, finding: Finding) {
        self.worst = self.worst.max(Some(finding.severity));
        if self.count(finding.code) {
            self.found.push(finding);
        }
    }

    /// Takes a finding whose text is only put together if it is kept: for rules that an input can
    /// make complain without end. It has the usual severity of its code.
    pub(super) fn add_lazily(&mut self, code: Code, finding: impl FnOnce() -> Finding) {
        self.worst = self.worst.max(Some(code.severity()));
        if self.count(code) {
            self.found.push(finding());
        }
    }

    /// Counts one of a code; whether it is to be kept.
    fn count(&mut self, code: Code) -> bool {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        *count <= self.keep
    }

    pub(super) fn into_report(mut self) -> Report {
        // Stable: what two rules say about one place stays in the order of the rules.
        self.found.sort_by_key(|finding| finding.offset);
        let keep = self.keep;
        let suppressed = self
            .counts
            .into_iter()
            .filter(|(_, count)| *count > keep)
            .map(|(code, count)| (code, count - keep))
            .collect();
        Report {
            findings: self.found,
            verdict: Verdict::of(self.worst),
            suppressed,
        }
    }
}
