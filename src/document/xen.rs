//! `xen`: domains of a real host.

use schemars::JsonSchema;
use serde::Serialize;

use super::name::{
    MigrationOutcomeName, XenListName, XenMigrateName, XenRecoverName, XenRestoreName, XenSaveName,
    XenUnfinishedName,
};
use super::transfer::SavedDocument;
use super::word::Hex;

/// `xen list`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct XenList {
    /// Name and version of this document.
    pub schema: XenListName,
    /// Release of the host's Xen.
    pub release: String,
    /// Dialect that it speaks.
    pub dialect: &'static str,
    /// Bytes of a page.
    pub page_size: u64,
    /// The host's domains.
    pub domains: Vec<XenDomain>,
}

/// A domain of a host.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct XenDomain {
    /// Its number.
    pub domain: u16,
    /// `pv` or `hvm`.
    pub guest: &'static str,
    /// What matters most of what it is.
    pub state: String,
    /// A toolstack has paused it.
    pub paused: bool,
    /// Pages that it owns.
    pub tot_pages: Hex,
    /// Pages that it may own.
    pub max_pages: Hex,
    /// Vcpus that are not down.
    pub online_vcpus: u32,
    /// Its highest vcpu.
    pub max_vcpu_id: u32,
}

/// `xen save`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct XenSave {
    /// Name and version of this document.
    pub schema: XenSaveName,
    /// Where the image went.
    pub file: String,
    /// Which domain.
    pub domain: u16,
    /// `suspended`, `runs` or `destroyed`.
    pub fate: &'static str,
    /// What was found on the host that somebody should know.
    pub notes: Vec<&'static str>,
    /// The guest ran meanwhile.
    pub live: bool,
    /// Which policy.
    pub policy: &'static str,
    /// What it came to.
    #[serde(flatten)]
    pub saved: SavedDocument,
}

/// `xen restore`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct XenRestore {
    /// Name and version of this document.
    pub schema: XenRestoreName,
    /// Which domain.
    pub domain: u16,
    /// `pv` or `hvm`.
    pub guest: Option<&'static str>,
    /// Frame of the xenstore ring.
    pub store_mfn: Option<Hex>,
    /// Frame of the console ring.
    pub console_mfn: Option<Hex>,
    /// Event channel of xenstore.
    pub store_evtchn: u32,
    /// Event channel of the console.
    pub console_evtchn: u32,
    /// Page records that were read.
    pub num_records: u64,
    /// Frames that were given memory.
    pub populated_count: u64,
    /// Frames whose memory was given back.
    pub decreased_count: u64,
    /// Bytes of the stream.
    pub consumed: u64,
    /// It was let go.
    pub running: bool,
}

/// `xen migrate`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct XenMigrate {
    /// Name and version of this document.
    pub schema: XenMigrateName,
    /// Which domain.
    pub domain: u16,
    /// Where it went.
    pub to: String,
    /// `gone`, `stays` or `in_doubt`.
    pub fate: &'static str,
    /// Why.
    pub reason: Option<String>,
    /// The guest ran meanwhile.
    pub live: bool,
    /// Which policy.
    pub policy: &'static str,
    /// What it came to.
    #[serde(flatten)]
    pub saved: Option<SavedDocument>,
    /// What the other end is asked by.
    pub migration: String,
}

/// What became of a migration, by the other end.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MigrationOutcome {
    /// Name and version of this document.
    pub schema: MigrationOutcomeName,
    /// Which.
    pub migration: String,
    /// Who was asked.
    pub at: String,
    /// `running`, `destroyed` or `unknown`.
    pub outcome: &'static str,
}

/// `xen recover`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum XenRecover {
    /// What was left unfinished.
    Listed(XenUnfinishedList),
    /// What mending came to.
    Mended(XenMended),
}

/// What was left unfinished.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct XenUnfinishedList {
    /// Name and version of this document.
    pub schema: XenRecoverName,
    /// What was written down of each.
    pub unfinished: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// What mending came to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct XenMended {
    /// Name and version of this document.
    pub schema: XenRecoverName,
    /// Which domain.
    pub domain: u16,
    /// `gone`, `destroyed`, `resumed`, `runs`, `paused` or `shut_down`.
    pub fate: &'static str,
}

/// The first line of what is written down of an operation while it goes on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct XenUnfinished {
    /// Name and version of this document.
    pub schema: XenUnfinishedName,
    /// `save`, `restore` or `migrate`.
    pub operation: &'static str,
    /// Which domain.
    pub domain: u16,
    /// How the host is reached.
    pub agent: Option<String>,
}
