//! Why a file was not read, or not to its end.

use std::fmt::Display;

use ia64save_codec::Finding;
use schemars::JsonSchema;
use serde::Serialize;

/// An error. What has a place in the file says so as a finding does.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Failure {
    /// What is wrong, in a sentence.
    pub message: String,
    /// What `ia64save explain` takes.
    pub code: Option<&'static str>,
    /// `error`.
    pub severity: Option<&'static str>,
    /// Of the first byte concerned, in the file.
    pub offset: Option<u64>,
    /// Bytes concerned.
    pub length: Option<u32>,
    /// Part of the stream, such as `vcpu[3].regs`.
    pub path: Option<String>,
    /// What was expected there.
    pub expected: Option<String>,
    /// What was found there.
    pub found: Option<String>,
    /// Clause of the specification.
    pub clause: Option<&'static str>,
}

impl Failure {
    /// An error without a place in the file.
    pub fn said(error: &impl Display) -> Self {
        Failure {
            message: error.to_string(),
            ..Failure::default()
        }
    }
}

impl From<&Finding> for Failure {
    fn from(error: &Finding) -> Self {
        Failure {
            message: error.message().to_string(),
            code: Some(error.code.name()),
            severity: Some(error.severity.name()),
            offset: Some(error.offset),
            length: Some(error.length),
            path: Some(error.path.clone()),
            expected: Some(error.expected.clone()),
            found: Some(error.found.clone()),
            clause: Some(error.clause()),
        }
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileOutcome {
    /// It was read to its end.
    Fine,
    /// It is an image, and broken.
    Invalid,
    /// It is something else.
    Foreign,
    /// It could not be read.
    Unreadable,
    /// It cannot be asked this.
    Refused,
}
