//! `corpus`: good and bad streams for other people's parsers.

use schemars::JsonSchema;
use serde::Serialize;

use super::keyed::Keyed;
use super::name::{CorpusExportName, CorpusName};
use super::word::Hex;

/// `manifest.json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Corpus {
    /// Name and version of this document.
    pub schema: CorpusName,
    /// In the order of their names.
    pub files: Vec<CorpusFile>,
}

/// A stream.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CorpusFile {
    /// Its file.
    pub file: String,
    /// Id of its dialect.
    pub dialect: &'static str,
    /// Name of its dialect.
    pub name: &'static str,
    /// `pv` or `hvm`.
    pub guest: &'static str,
    /// Bytes of a page.
    pub page_size: usize,
    /// `valid`, `truncated`, `structure` or `value`.
    pub class: String,
    /// Part that is wrong.
    pub path: Option<String>,
    /// Of the first byte that is wrong.
    pub offset: Option<u64>,
    /// Bytes that are wrong.
    pub length: Option<u64>,
    /// What was there.
    pub was: Option<Hex>,
    /// What is there.
    pub is: Option<Hex>,
    /// What is wrong.
    pub what: String,
}

/// What was exported.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CorpusExport {
    /// Name and version of this document.
    pub schema: CorpusExportName,
    /// Where to.
    pub folder: String,
    /// How many streams.
    pub files: usize,
    /// All their bytes.
    pub bytes: u64,
    /// Streams of each class.
    pub classes: Keyed<usize>,
}
