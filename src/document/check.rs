//! `check`: everything that is wrong with an image.

use ia64save_codec::check::Report;
use ia64save_codec::repair::Note;
use schemars::JsonSchema;
use serde::Serialize;

use super::keyed::Keyed;
use super::finding::FindingDocument;
use super::word::Hex;

/// A verdict and what it rests on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Check {
    /// `valid`, `valid_with_warnings` or `invalid`.
    pub verdict: &'static str,
    /// In the order of the file.
    pub findings: Vec<FindingDocument>,
    /// By code, how many more there are of what is there too often to be listed.
    pub suppressed: Keyed<u64>,
    /// The one number that explains every error.
    pub cause: Option<Cause>,
    /// Page records of the first checkpoint.
    pub num_records: Option<usize>,
    /// Those whose page is zero.
    pub num_zero: Option<u64>,
}

/// The one number that explains every error.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Cause {
    /// Which it is.
    pub path: String,
    /// Where it is.
    pub offset: u64,
    /// What it is.
    pub found: Option<Hex>,
    /// What it would have to be.
    pub expected: Option<Hex>,
}

impl From<&Note> for Cause {
    fn from(note: &Note) -> Self {
        Cause {
            path: note.path.clone(),
            offset: note.offset,
            found: note.number.map(|(found, _)| found.into()),
            expected: note.number.map(|(_, expected)| expected.into()),
        }
    }
}

/// By code, how many findings are not listed.
pub fn suppressed(report: &Report) -> Keyed<u64> {
    let codes = report.suppressed.iter();
    codes.map(|(code, count)| (code.name(), *count)).collect()
}
