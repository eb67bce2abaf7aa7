//! `simulate`: domains of the simulated host.

use schemars::JsonSchema;
use serde::Serialize;

use super::failure::Failure;
use super::keyed::Keyed;
use super::name::{SimulateMigrateBothName, SimulateMigrateName, SimulateRestoreName, SimulateSaveName};
use super::transfer::{SavedDocument, Stretch};
use super::word::{Digits, Hex};

/// How a simulated save went.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SimulatedSave {
    /// What it came to.
    #[serde(flatten)]
    pub saved: SavedDocument,
    /// The guest ran meanwhile.
    pub live: bool,
    /// Which policy.
    pub policy: &'static str,
    /// What the guest did.
    pub workload: &'static str,
    /// Pages a second.
    pub rate: u64,
    /// Steps of the policy's.
    pub stretches: Vec<Stretch>,
}

/// `simulate save`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SimulateSave {
    /// Name and version of this document.
    pub schema: SimulateSaveName,
    /// Where the image went.
    pub file: String,
    /// How it went.
    #[serde(flatten)]
    pub save: SimulatedSave,
}

/// `simulate restore`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SimulateRestore {
    /// Name and version of this document.
    pub schema: SimulateRestoreName,
    /// Bytes, unpacked.
    pub file_size: u64,
    /// Of the stream's first byte.
    pub stream_offset: u64,
    /// Bytes of the stream.
    pub stream_size: u64,
    /// Era of the simulated host.
    pub host: String,
    /// What is left of it.
    #[serde(flatten)]
    pub left: Left,
    /// Calls of the simulated hypervisor.
    pub hypercalls: u64,
    /// What stopped it.
    pub errors: Vec<RestoreError>,
    /// Bytes of the image that was saved again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resaved_bytes: Option<u64>,
}

/// What stopped a restore.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RestoreError {
    /// What is wrong.
    #[serde(flatten)]
    pub error: Failure,
    /// Part of the stream that it was at.
    pub part: &'static str,
    /// What could not be given back.
    pub cleanup: Vec<String>,
}

/// What a restore did, and what the domain is like now. The keys are those of the original's record of a
/// restore (`*.restore.json` beside the golden images).
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Left {
    /// Dialect of the host.
    pub dialect: &'static str,
    /// 0, or 1 where it failed.
    pub rc: i32,
    /// Bytes of the stream that were taken.
    pub consumed: u64,
    /// 1 where the domain was destroyed, since it failed.
    pub destroyed: i32,
    /// Frame of the xenstore ring.
    pub store_mfn: Option<Hex>,
    /// Frame of the console ring; all ones where there is none.
    pub console_mfn: Hex,
    /// The setup record, as the hypervisor got it.
    pub arch_setup: Option<SetupDocument>,
    /// Frames that were given memory.
    pub populated_count: u64,
    /// Which, in their order.
    pub populated: Vec<Hex>,
    /// Frames whose memory was given back.
    pub decreased_count: u64,
    /// Which, in their order.
    pub decreased: Vec<Hex>,
    /// Pages that were cleared.
    pub cleared_count: usize,
    /// Which.
    pub cleared: Vec<Hex>,
    /// Contexts that were set.
    pub vcpus_set: Vec<VcpuSetDocument>,
    /// Number and value of each parameter that was set.
    pub hvm_params: Vec<(u64, Hex)>,
    /// The HVM context that was loaded.
    pub hvm_context: Option<LoadedContext>,
    /// start_info, as it was patched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_info: Option<StartInfoDocument>,
    /// What is in the domain now.
    #[serde(flatten)]
    pub domain: Option<DomainNow>,
}

/// What is in a domain.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DomainNow {
    /// Of the shared_info page.
    pub shared_info_sha256: Option<Digits>,
    /// Words and selectors of pending events that are not zero.
    pub shared_info_pending_or_sel_nonzero: Option<usize>,
    /// pfn of start_info.
    pub start_info_pfn: Hex,
    /// Of each vcpu's privregs page.
    pub privregs_sha256: Keyed<Option<Digits>>,
    /// Of each page, by pfn.
    pub pages_sha256: Keyed<Digits>,
    /// Pages that it owns.
    pub tot_pages: Option<u64>,
}

/// A setup record, as the hypervisor got it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SetupDocument {
    /// `flags`.
    pub flags: Hex,
    /// `bp`.
    pub bp: Hex,
    /// `maxmem`.
    pub maxmem: Hex,
    /// `xsi_va`.
    pub xsi_va: Hex,
    /// `hypercall_imm`.
    pub hypercall_imm: Hex,
    /// `vhpt_size_log2`, where the layout has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vhpt_size_log2: Option<i8>,
}

/// A context that was set.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct VcpuSetDocument {
    /// Whose.
    pub vcpu: u32,
    /// Of all its bytes.
    pub sha256: Digits,
    /// Of its bytes with flags of 0.
    pub sha256_flags0: Digits,
    /// A few of its registers.
    #[serde(flatten)]
    pub registers: Option<SetRegisters>,
}

/// A few registers of a context that was set.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SetRegisters {
    /// `flags`.
    pub flags: Hex,
    /// Instruction pointer.
    pub ip: Hex,
    /// Return address.
    pub b0: Option<Hex>,
    /// Processor status.
    pub psr: Hex,
    /// Current frame marker.
    pub cfm: Hex,
    /// Predicates.
    pub pr: Hex,
    /// Frame of the privregs page, by the stream.
    pub privregs_pfn_in_stream: Hex,
}

/// start_info, as it was patched.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StartInfoDocument {
    /// `nr_pages`.
    pub nr_pages: Hex,
    /// Address of shared_info.
    pub shared_info: Hex,
    /// `flags`.
    pub flags: Hex,
    /// Frame of the xenstore ring.
    pub store_mfn: Hex,
    /// Event channel of xenstore.
    pub store_evtchn: u32,
    /// Frame of the console ring.
    pub console_mfn: Hex,
    /// Event channel of the console.
    pub console_evtchn: u32,
}

/// An HVM context that was loaded.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LoadedContext {
    /// 0.
    pub rc: i32,
    /// Bytes.
    pub size: usize,
    /// Of its bytes.
    pub sha256: Digits,
    /// Type, instance, length and offset of each record.
    pub records: Vec<(u16, u16, u32, u64)>,
}

/// `simulate migrate`, from either end.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SimulateMigrate {
    /// Name and version of this document.
    pub schema: SimulateMigrateName,
    /// `source` or `target`.
    pub end: &'static str,
    /// What became of the domain there.
    pub fate: &'static str,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the source sent.
    #[serde(flatten)]
    pub sent: Option<SimulatedSave>,
    /// What is left at the target.
    #[serde(flatten)]
    pub left: Option<Left>,
}

/// `simulate migrate` where both ends are here. As lines they come one by one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SimulateMigrateBoth<T> {
    /// Name and version of this document.
    pub schema: SimulateMigrateBothName,
    /// The end that the domain left.
    pub source: SimulateMigrate,
    /// The end that it came to; `null` where it said nothing.
    pub target: Option<T>,
}
