//! What a save came to, wherever it went.

use ia64save_codec::transfer::observer::Pass;
use ia64save_codec::transfer::save::Saved;
use schemars::JsonSchema;
use serde::Serialize;

use super::word::Hex;

/// What a save came to. Passes are counted as `info` counts them in the image; stretches are steps of the
/// policy's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SavedDocument {
    /// Name of the dialect.
    pub dialect: &'static str,
    /// `pv` or `hvm`.
    pub guest: &'static str,
    /// The stream's first word.
    pub p2m_size: Hex,
    /// Pages that are memory by the memory map.
    pub ram_pages: u64,
    /// Page records.
    pub sent: u64,
    /// Pages left out since they could not be read.
    pub unreadable: u64,
    /// pfns without memory.
    pub unallocated: u32,
    /// The vcpus.
    pub vcpus: Vec<u32>,
    /// Trips through memory.
    pub num_passes: u32,
    /// Steps of the policy's.
    pub num_stretches: u32,
    /// 1, and one more for each round of Remus.
    pub checkpoints: u32,
    /// Bytes of the stream.
    pub bytes: u64,
    /// How long the domain was suspended for, up to the last byte.
    pub downtime_seconds: f64,
    /// All of it.
    pub total_seconds: f64,
}

/// A step of the policy's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Stretch {
    /// From 1.
    pub number: u32,
    /// The domain was suspended.
    pub last: bool,
    /// Page records.
    pub sent: u64,
    /// Pages left since they had become dirty again.
    pub skipped: u64,
    /// Pages that the policy held back.
    pub held_back: u64,
    /// Pages dirty afterwards.
    pub dirty: u64,
    /// Pages to send afterwards.
    pub left: u64,
    /// Bytes.
    pub bytes: u64,
    /// When it began, since the save did.
    pub began_seconds: f64,
    /// When it ended.
    pub ended_seconds: f64,
}

impl From<&Saved> for SavedDocument {
    fn from(saved: &Saved) -> Self {
        SavedDocument {
            dialect: saved.dialect.name(),
            guest: saved.guest.name(),
            p2m_size: saved.p2m_size.into(),
            ram_pages: saved.ram_pages,
            sent: saved.sent,
            unreadable: saved.unreadable,
            unallocated: saved.unallocated,
            vcpus: saved.vcpus.clone(),
            num_passes: saved.passes,
            num_stretches: saved.stretches,
            checkpoints: saved.checkpoints,
            bytes: saved.bytes,
            downtime_seconds: saved.downtime().as_secs_f64(),
            total_seconds: saved.total().as_secs_f64(),
        }
    }
}

impl From<&Pass> for Stretch {
    fn from(pass: &Pass) -> Self {
        Stretch {
            number: pass.number,
            last: pass.last,
            sent: pass.sent,
            skipped: pass.skipped,
            held_back: pass.held_back,
            dirty: pass.dirty,
            left: pass.left,
            bytes: pass.bytes,
            began_seconds: pass.began.as_secs_f64(),
            ended_seconds: pass.ended.as_secs_f64(),
        }
    }
}
