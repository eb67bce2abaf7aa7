//! One shape for what is said of several files: a document with an entry each, whatever becomes of them,
//! however many there are; or a line each.

use schemars::JsonSchema;
use serde::Serialize;

use super::failure::{Failure, FileOutcome};

/// What is said of several files.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Files<N, T> {
    /// Name and version of this document.
    pub schema: N,
    /// Version of ia64save.
    pub tool_version: &'static str,
    /// In the order in which they were named.
    pub files: Vec<Entry<T>>,
}

/// What is said of one file. Of one that is no image, or cannot be read, `outcome` and `error` are all there is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Entry<T> {
    /// As it was named.
    pub file: String,
    /// What became of it.
    pub outcome: FileOutcome,
    /// Why it was not read, or not to its end.
    pub error: Option<Failure>,
    /// The rest, where it is an image.
    #[serde(flatten)]
    pub of: Option<T>,
}

/// An entry as a line of its own.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Line<N, T> {
    /// Name and version of this document.
    pub schema: N,
    /// Version of ia64save.
    pub tool_version: &'static str,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry<T>,
}
