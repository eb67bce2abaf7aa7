//! Findings as JSON.

use ia64save_codec::{Finding, Severity};
use serde_json::{Value, json};

/// One finding.
pub fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code.name(),
        "severity": finding.severity.name(),
        "offset": finding.offset,
        "length": finding.length,
        "path": finding.path,
        "message": finding.message(),
        "expected": finding.expected,
        "found": finding.found,
        "clause": finding.clause(),
    })
}

/// How many findings of each severity there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdicts {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Notes.
    pub notes: usize,
}

impl Verdicts {
    /// Counts findings.
    pub fn of(findings: &[Finding]) -> Self {
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        Verdicts {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        }
    }
}
