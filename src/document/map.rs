//! `map`: which guest memory an image holds.

use ia64save_codec::image::{Checkpoint, Extent, State};
use schemars::JsonSchema;
use serde::Serialize;

use super::name::MapName;
use super::word::Hex;

/// Which guest memory an image holds, and where in the file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Map {
    /// What stands in front of the extents.
    #[serde(flatten)]
    pub head: MapHead,
    /// Ascending, without gaps.
    pub extents: Vec<ExtentDocument>,
}

/// What stands in front of the extents.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MapHead {
    /// Name and version of this document.
    pub schema: MapName,
    /// As it was named.
    pub file: String,
    /// Which of several.
    pub checkpoint: usize,
    /// Bytes of a page.
    pub page_size: usize,
}

/// Pages of one kind, with the keys of `qemu-img map`; addresses are texts, and `offset` is the place of the
/// first page: the next is `stride` bytes further, since every record has a header.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExtentDocument {
    /// Guest physical address.
    pub start: Hex,
    /// Bytes of guest memory.
    pub length: Hex,
    /// 0: an image has no backing file.
    pub depth: u8,
    /// There is a record.
    pub present: bool,
    /// It reads as zero.
    pub zero: bool,
    /// There is a record, and its page is not zero.
    pub data: bool,
    /// Of the first page in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Bytes from a page to the next one in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<u64>,
    /// The first pfn.
    pub first_pfn: Hex,
    /// Pages.
    pub num_pages: Hex,
    /// `sent`, `sent_again`, `unallocated`, `hole`, `not_ram` or `unread`.
    pub state: String,
    /// The list of pfns without memory names it.
    pub unallocated: bool,
}

impl ExtentDocument {
    /// An extent of a checkpoint.
    pub fn of(checkpoint: &Checkpoint, page_size: usize, extent: &Extent) -> Self {
        let page_size = page_size as u64;
        let present = extent.record.is_some();
        ExtentDocument {
            start: extent.pfns.first().saturating_mul(page_size).into(),
            length: extent.pages().saturating_mul(page_size).into(),
            depth: 0,
            present,
            zero: match extent.state {
                State::Unread => false,
                _ => extent.zero.unwrap_or(!present),
            },
            data: present && extent.zero != Some(true),
            offset: extent.record.map(|record| checkpoint.pages.page_offset(record)),
            stride: extent.record.map(|_| checkpoint.pages.stride()),
            first_pfn: extent.pfns.first().into(),
            num_pages: extent.pages().into(),
            state: extent.state.name().to_lowercase().replace(' ', "_"),
            unallocated: extent.listed,
        }
    }
}
