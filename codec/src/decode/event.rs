//! What a decoder reports and an encoder takes.

use crate::detect::Detection;
use crate::dialect::{ArchSetupLayout, ContextLayout, MagicPfn};
use crate::envelope::{ByteOrder, DeviceModelKind};
use crate::grammar::{Memmap, PageRun, Part, PfnRun, Prologue, Vcpumap};

/// A part of the stream, borrowed from the input, in the order of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `p2m_size` and `version`.
    Prologue(Prologue),
    /// The domain setup record.
    ArchSetup {
        /// Its layout. `Plain` stands for both layouts of 40 bytes until the dialect is known.
        layout: ArchSetupLayout,
        /// 40 or 48 bytes.
        bytes: &'a [u8],
    },
    /// The memory map (version 2 and 3).
    Memmap(Memmap<'a>),
    /// Whole page records; the next event may go on with more.
    Pages(PageRun<'a>),
    /// The terminator of the page records.
    PagesEnd,
    /// How many unallocated pfns follow.
    UnallocatedCount(u32),
    /// Unallocated pfns; the next event may go on with more.
    Unallocated(PfnRun<'a>),
    /// The dialect has been settled: before the first tail. Takes no bytes.
    Detected(Detection),
    /// The vcpus that follow.
    Vcpumap(Vcpumap<'a>),
    /// A vcpu context.
    Context {
        /// Id of the vcpu.
        vcpu: u32,
        /// Its layout.
        layout: ContextLayout,
        /// As many bytes as the layout has.
        bytes: &'a [u8],
    },
    /// The privregs page of the vcpu whose context came before (PV).
    Privregs {
        /// Id of the vcpu.
        vcpu: u32,
        /// One page.
        bytes: &'a [u8],
    },
    /// The shared_info page.
    SharedInfo(&'a [u8]),
    /// The magic pfns (HVM).
    MagicPfns {
        /// Which they are, in their order.
        order: &'static [MagicPfn],
        /// 8 bytes each.
        bytes: &'a [u8],
    },
    /// The HVM context; the event's offset is that of the size in front of the blob.
    HvmContext(&'a [u8]),
    /// A checkpoint is whole: a domain could be restored from what came so far. Takes no bytes.
    CheckpointEnd {
        /// 0, or the number of the Remus round.
        index: u32,
    },
    /// A device-model record that another checkpoint follows (Remus); the event's offset is that of its
    /// signature. One behind the last checkpoint is trailing.
    DeviceModel {
        /// Which record: one that has a length.
        kind: DeviceModelKind,
        /// The order of its length.
        order: ByteOrder,
        /// The device model's state.
        data: &'a [u8],
    },
    /// Bytes behind the last checkpoint; the next event may go on with more.
    Trailing(&'a [u8]),
}

impl Event<'_> {
    /// The part of the stream that it is.
    pub fn part(&self) -> Part {
        match self {
            Event::Prologue(_) => Part::Prologue,
            Event::ArchSetup { .. } => Part::ArchSetup,
            Event::Memmap(_) => Part::Memmap,
            Event::Pages(_) => Part::Pages,
            Event::PagesEnd => Part::PagesEnd,
            Event::UnallocatedCount(_) => Part::UnallocatedCount,
            Event::Unallocated(_) => Part::Unallocated,
            Event::Detected(_) | Event::CheckpointEnd { .. } => Part::Boundary,
            Event::Vcpumap(_) => Part::Vcpumap,
            Event::Context { .. } => Part::Context,
            Event::Privregs { .. } => Part::Privregs,
            Event::SharedInfo(_) => Part::SharedInfo,
            Event::MagicPfns { .. } => Part::MagicPfns,
            Event::HvmContext(_) => Part::HvmContext,
            Event::DeviceModel { .. } => Part::DeviceModel,
            Event::Trailing(_) => Part::Trailing,
        }
    }
}
