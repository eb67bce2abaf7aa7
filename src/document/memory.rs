//! `find` and `extract`: what is taken out of guest memory.

use schemars::JsonSchema;
use serde::Serialize;

use super::name::{ConfigName, ExtractName, FindName, StringsName, TranslateName};
use super::word::Hex;

/// Where bytes are in guest memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Find {
    /// Name and version of this document.
    pub schema: FindName,
    /// As it was named.
    pub file: String,
    /// Bytes that were looked for.
    pub length: usize,
    /// Pages that were looked through.
    pub num_pages: u64,
    /// Places that are listed.
    pub num_hits: usize,
    /// There are more.
    pub more: bool,
    /// The places.
    pub hits: Vec<HitDocument>,
}

/// A place in guest memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HitDocument {
    /// Guest physical; `null` beyond 64 bits.
    pub address: Option<Hex>,
    /// Its page.
    pub pfn: Hex,
    /// Byte of the page.
    pub in_page: usize,
    /// Byte of the file.
    pub file_offset: u64,
    /// It goes on in the next page.
    pub crosses_pages: bool,
    /// Where a vcpu sees it; with `--virtual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#virtual: Option<Vec<SeenAt>>,
}

/// A virtual address that leads to a place in guest memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SeenAt {
    /// The address.
    pub address: Hex,
    /// In one word.
    pub how: &'static str,
    /// What maps it.
    pub why: String,
}

/// Where virtual addresses lead, or from where physical ones are seen.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Translate {
    /// Name and version of this document.
    pub schema: TranslateName,
    /// As it was named.
    pub file: String,
    /// The vcpu that sees them.
    pub vcpu: Option<u32>,
    /// In the order in which they were asked for.
    pub addresses: Vec<TranslatedAddress>,
}

/// An address, and where it leads.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TranslatedAddress {
    /// The virtual address.
    pub r#virtual: Option<Hex>,
    /// Where it is in guest memory; `null` where it leads nowhere.
    pub physical: Option<Hex>,
    /// Its page.
    pub pfn: Option<Hex>,
    /// Byte of the file; `null` where the image has no such page.
    pub offset: Option<u64>,
    /// In one word.
    pub how: Option<&'static str>,
    /// What maps it, or why nothing does.
    pub why: String,
}

/// Something that was extracted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Extract {
    /// Name and version of this document.
    pub schema: ExtractName,
    /// As it was named.
    pub file: String,
    /// What it is.
    pub what: String,
    /// Where it went.
    pub out: String,
    /// Bytes.
    pub written: u64,
    /// Of guest memory, more.
    #[serde(flatten)]
    pub memory: Option<ExtractedMemory>,
}

/// Guest memory that was extracted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExtractedMemory {
    /// Pages; without a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_pages: Option<u64>,
    /// Pages that were sent and given back later; without a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_given_back: Option<u64>,
    /// Program headers with memory.
    pub num_segments: Option<usize>,
    /// Pages beyond 64 bits of address.
    pub num_unreachable: u64,
    /// Stacked registers that were written where their backing store is.
    pub num_stacked: Option<usize>,
    /// How a vcpu sees it.
    pub view: Option<ViewDocument>,
}

/// How a vcpu sees memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ViewDocument {
    /// Its number.
    pub vcpu: u32,
    /// Its addresses are physical ones.
    pub physical_addressing: bool,
    /// What registers map.
    pub mappings: Vec<MappingDocument>,
    /// The guest's page tables.
    pub tables: Tables,
    /// Where registers lead.
    pub registers: Vec<Led>,
    /// Translation registers whose region has another id now.
    pub inactive: Vec<String>,
    /// Translation registers behind others.
    pub hidden: Vec<String>,
}

/// The guest's page tables.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tables {
    /// Bytes of a page.
    pub page_size: u64,
    /// Levels.
    pub levels: u32,
    /// Nothing in the guest says so: it is what Linux mostly has.
    pub assumed: bool,
    /// Where the kernel's directory is in guest memory.
    pub kernel: Option<Hex>,
    /// Where the process's directory is.
    pub process: Option<Hex>,
}

/// A range of virtual addresses.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MappingDocument {
    /// Its first address.
    pub first: Hex,
    /// Its last.
    pub last: Hex,
    /// Where that is in guest memory.
    pub physical: Hex,
    /// What maps it.
    pub by: String,
}

/// Where a register leads.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Led {
    /// Which.
    pub register: String,
    /// What is in it.
    pub address: Hex,
    /// Where that is in guest memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical: Option<Hex>,
    /// Its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pfn: Option<Hex>,
    /// What maps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why it leads nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<String>,
}

/// The configuration of an envelope.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Config {
    /// Name and version of this document.
    pub schema: ConfigName,
    /// As it was named.
    pub file: String,
    /// Its text.
    pub config: String,
}

/// What a person can read in memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Strings {
    /// What stands in front of the texts.
    #[serde(flatten)]
    pub head: StringsHead,
    /// Ascending.
    pub texts: Vec<TextDocument>,
}

/// What stands in front of the texts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StringsHead {
    /// Name and version of this document.
    pub schema: StringsName,
    /// As it was named.
    pub file: String,
    /// Characters that a text has at least.
    pub min_length: usize,
}

/// A text in memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TextDocument {
    /// Guest physical address.
    pub address: Hex,
    /// Its page.
    pub pfn: Hex,
    /// Byte of the file.
    pub file_offset: u64,
    /// The characters.
    pub text: String,
}
