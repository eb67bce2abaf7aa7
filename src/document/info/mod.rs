//! `info`: everything there is to know of an image without its guest's memory.
//!
//! | file | what lives there |
//! |---|---|
//! | `around` | envelope, configuration, device model; what a core says of itself |
//! | `head` | what stands before the pages: setup, memory map |
//! | `round` | what a checkpoint has: pages, vcpus, shared_info, devices |

mod around;
mod head;
mod round;

use ia64save_codec::detect::Detection;
use ia64save_codec::image::Image;
use ia64save_codec::{Dialect, Era, Guest};
use schemars::JsonSchema;
use serde::Serialize;

pub use around::{ConfigSummary, Core, Envelope, Xl};
pub use head::{ArchSetup, Descriptor, Memmap};
pub use round::{
    DeviceModel, HvmContext, HvmRecord, MagicPfns, Pages, Range, Round, SharedInfo, Unallocated, Vcpu, Vcpumap,
};

use super::word::{Digits, Hex};
use crate::loaded::Loaded;

/// Everything that is known of an image, with the names of the specification. Offsets are of the file's bytes,
/// unpacked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Info {
    /// Bytes of the file; `null` for a pipe.
    pub file_size: Option<u64>,
    /// How the file is packed.
    pub compression: Option<String>,
    /// SHA-256 of the file; with `--digest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digits>,
    /// Bytes that are packed in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpacked_size: Option<u64>,
    /// SHA-256 of what is packed in the file; with `--digest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpacked_sha256: Option<Digits>,
    /// What stands around the stream.
    pub envelope: Envelope,
    /// What a core of `xm dump-core` says of itself.
    pub core: Option<Core>,
    /// The stream's version word.
    pub format_version: Option<u64>,
    /// Name of the dialect; `null` where several remain.
    pub dialect: Option<&'static str>,
    /// Id of the dialect; `null` where several remain.
    pub dialect_id: Option<&'static str>,
    /// Dialects that remain.
    pub dialect_candidates: Vec<&'static str>,
    /// Why.
    pub dialect_evidence: Vec<String>,
    /// What fixes the meaning of the bytes.
    #[serde(flatten)]
    pub eras: Eras,
    /// `pv` or `hvm`.
    pub guest: Option<&'static str>,
    /// Bytes of a page.
    pub page_size: usize,
    /// The stream's first word.
    pub p2m_size: Option<Hex>,
    /// The setup record.
    pub arch_setup: Option<ArchSetup>,
    /// The memory map.
    pub memmap: Option<Memmap>,
    /// What the first checkpoint has, which is all there is but for Remus.
    #[serde(flatten)]
    pub first: Option<Round>,
    /// 1, and one more for each round of Remus.
    pub num_checkpoints: usize,
    /// All checkpoints, the first included, where there are several.
    pub checkpoints: Option<Vec<Round>>,
    /// Bytes behind everything that is known.
    pub trailing_bytes: u64,
    /// The stream was read to its end.
    pub complete: bool,
}

/// Which hypervisors may have written an image.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Eras {
    /// The era, where one remains.
    pub era: Option<&'static str>,
    /// Those that remain.
    pub era_candidates: Vec<&'static str>,
    /// The one that the image is understood by.
    pub era_likeliest: Option<&'static str>,
}

impl From<&Image> for Eras {
    fn from(image: &Image) -> Self {
        let only = image.detection.as_ref().and_then(Detection::era);
        Eras {
            era: only.map(Era::id),
            era_candidates: image.eras().iter().map(|era| era.id()).collect(),
            era_likeliest: image.era().map(Era::id),
        }
    }
}

impl From<&Loaded> for Info {
    fn from(loaded: &Loaded) -> Self {
        let image = loaded.image();
        let detection = image.detection.as_ref();
        let candidates = detection.map(|d| d.candidates.iter().map(|c| c.name()).collect());
        let rounds = &image.checkpoints;
        let all = || rounds.iter().map(|one| Round::new(image, one)).collect();
        Info {
            file_size: loaded.file_size(),
            compression: loaded.compression.map(|c| c.to_string()),
            sha256: loaded.file_digest().map(|digest| Digits::of(&digest)),
            unpacked_size: loaded.unpacked_size(),
            unpacked_sha256: loaded.unpacked_digest().map(|digest| Digits::of(&digest)),
            envelope: Envelope::of(&loaded.file),
            core: loaded.file.core.as_ref().map(Core::from),
            format_version: image.prologue.map(|prologue| prologue.version),
            dialect: image.dialect().map(Dialect::name),
            dialect_id: image.dialect().map(Dialect::id),
            dialect_candidates: candidates.unwrap_or_default(),
            dialect_evidence: detection.map(|d| d.evidence.clone()).unwrap_or_default(),
            eras: Eras::from(image),
            guest: image.guest().map(Guest::name),
            page_size: image.page_size,
            p2m_size: image.prologue.map(|prologue| Hex(prologue.p2m_size)),
            arch_setup: ArchSetup::of(image),
            memmap: Memmap::of(image),
            first: image.first().map(|first| Round::new(image, first)),
            num_checkpoints: rounds.len(),
            checkpoints: (rounds.len() > 1).then(all),
            trailing_bytes: loaded.file.trailing().map_or(0, |(_, size)| size),
            complete: image.error.is_none(),
        }
    }
}
