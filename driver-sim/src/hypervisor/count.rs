//! How often each operation was called, and what nobody gave back.

use std::collections::BTreeMap;

macro_rules! ops {
    ($( $variant:ident = $name:literal; )*) => {
        /// An operation of the hypervisor, or of the kernel on the way to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Op {
            $( #[doc = concat!("`", $name, "`")] $variant, )*
        }

        impl Op {
            /// Its name in Xen's terms.
            pub fn name(self) -> &'static str {
                match self { $(Op::$variant => $name),* }
            }
        }
    };
}

ops! {
    CreateDomain = "createdomain";
    DestroyDomain = "destroydomain";
    PauseDomain = "pausedomain";
    UnpauseDomain = "unpausedomain";
    ResumeDomain = "resumedomain";
    GetDomainInfo = "getdomaininfo";
    MaxMem = "max_mem";
    MaxVcpus = "max_vcpus";
    ArchSetup = "arch_setup";
    GetVcpuInfo = "getvcpuinfo";
    GetVcpuContext = "getvcpucontext";
    SetVcpuContext = "setvcpucontext";
    ShadowOp = "shadow_op";
    GetHvmContext = "gethvmcontext";
    SetHvmContext = "sethvmcontext";
    PopulatePhysmap = "populate_physmap";
    DecreaseReservation = "decrease_reservation";
    MaximumGpfn = "maximum_gpfn";
    GetHvmParam = "get_param";
    SetHvmParam = "set_param";
    ExposeP2m = "expose_foreign_p2m";
    UnexposeP2m = "unexpose_foreign_p2m";
    GetMemmap = "get_memmap";
    AllocUnbound = "alloc_unbound";
    ResetChannels = "reset";
    MapPages = "mmapbatch";
    UnmapPages = "munmap";
}

/// Calls by operation, and the pages that went through them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub(crate) calls: BTreeMap<Op, u64>,
    pub(crate) pages_read: u64,
    pub(crate) pages_written: u64,
}

impl Counts {
    /// Calls of one operation.
    pub fn of(&self, op: Op) -> u64 {
        self.calls.get(&op).copied().unwrap_or(0)
    }

    /// Every operation that was called, with how often.
    pub fn all(&self) -> impl Iterator<Item = (Op, u64)> + '_ {
        self.calls.iter().map(|(op, count)| (*op, *count))
    }

    /// Calls of all operations.
    pub fn total(&self) -> u64 {
        self.calls.values().sum()
    }

    /// Pages copied out of domains by tools.
    pub fn pages_read(&self) -> u64 {
        self.pages_read
    }

    /// Pages copied into domains, or cleared, by tools.
    pub fn pages_written(&self) -> u64 {
        self.pages_written
    }
}

/// What a machine holds: whoever has cleaned up after himself leaves [`Leftovers::default`] and the
/// domains that are meant to be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Domains that were not destroyed.
    pub domains: u64,
    /// Domains that were, and that something still holds.
    pub zombies: u64,
    /// Pages of domains mapped by tools.
    pub mapped_pages: u64,
    /// p2ms exposed to tools.
    pub exposed_p2ms: u64,
    /// Domains whose writes are being recorded.
    pub log_dirty: u64,
    /// Device models that record their writes.
    pub device_model_logs: u64,
    /// Domains paused by tools.
    pub paused: u64,
}
