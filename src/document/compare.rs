//! `compare`: where two images differ.

use ia64save_codec::compare::Difference;
use schemars::JsonSchema;
use serde::Serialize;

use super::info::Range;
use super::name::CompareName;
use super::word::Hex;

/// What is the same for both ways of comparing.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CompareHead {
    /// Name and version of this document.
    pub schema: CompareName,
    /// `logical` or `strict`.
    pub mode: &'static str,
    /// Nothing differs.
    pub same: bool,
    /// The first.
    pub a: Compared,
    /// The second.
    pub b: Compared,
}

/// One of the two.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Compared {
    /// As it was named.
    pub file: String,
    /// Bytes, unpacked.
    pub file_size: u64,
    /// It is a core of `xm dump-core`.
    pub core: bool,
    /// Name of the dialect; `null` where several remain.
    pub dialect: Option<&'static str>,
    /// `pv` or `hvm`.
    pub guest: Option<&'static str>,
    /// 1, and one more for each round of Remus.
    pub num_checkpoints: usize,
}

/// A comparison, by meaning or byte by byte.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Compare {
    /// By meaning.
    Logical(Logical),
    /// Byte by byte.
    Strict(Strict),
}

/// A comparison by meaning.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Logical {
    /// What was compared.
    #[serde(flatten)]
    pub head: CompareHead,
    /// Pages as of the first checkpoint.
    pub pages: Option<ComparedPages>,
    /// Pages as of each, where there are several.
    pub checkpoints: Option<Vec<ComparedPages>>,
    /// Differences beside the pages.
    pub num_differences: u64,
    /// The first of them.
    pub differences: Vec<DifferenceDocument>,
    /// What could not be compared.
    pub incomparable: Vec<Incomparable>,
    /// What differs since a restore changes it; with `--restored`.
    pub restored: Option<Vec<ByDesign>>,
}

/// What differs since a restore changes it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ByDesign {
    /// Which.
    pub path: String,
    /// What the first has.
    pub a: Option<String>,
    /// What the second has.
    pub b: Option<String>,
    /// Why a restore changes it.
    pub why: &'static str,
    /// Clause of the specification.
    pub clause: &'static str,
}

/// Pages as of a checkpoint.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ComparedPages {
    /// Which of several.
    pub checkpoint: usize,
    /// Pages that both have.
    pub compared: u64,
    /// Of these, how many differ.
    pub differ: u64,
    /// Pages that only the first has.
    pub only_a: u64,
    /// Pages that only the second has.
    pub only_b: u64,
    /// Which.
    pub ranges_only_a: Vec<Range>,
    /// Which.
    pub ranges_only_b: Vec<Range>,
    /// The first pages that differ.
    pub first: Vec<DifferentPage>,
}

/// A page that differs.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct DifferentPage {
    /// Which.
    pub pfn: Hex,
    /// The first byte of it that differs.
    pub in_page: usize,
    /// Where that is in the first file.
    pub offset_a: u64,
    /// Where that is in the second.
    pub offset_b: u64,
}

/// A field that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DifferenceDocument {
    /// Which.
    pub path: String,
    /// What the first has.
    pub a: Option<String>,
    /// What the second has.
    pub b: Option<String>,
    /// Where the first has it.
    pub offset_a: Option<u64>,
    /// Where the second has it.
    pub offset_b: Option<u64>,
}

/// What could not be compared.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Incomparable {
    /// Which part.
    pub path: String,
    /// Why.
    pub why: String,
}

/// A comparison byte by byte.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Strict {
    /// What was compared.
    #[serde(flatten)]
    pub head: CompareHead,
    /// Which of the two are packed: what is in them was compared.
    pub unpacked: [bool; 2],
    /// The first byte that differs.
    pub first: Option<FirstByte>,
}

/// The first byte that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FirstByte {
    /// Where.
    pub offset: u64,
    /// In which part.
    pub path: Option<String>,
    /// One of the two ends there.
    pub ends: bool,
}

impl From<&Difference> for DifferenceDocument {
    fn from(difference: &Difference) -> Self {
        DifferenceDocument {
            path: difference.path.clone(),
            a: difference.a.clone(),
            b: difference.b.clone(),
            offset_a: difference.offset_a,
            offset_b: difference.offset_b,
        }
    }
}
