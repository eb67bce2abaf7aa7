//! A finding, and why a file was not read.

use ia64save_codec::{Finding as Found, Severity};
use schemars::JsonSchema;
use serde::Serialize;

/// Something that is wrong with an image, or odd.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub struct FindingDocument {
    /// What `ia64save explain` takes.
    pub code: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// Of the first byte concerned, in the file.
    pub offset: u64,
    /// Bytes concerned.
    pub length: u32,
    /// Part of the stream, such as `vcpu[3].regs`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What was expected there; may be empty.
    pub expected: String,
    /// What was found there; may be empty.
    pub found: String,
    /// Clause of the specification.
    pub clause: &'static str,
}

impl From<&Found> for FindingDocument {
    fn from(found: &Found) -> Self {
        FindingDocument {
            code: found.code.name(),
            severity: found.severity.name(),
            offset: found.offset,
            length: found.length,
            path: found.path.clone(),
            message: found.message().to_string(),
            expected: found.expected.clone(),
            found: found.found.clone(),
            clause: found.clause(),
        }
    }
}

/// How many findings of each severity there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    pub fn of(findings: &[Found]) -> Self {
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        Verdicts {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        }
    }
}
