//! One restorable state of the domain.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;

use super::index::PageIndex;
use super::section::Section;
use crate::detect::{self, Tail, VcpuBytes};
use crate::dialect::{ContextLayout, MagicPfn};
use crate::envelope::{ByteOrder, DeviceModelKind};
use crate::grammar::{self, u64_at};
use crate::pfns::{PfnSet, Pfns};

/// The pages and the tail of the stream proper, or of a Remus round (spec 11.1).
///
/// What a broken stream did not get to is absent.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// The page records. A round holds only the pages that changed since the checkpoint before.
    pub pages: PageIndex,
    /// The unallocated list.
    pub unallocated: Option<Unallocated>,
    /// The vcpumap, where the dialect has one.
    pub vcpumap: Option<Vcpumap>,
    /// The vcpus, ascending by id.
    pub vcpus: Vec<Vcpu>,
    /// The shared_info page.
    pub shared_info: Option<Section>,
    /// The magic pfns (HVM).
    pub magic_pfns: Option<MagicPfns>,
    /// The HVM context.
    pub hvm_context: Option<HvmContext>,
    /// Nothing of it is missing.
    pub complete: bool,
    /// The device-model record behind it, where a further checkpoint follows (spec 11.3). What stands
    /// behind the last checkpoint is [`Image::trailing`](super::Image::trailing).
    pub device_model: Option<DeviceModelRecord>,
    /// Pages that stand in for those of the stream, by record number: an edit.
    pub replaced: BTreeMap<usize, Bytes>,
    /// Pages kept while streaming: those that look like start_info.
    pub(super) kept: Vec<(usize, Bytes)>,
}

impl Checkpoint {
    /// `shared_info.arch.start_info_pfn`.
    pub fn start_info_pfn(&self) -> Option<u64> {
        u64_at(&self.shared_info.as_ref()?.bytes, 4112)
    }

    /// What eras are told by.
    pub(crate) fn tail(&self) -> Tail<'_> {
        let vcpus = self.vcpus.iter().map(|vcpu| VcpuBytes {
            id: vcpu.id,
            layout: vcpu.layout,
            context: &vcpu.context.bytes,
            privregs: vcpu.privregs.as_ref().map(|page| &page.bytes[..]),
        });
        let blob = self.hvm_context.as_ref().map(|hvm| &hvm.blob.bytes);
        Tail {
            vcpus: vcpus.take(detect::VCPUS).collect(),
            hvm_size: blob.map(|blob| blob.len() as u64),
        }
    }
}

/// Pfns that were RAM but had no page (spec 6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unallocated {
    /// Where the count is.
    pub count_offset: u64,
    /// The count. The list may hold fewer, where the stream ended in it.
    pub count: u32,
    /// Where the list begins.
    pub offset: u64,
    /// The pfns in the list's order, neighbours joined.
    pub runs: Vec<Pfns>,
}

impl Unallocated {
    /// Pfns in the list.
    pub fn len(&self) -> u64 {
        Pfns::sum(self.runs.iter().copied())
    }

    /// Whether the list holds none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The pfns in the list's order.
    pub fn pfns(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().flat_map(|run| run.iter())
    }

    /// Whether a pfn is in the list.
    pub fn contains(&self, pfn: u64) -> bool {
        self.runs.iter().any(|run| run.contains(pfn))
    }

    /// The pfns, whatever their order.
    pub fn set(&self) -> PfnSet {
        self.runs.iter().copied().collect()
    }

    pub(super) fn push(&mut self, pfn: u64) {
        let next = Pfns::one(pfn);
        if !self.runs.last_mut().is_some_and(|last| last.push(next)) {
            self.runs.push(next);
        }
    }
}

/// Which vcpus follow (spec 8.1, 8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vcpumap {
    /// Where `max_virt_cpus` is.
    pub max_virt_cpus_offset: u64,
    /// `max_virt_cpus`.
    pub max_virt_cpus: u64,
    /// The bitmap.
    pub bitmap: Section,
}

impl Vcpumap {
    /// Ids of the vcpus that follow, ascending.
    pub fn online(&self) -> impl Iterator<Item = u32> + '_ {
        let (max_virt_cpus, bytes) = (self.max_virt_cpus, &self.bitmap.bytes[..]);
        grammar::Vcpumap {
            max_virt_cpus,
            bytes,
        }
        .online()
    }
}

/// A vcpu (spec 8.3, 8.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vcpu {
    /// Its id.
    pub id: u32,
    /// The layout of its context.
    pub layout: ContextLayout,
    /// Its context.
    pub context: Section,
    /// Its privregs page (PV).
    pub privregs: Option<Section>,
}

/// The magic pfns (spec 10.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MagicPfns {
    /// Which they are, in their order.
    pub order: &'static [MagicPfn],
    /// 8 bytes each.
    pub section: Section,
}

impl MagicPfns {
    /// Each with its pfn and the offset of it in the file.
    pub fn iter(&self) -> impl Iterator<Item = (MagicPfn, u64, u64)> + '_ {
        self.order.iter().enumerate().filter_map(|(index, magic)| {
            let pfn = u64_at(&self.section.bytes, index * 8)?;
            Some((*magic, pfn, self.section.offset + index as u64 * 8))
        })
    }

    /// The pfn of one of them.
    pub fn get(&self, magic: MagicPfn) -> Option<u64> {
        self.iter()
            .find(|(found, _, _)| *found == magic)
            .map(|(_, pfn, _)| pfn)
    }
}

/// The HVM context (spec 10.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HvmContext {
    /// Where its size is.
    pub size_offset: u64,
    /// The blob.
    pub blob: Section,
}

impl HvmContext {
    /// The records up to END, or up to the first that the blob does not hold whole, each with its
    /// offset in the file.
    pub fn records(&self) -> impl Iterator<Item = (u64, grammar::HvmRecord<'_>)> {
        let mut rest = &self.blob.bytes[..];
        let mut ended = false;
        core::iter::from_fn(move || {
            if ended {
                return None;
            }
            let offset = self.blob.end() - rest.len() as u64;
            let (after, record) = grammar::hvm_record(rest).ok()?;
            rest = after;
            ended = record.typecode == 0;
            Some((offset, record))
        })
    }
}

/// The device model's state between two checkpoints (spec 11.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceModelRecord {
    /// Which record.
    pub kind: DeviceModelKind,
    /// The order of its length.
    pub order: ByteOrder,
    /// Where its signature is.
    pub signature_offset: u64,
    /// Bytes of the state.
    pub size: u64,
    /// The state: all of it in an image that is in memory or mapped, the first of it otherwise.
    pub data: Section,
}

/// Bytes behind the last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailing {
    /// Where they begin.
    pub offset: u64,
    /// How many there are.
    pub size: u64,
    /// The first of them.
    pub first: Bytes,
}
