//! `batch`: a line for each of many files.

use schemars::JsonSchema;
use serde::Serialize;

use super::name::BatchName;
use super::word::{Digits, Hex};

/// What a line says of a file. Every line has every key; `null` is what is not known.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct InventoryRow {
    /// Name and version of this document.
    pub schema: BatchName,
    /// As it was found.
    pub file: String,
    /// Bytes.
    pub file_size: Option<u64>,
    /// Of the file; with `--digest`.
    pub sha256: Option<Digits>,
    /// How the file is packed.
    pub compression: Option<String>,
    /// Bytes that are packed in it.
    pub unpacked_size: Option<u64>,
    /// Of what is packed in it; with `--digest`.
    pub unpacked_sha256: Option<Digits>,
    /// `valid`, `valid_with_warnings`, `invalid`, `foreign` or `unreadable`.
    pub verdict: &'static str,
    /// Findings.
    pub errors: Option<usize>,
    /// Findings.
    pub warnings: Option<usize>,
    /// Findings.
    pub notes: Option<usize>,
    /// Which there are.
    pub codes: Option<Vec<&'static str>>,
    /// In a line.
    pub first_error: Option<String>,
    /// The stream was read to its end.
    pub complete: bool,
    /// `bare`, `xend` or `xl`.
    pub envelope: Option<&'static str>,
    /// Name of the domain.
    pub name: Option<String>,
    /// UUID of the domain.
    pub uuid: Option<String>,
    /// The stream's version word.
    pub format_version: Option<u64>,
    /// Name of the dialect; `null` where several remain.
    pub dialect: Option<&'static str>,
    /// Dialects that remain.
    pub dialect_candidates: Option<Vec<&'static str>>,
    /// The era, where one remains.
    pub era: Option<&'static str>,
    /// Eras that remain.
    pub era_candidates: Option<Vec<&'static str>>,
    /// `pv` or `hvm`.
    pub guest: Option<&'static str>,
    /// The stream's first word.
    pub p2m_size: Option<Hex>,
    /// Pages that are memory by the memory map.
    pub ram_pages: Option<Hex>,
    /// Bytes of a page.
    pub page_size: Option<usize>,
    /// Page records.
    pub num_records: Option<u64>,
    /// Pages of which there is a record.
    pub num_distinct: Option<u64>,
    /// Records that a later one replaces.
    pub num_superseded: Option<u64>,
    /// Records whose page is zero; with `--digest`.
    pub num_zero: Option<u64>,
    /// pfns without memory.
    pub num_unallocated: Option<u32>,
    /// Trips through memory.
    pub num_passes: Option<usize>,
    /// Vcpus.
    pub num_vcpus: Option<usize>,
    /// 1, and one more for each round of Remus.
    pub num_checkpoints: Option<usize>,
    /// Bytes of the device model's state.
    pub device_model_size: Option<u64>,
}
