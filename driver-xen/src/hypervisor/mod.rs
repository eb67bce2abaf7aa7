//! The generic calls, typed: what is the same on every Xen.
//!
//! | | made of |
//! |---|---|
//! | [`Direct`] | hypercalls as bytes, over any [`Transport`](crate::Transport), with a [`Release`](crate::abi::Release)'s layouts |
//! | `Xenctrl` (feature `xenctrl`) | the library `libxenctrl` |
//!
//! What only ia64 has, setup and the exposed physical map, is in [`machine`](crate::machine).

mod direct;
mod version;
#[cfg(all(feature = "xenctrl", target_os = "linux"))]
mod xenctrl;

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{Errno, PageResult, Populated};

use crate::transport::{DomainId, Layout};

#[cfg(all(feature = "xenctrl", target_os = "linux"))]
pub use self::xenctrl::Xenctrl;
pub use direct::Direct;
pub(crate) use direct::Pointed;
pub use version::{ProbeError, interface_of, probe, version};

/// The highest number that a domain can have, which no host has given yet.
const NO_DOMAIN: DomainId = 0x7fef;

/// What `getdomaininfo` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The domain.
    pub domain: DomainId,
    /// Set of `XEN_DOMINF_*` bits: [`domctl`](crate::abi::domctl) has them.
    pub flags: u64,
    /// Pages owned.
    pub tot_pages: u64,
    /// Most pages it may own.
    pub max_pages: u64,
    /// Frame of shared_info.
    pub shared_info_frame: u64,
    /// Vcpus that are not down.
    pub online_vcpus: u32,
    /// Highest vcpu.
    pub max_vcpu_id: u32,
}

/// What `getvcpuinfo` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vcpu {
    /// It is not down.
    pub online: bool,
    /// It waits.
    pub blocked: bool,
    /// It runs.
    pub running: bool,
    /// How long it has run, ns.
    pub cpu_time: u64,
}

/// The generic calls. Errors are those of the hypervisor or the kernel, as they come.
pub trait Hypervisor {
    /// Bytes of a page.
    fn page_size(&self) -> usize;

    /// The first domain whose number is `first` or more. `ESRCH` where there is none.
    fn next_domain(&mut self, first: DomainId) -> Result<Info, Errno>;

    /// A new domain, paused, without vcpus and memory.
    fn create_domain(&mut self, hvm: bool, handle: [u8; 16]) -> Result<DomainId, Errno>;

    /// Makes its vcpus.
    fn set_max_vcpus(&mut self, domain: DomainId, vcpus: u32) -> Result<(), Errno>;

    /// Sets how much memory it may have, KiB.
    fn set_max_mem(&mut self, domain: DomainId, kib: u64) -> Result<(), Errno>;

    /// Stops it.
    fn pause(&mut self, domain: DomainId) -> Result<(), Errno>;

    /// Lets it run.
    fn unpause(&mut self, domain: DomainId) -> Result<(), Errno>;

    /// Lets one that has suspended itself go on.
    fn resume(&mut self, domain: DomainId) -> Result<(), Errno>;

    /// Ends it, going on where an earlier call stopped. `EAGAIN` where it comes no further.
    fn destroy(&mut self, domain: DomainId) -> Result<(), Errno>;

    /// Whether a destroy of it was begun and not ended: `getdomaininfo` does not say so, and lists it as it
    /// was before, though pages are missing. `false` too where that can't be found out.
    fn is_half_destroyed(&mut self, _domain: DomainId) -> Result<bool, Errno> {
        Ok(false)
    }

    /// Says that it has shut down, for one that can't say so itself.
    fn shut_down(&mut self, domain: DomainId, reason: u32) -> Result<(), Errno>;

    /// What `maximum_gpfn` answers, as it comes: releases count differently.
    fn maximum_gpfn(&mut self, domain: DomainId) -> Result<u64, Errno>;

    /// Gives it pages at these frames, as far as it goes.
    fn populate(&mut self, domain: DomainId, frames: &[u64]) -> Result<Populated, Errno>;

    /// Takes pages away; how many.
    fn decrease_reservation(&mut self, domain: DomainId, frames: &[u64]) -> Result<u64, Errno>;

    /// As [`Transport::read_foreign`](crate::Transport::read_foreign).
    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno>;

    /// As [`Transport::write_foreign`](crate::Transport::write_foreign).
    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno>;

    /// As [`Transport::clear_foreign`](crate::Transport::clear_foreign).
    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno>;

    /// Begins to record which pages are written to.
    fn enable_log_dirty(&mut self, domain: DomainId) -> Result<(), Errno>;

    /// Ends it.
    fn disable_log_dirty(&mut self, domain: DomainId) -> Result<(), Errno>;

    /// The record in place of what stood in `dirty`. Where log-dirty is off, x86 gives an empty one without
    /// an error, ia64 `EINVAL`: callers keep track.
    fn peek_dirty(&mut self, domain: DomainId, dirty: &mut PfnBitmap) -> Result<(), Errno>;

    /// As [`Hypervisor::peek_dirty`], and begins the record anew.
    fn clean_dirty(&mut self, domain: DomainId, dirty: &mut PfnBitmap) -> Result<(), Errno>;

    /// What the hypervisor says of a vcpu.
    fn vcpu_info(&mut self, domain: DomainId, vcpu: u32) -> Result<Vcpu, Errno>;

    /// A vcpu's context of `bytes` bytes.
    fn vcpu_context(&mut self, domain: DomainId, vcpu: u32, bytes: usize)
    -> Result<Vec<u8>, Errno>;

    /// Sets a vcpu's context.
    fn set_vcpu_context(
        &mut self,
        domain: DomainId,
        vcpu: u32,
        context: &[u8],
    ) -> Result<(), Errno>;

    /// A parameter of an HVM domain.
    fn hvm_param(&mut self, domain: DomainId, index: u32) -> Result<u64, Errno>;

    /// Sets a parameter of an HVM domain.
    fn set_hvm_param(&mut self, domain: DomainId, index: u32, value: u64) -> Result<(), Errno>;

    /// How many bytes the HVM context needs at most.
    fn hvm_context_size(&mut self, domain: DomainId) -> Result<usize, Errno>;

    /// The HVM context, into `size` bytes; as long as it is.
    fn hvm_context(&mut self, domain: DomainId, size: usize) -> Result<Vec<u8>, Errno>;

    /// Loads the HVM context.
    fn set_hvm_context(&mut self, domain: DomainId, context: &[u8]) -> Result<(), Errno>;

    /// An event channel of a domain that another one may bind.
    fn alloc_unbound(&mut self, domain: DomainId, remote: DomainId) -> Result<u32, Errno>;

    /// Closes all event channels of a domain.
    fn reset_channels(&mut self, domain: DomainId) -> Result<(), Errno>;

    /// Whether [`Hypervisor::reset_channels`] reaches the hypervisor: kernels of ia64 control domains do not
    /// pass it on. Asked for a domain that is not there, so that nothing happens.
    fn passes_reset(&mut self) -> Result<bool, Errno> {
        match self.domain_info(NO_DOMAIN) {
            Err(Errno::ESRCH) => {}
            Ok(_) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        Ok(self.reset_channels(NO_DOMAIN) == Err(Errno::ESRCH))
    }

    /// Whether [`Hypervisor::resume`] is there.
    fn has_resume(&self) -> bool {
        true
    }

    /// What `getdomaininfo` says of a domain. `ESRCH` where there is none.
    fn domain_info(&mut self, domain: DomainId) -> Result<Info, Errno> {
        // The call answers with the next domain where there is none with that number.
        match self.next_domain(domain)? {
            info if info.domain == domain => Ok(info),
            _ => Err(Errno::ESRCH),
        }
    }

    /// Every domain there is.
    fn domains(&mut self) -> Result<Vec<Info>, Errno> {
        let mut found: Vec<Info> = Vec::new();
        let mut next = 0;
        loop {
            match self.next_domain(next) {
                // A hypervisor that answers with an earlier domain would never end.
                Ok(info) if info.domain < next => return Err(Errno::EPROTO),
                Ok(info) => {
                    found.push(info);
                    match info.domain.checked_add(1) {
                        Some(following) => next = following,
                        None => return Ok(found),
                    }
                }
                Err(Errno::ESRCH) => return Ok(found),
                Err(errno) => return Err(errno),
            }
        }
    }
}
