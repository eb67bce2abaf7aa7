//! Which dialect a stream is in: found by structure, with evidence, and never guessed.
//!
//! The head gives the version and the kind of guest; the rest is decided at the tail, where the
//! dialects differ. Every candidate's grammar is walked over the tail, and each part it finds is held
//! against what savers are known to have written there (`signs`). Candidates are then ranked: by
//! what speaks for and against them, then by whether their tail is whole and the stream ends where
//! they say. (Not the other way round: an image that was cut short is no whole image of a dialect
//! with shorter contexts.) Two that come out equal stay two: the answer is then *ambiguous* (spec
//! 12.2).
//!
//! What is looked at depends on the bytes alone, never on how they arrived: the tail is looked at
//! through a window whose length is computed from its first bytes.

mod judge;
mod rank;
mod signs;
mod walk;

use alloc::string::String;
use alloc::vec::Vec;

use crate::dialect::{ArchSetupLayout, Dialect, Guest, Version};
use crate::ram::RamMap;

pub(crate) use judge::{Tail, VcpuBytes};
pub use rank::{Detection, Evidence};
pub(crate) use signs::is_hvm_size;
pub(crate) use walk::{Follow, VCPUS, detect, follows, none};

/// What the head of a stream says (spec 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of a page.
    pub page_size: usize,
    /// `p2m_size`.
    pub p2m_size: u64,
    /// The version.
    pub version: Version,
    /// Length class of the setup record.
    pub setup: ArchSetupLayout,
    /// `arch_setup.flags`.
    pub flags: u64,
    /// Where they are, absolute.
    pub flags_offset: u64,
    /// `arch_setup.maxmem` in bytes.
    pub maxmem: u64,
    /// `arch_setup.xsi_va`.
    pub xsi_va: u64,
    /// The byte that is `vhpt_size_log2` from D8 on, and padding before.
    pub vhpt_byte: u8,
    /// The kind of guest, from bit 0 of the flags unless the user said otherwise.
    pub guest: Guest,
    /// RAM by the memory map; in version 1 the pfns below `p2m_size`.
    pub ram: RamMap,
}

impl Head {
    /// The dialects that could have this head: released ones before those of development trees,
    /// newest first.
    pub fn candidates(&self) -> Vec<Dialect> {
        // Asked for again and again while a tail comes in byte by byte.
        let mut all = Vec::with_capacity(Dialect::ALL.len());
        let own = Dialect::of_head(self.version, self.setup);
        all.extend(own.filter(|dialect| dialect.supports(self.guest)));
        all.reverse();
        all.sort_by_key(|dialect| dialect.spec().releases.starts_with("none"));
        all
    }
}

/// Names of dialects, for messages: `xen-3.3, dev-20110610`.
pub(crate) fn names(dialects: &[Dialect]) -> String {
    let names: Vec<&str> = dialects.iter().map(|dialect| dialect.name()).collect();
    names.join(", ")
}
