//! `convert`, `decode`, `encode`, `edit`, `repair`: what was written out of an image.

use ia64save_codec::repair::Note;
use schemars::JsonSchema;
use serde::Serialize;

use super::failure::Failure;
use super::fields::FieldValue;
use super::finding::FindingDocument;
use super::name::{ConvertName, DecodeName, EditName, EncodeName, PagesOnlyName, RepairName};
use super::word::Hex;

/// A conversion.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Convert {
    /// Name and version of this document.
    pub schema: ConvertName,
    /// Dialect of the source.
    pub from: &'static str,
    /// Dialect that was asked for.
    pub to: &'static str,
    /// Era that the source was understood by.
    pub from_era: &'static str,
    /// Era that was asked for.
    pub to_era: &'static str,
    /// Bytes; `null` where nothing was written.
    pub written: Option<u64>,
    /// Dialect that a reader takes the result for; `null` where several remain.
    pub read_as: Option<&'static str>,
    /// Dialects that remain to a reader.
    pub candidates: Vec<&'static str>,
    /// Eras that remain to a reader.
    pub era_candidates: Vec<&'static str>,
    /// What the target cannot say.
    pub losses: Vec<Change>,
    /// What is said another way.
    pub notes: Vec<Change>,
}

/// What a conversion changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Change {
    /// Which part.
    pub path: String,
    /// What becomes of it.
    pub what: String,
}

/// An image that became a tree.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Decode {
    /// Name and version of this document.
    pub schema: DecodeName,
    /// As it was named.
    pub file: String,
    /// The tree.
    pub tree: String,
    /// Its pages.
    pub pages: String,
    /// What stood behind the stream.
    pub behind: Option<String>,
    /// Page records.
    pub num_records: usize,
    /// Bytes of a page.
    pub page_size: usize,
}

/// A tree that became an image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Encode {
    /// Name and version of this document.
    pub schema: EncodeName,
    /// The tree.
    pub tree: String,
    /// The image.
    pub file: String,
    /// Bytes.
    pub written: u64,
}

/// Fields that were given other values.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Edit {
    /// Name and version of this document.
    pub schema: EditName,
    /// The image that was read.
    pub image: String,
    /// The image that was written.
    pub file: String,
    /// In the order in which they were asked for.
    pub edits: Vec<EditedField>,
}

/// A field that was given another value.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EditedField {
    /// Which.
    pub path: String,
    /// Of its first byte.
    pub offset: u64,
    /// Bytes.
    pub size: usize,
    /// What was there.
    pub was: FieldValue,
    /// What is there.
    pub is: FieldValue,
}

/// A repair.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Repair {
    /// Name and version of this document.
    pub schema: RepairName,
    /// As it was named.
    pub file: String,
    /// `intact`, `repaired`, `planned` or `refused`.
    pub outcome: String,
    /// Bytes; `null` where nothing was written.
    pub written: Option<u64>,
    /// What was done.
    pub notes: Vec<RepairNote>,
    /// What is wrong all the same.
    pub remaining: Vec<FindingDocument>,
    /// What has to be chosen first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
}

/// Something that a repair does.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RepairNote {
    /// Something that was in the file is gone.
    pub lost: bool,
    /// Which part.
    pub path: String,
    /// Where.
    pub offset: u64,
    /// What is done.
    pub what: String,
    /// The number that was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<Hex>,
    /// The number that is there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<Hex>,
}

/// Which of several values a word has.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Question {
    /// Which word.
    pub path: String,
    /// Values that are as good as each other.
    pub values: Vec<u64>,
    /// What chooses.
    pub option: &'static str,
}

/// The index of pages that were saved out of what is no image any more.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PagesOnly {
    /// Name and version of this document.
    pub schema: PagesOnlyName,
    /// What this is, for whoever finds it.
    pub what: &'static str,
    /// The damaged image.
    pub file: String,
    /// The file with the pages, beside this one.
    pub pages_file: String,
    /// Bytes of a page.
    pub page_size: usize,
    /// Pages.
    pub num_pages: usize,
    /// Records whose pfn is no memory.
    pub records_without_a_place: usize,
    /// Parts that the image does not have.
    pub missing: Vec<String>,
    /// What ended it.
    pub error: Option<Failure>,
    /// Where which pages are.
    pub ranges: Vec<SavedRange>,
}

/// Pages that follow each other.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct SavedRange {
    /// The first pfn.
    pub first_pfn: Hex,
    /// How many.
    pub num_pages: u64,
    /// Of the first, in the file with the pages.
    pub offset: u64,
}

impl From<&Note> for RepairNote {
    fn from(note: &Note) -> Self {
        RepairNote {
            lost: note.lost,
            path: note.path.clone(),
            offset: note.offset,
            what: note.what.clone(),
            was: note.number.map(|(was, _)| was.into()),
            is: note.number.map(|(_, is)| is.into()),
        }
    }
}
