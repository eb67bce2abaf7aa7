//! The order in which the parts of a stream follow one another: one state machine, walked by the
//! decoder when it reads and by the encoder when it writes.
//!
//! ```text
//! Prologue -> ArchSetup -+-> Memmap -+-> Pages* -> PagesEnd -> UnallocatedCount -> Unallocated*
//!                        | version 1 |     ^                                           |
//!                        +-----------+     |   PV 1, 2:  Context -> Privregs ----------+-> SharedInfo
//!                                          |   PV 3:     Vcpumap -> {Context, Privregs}* -> SharedInfo
//!                                          |   HVM:      SharedInfo -> Vcpumap -> Context*
//!                                          |                        -> MagicPfns -> HvmContext
//!                                          |                                           |
//!                                          +------------- Boundary <-------------------+
//!                                          |               |    |
//!                                          +- DeviceModel <-+    +-> Trailing* -> End
//! ```
//!
//! `*` marks parts that repeat until something in them says otherwise. At the boundary the
//! checkpoint is whole; what follows is nothing, a further checkpoint (Remus), perhaps with a
//! device-model record in front of it, or what trails: a device-model record, bytes that belong to nobody.

use core::fmt;

use crate::dialect::{Dialect, Guest, Version};

/// A part of the stream, in the order of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `p2m_size`, `version`.
    Prologue,
    /// The domain setup record.
    ArchSetup,
    /// The memory map.
    Memmap,
    /// Page records.
    Pages,
    /// The terminator of the page records, already seen.
    PagesEnd,
    /// The count of unallocated pfns.
    UnallocatedCount,
    /// The unallocated pfns.
    Unallocated,
    /// `max_virt_cpus` and the bitmap.
    Vcpumap,
    /// A vcpu context.
    Context,
    /// A privregs page.
    Privregs,
    /// The shared_info page.
    SharedInfo,
    /// The magic pfns.
    MagicPfns,
    /// The HVM context blob.
    HvmContext,
    /// Between a whole checkpoint and whatever comes next.
    Boundary,
    /// A device-model record between two checkpoints.
    DeviceModel,
    /// Bytes behind the last checkpoint.
    Trailing,
    /// Nothing more.
    End,
}

impl Part {
    /// The name as it stands in paths: `"arch_setup"`.
    pub fn name(self) -> &'static str {
        match self {
            Part::Prologue => "prologue",
            Part::ArchSetup => "arch_setup",
            Part::Memmap => "memmap",
            Part::Pages => "pages",
            Part::PagesEnd => "pages.terminator",
            Part::UnallocatedCount => "unallocated.count",
            Part::Unallocated => "unallocated",
            Part::Vcpumap => "vcpumap",
            Part::Context => "vcpu",
            Part::Privregs => "privregs",
            Part::SharedInfo => "shared_info",
            Part::MagicPfns => "magic_pfns",
            Part::HvmContext => "hvm_context",
            Part::Boundary => "checkpoint",
            Part::DeviceModel => "device_model",
            Part::Trailing => "trailing",
            Part::End => "end",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the order of the tail depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The dialect.
    pub dialect: Dialect,
    /// The kind of guest.
    pub guest: Guest,
}

impl Shape {
    /// What follows the setup record.
    pub fn after_arch_setup(version: Version) -> Part {
        if version.has_memmap() {
            Part::Memmap
        } else {
            Part::Pages
        }
    }

    /// The first part behind the unallocated list.
    pub fn tail(self) -> Part {
        match (self.guest, self.dialect.has_vcpumap(self.guest)) {
            (Guest::Hvm, _) => Part::SharedInfo,
            (Guest::Pv, true) => Part::Vcpumap,
            (Guest::Pv, false) => Part::Context,
        }
    }

    /// The part behind the vcpumap, a context or a privregs page, where `more` vcpus follow.
    pub fn after_vcpu(self, part: Part, more: bool) -> Part {
        match (self.guest, part) {
            (Guest::Pv, Part::Context) => Part::Privregs,
            _ if more => Part::Context,
            (Guest::Pv, _) => Part::SharedInfo,
            (Guest::Hvm, _) => Part::MagicPfns,
        }
    }

    /// The part behind shared_info.
    pub fn after_shared_info(self) -> Part {
        match self.guest {
            Guest::Pv => Part::Boundary,
            Guest::Hvm => Part::Vcpumap,
        }
    }
}
