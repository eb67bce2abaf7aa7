//! `explain`: what a finding means.

use ia64save_codec::Code;
use schemars::JsonSchema;
use serde::Serialize;

use super::name::{CodesName, ExplainName};

/// A kind of finding.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct CodeEntry {
    /// Its name.
    pub code: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// Clause of the specification.
    pub clause: &'static str,
    /// What it is, in a line.
    pub title: &'static str,
}

impl From<Code> for CodeEntry {
    fn from(code: Code) -> Self {
        CodeEntry {
            code: code.name(),
            severity: code.severity().name(),
            clause: code.clause(),
            title: code.title(),
        }
    }
}

/// All kinds of findings.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Codes {
    /// Name and version of this document.
    pub schema: CodesName,
    /// In the order of the catalogue.
    pub codes: Vec<CodeEntry>,
}

/// What the catalogue says of one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Explain {
    /// Name and version of this document.
    pub schema: ExplainName,
    /// Which it is.
    #[serde(flatten)]
    pub code: CodeEntry,
    /// Markdown.
    pub text: String,
}
