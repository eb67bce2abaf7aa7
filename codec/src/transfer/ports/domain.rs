//! What every domain offers, whichever way it goes.

use alloc::vec::Vec;

use super::context::VcpuInfo;
use super::error::{Errno, PortError};
use super::p2m::P2mEntry;
use crate::dialect::{Dialect, Guest};
use crate::era::Era;
use crate::grammar::PageRun;

/// Why a domain does not run any more, as the guest told the hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShutdownReason {
    /// It switched itself off.
    Poweroff,
    /// It wants to be started again.
    Reboot,
    /// It suspended itself, to be saved: the only reason that makes an image.
    Suspend,
    /// It crashed.
    Crash,
    /// Another number.
    Other(u8),
}

/// What the hypervisor says of a domain (`getdomaininfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainInfo {
    /// Paravirtual or fully virtualised.
    pub guest: Guest,
    /// Highest vcpu id, online or not.
    pub max_vcpu_id: u32,
    /// The toolstack has paused it.
    pub paused: bool,
    /// It is being destroyed.
    pub dying: bool,
    /// It has shut down, and why.
    pub shutdown: Option<ShutdownReason>,
    /// Pages that belong to it now.
    pub tot_pages: u64,
    /// Pages that it may have.
    pub max_pages: u64,
    /// Frame of its shared_info page: a gpfn (from 3.0.4) or a machine frame, as
    /// [`Domain::read_pages`] and start_info take it.
    pub shared_info_frame: u64,
}

impl DomainInfo {
    /// Of a domain that has not been asked after yet.
    pub(in crate::transfer) const UNKNOWN: Self = DomainInfo {
        guest: Guest::Pv,
        max_vcpu_id: 0,
        paused: false,
        dying: false,
        shutdown: None,
        tot_pages: 0,
        max_pages: 0,
        shared_info_frame: 0,
    };
}

/// The values of the setup record (`arch_setup`; spec 3.3), free of any layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Set of `XEN_DOMAINSETUP_*` bits.
    pub flags: u64,
    /// Boot parameter block, guest physical address.
    pub bp: u64,
    /// End of conventional memory, bytes.
    pub maxmem: u64,
    /// Guest virtual address of shared_info.
    pub xsi_va: u64,
    /// Immediate of the hypercall's break instruction.
    pub hypercall_imm: u32,
    /// log2 of the bytes of each vcpu's hashed page table; where the era has none, 0.
    pub vhpt_size_log2: i8,
}

/// How one page of a batch went: `Err` for a page that could not be mapped.
pub type PageResult = Result<(), Errno>;

/// A domain, as save and restore both need it.
pub trait Domain {
    /// The dialect whose structures this hypervisor speaks: layouts of contexts and setup record, and
    /// what an era did differently.
    fn dialect(&self) -> Dialect;

    /// The era of the hypervisor within that dialect, where it is known: how contexts are set.
    fn era(&self) -> Era {
        Era::usual(self.dialect())
    }

    /// Bytes of a page; 16384 on ia64.
    fn page_size(&self) -> usize;

    /// What the hypervisor says of the domain. `ESRCH` where there is none.
    fn info(&mut self) -> Result<DomainInfo, PortError>;

    /// One more than the highest gpfn that the domain may have.
    fn maximum_gpfn(&mut self) -> Result<u64, PortError>;

    /// Makes the p2m readable. From version 2 on with the memory map, whose bytes (whole pages) the
    /// hypervisor wants to see; in version 1 there is none. Twice is an error.
    fn expose_p2m(&mut self, memmap: Option<&[u8]>) -> Result<(), PortError>;

    /// The entries from `first` on; those beyond the exposed table are empty. Asks the hypervisor
    /// nothing: the table is shared memory, and what it says may change at any time.
    fn read_p2m(&mut self, first: u64, entries: &mut [P2mEntry]) -> Result<(), PortError>;

    /// Undoes [`Domain::expose_p2m`]; a domain with an exposed p2m cannot go away. Without one it
    /// does nothing.
    fn unexpose_p2m(&mut self) -> Result<(), PortError>;

    /// Copies pages out: page `gpfns[i]` to the first `page_size` bytes behind `at` of the `i`-th
    /// stretch of `stride` bytes in `out`, `results[i]` saying how it went. The bytes of a page that
    /// failed are unspecified. Maps, copies, unmaps: nothing stays mapped.
    ///
    /// # Errors
    /// Where the batch as a whole failed. Success does *not* mean that every page is there.
    fn read_pages(
        &mut self,
        gpfns: &[u64],
        out: &mut [u8],
        stride: usize,
        at: usize,
        results: &mut [PageResult],
    ) -> Result<(), PortError>;

    /// Copies a run of records into the domain's pages, in order, `results[i]` saying how the `i`-th
    /// went. Maps, copies, unmaps.
    ///
    /// # Errors
    /// Where the batch as a whole failed. Success does *not* mean that every page was written.
    fn write_pages(
        &mut self,
        run: PageRun<'_>,
        results: &mut [PageResult],
    ) -> Result<(), PortError>;

    /// What the hypervisor says of a vcpu; `ESRCH` or `EINVAL` where there is none.
    fn vcpu_info(&mut self, vcpu: u32) -> Result<VcpuInfo, PortError>;

    /// A vcpu's context in the layout of [`Domain::dialect`]. `ENODATA` where it never ran.
    fn vcpu_context(&mut self, vcpu: u32) -> Result<Vec<u8>, PortError>;

    /// Sets a vcpu's context, in the layout of [`Domain::dialect`].
    fn set_vcpu_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), PortError>;

    /// Stops it until [`Domain::unpause`].
    fn pause(&mut self) -> Result<(), PortError>;

    /// Lets it run.
    fn unpause(&mut self) -> Result<(), PortError>;

    /// Ends it and gives back all it has. `ESRCH` where it is gone already.
    fn destroy(&mut self) -> Result<(), PortError>;
}
