//! What guests and device models do by themselves, and the passing of time.

use std::time::Duration;

use ia64save_codec::Guest;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{Errno, Introduction, ShutdownReason};

use super::domain::Domain;
pub use super::domain::Suspends;
use super::host::{DomId, Host};
use super::kernel::Kernel;
use crate::workload::Workload;

/// How long a tool waits for a guest that does not suspend itself.
const SUSPEND_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a guest takes to suspend itself.
const SUSPEND_TIME: Duration = Duration::from_millis(2);

impl Host {
    /// The guest writes to its memory.
    pub fn guest_write(
        &self,
        domid: DomId,
        gpfn: u64,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        let page = state.domain(domid)?.memory.guest_page(gpfn);
        page.and_then(|page| page.get_mut(at..at.checked_add(bytes.len())?))
            .ok_or(Errno::EFAULT)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// A page of the guest as the guest sees it; `None` where there is none.
    pub fn guest_page(&self, domid: DomId, gpfn: u64) -> Option<Vec<u8>> {
        let mut state = self.state();
        let domain = state.any_domain(domid).ok()?;
        domain.memory.page(gpfn).map(<[u8]>::to_vec)
    }

    /// The gpfns at which the guest has memory, ascending; pages that it shares with the hypervisor
    /// are not among them.
    pub fn guest_pages(&self, domid: DomId) -> Vec<u64> {
        let mut state = self.state();
        let bound = Domain::memory_bound(state.machine.era);
        let Ok(domain) = state.any_domain(domid) else {
            return Vec::new();
        };
        domain
            .memory
            .present()
            .filter(|gpfn| *gpfn < bound)
            .collect()
    }

    /// The guest gives a page back. `false` where it had none.
    pub fn balloon_out(&self, domid: DomId, gpfn: u64) -> Result<bool, Errno> {
        Ok(self.state().domain(domid)?.memory.remove(gpfn))
    }

    /// The guest takes a page. `false` where it has one or may have no more.
    pub fn balloon_in(&self, domid: DomId, gpfn: u64) -> Result<bool, Errno> {
        let mut state = self.state();
        let domain = state.domain(domid)?;
        Ok(domain.memory.pages() < domain.max_pages && domain.memory.add(gpfn))
    }

    /// Maps a frame of a device into the guest.
    pub fn add_io(&self, domid: DomId, gpfn: u64) -> Result<(), Errno> {
        self.state().domain(domid)?.memory.add_io(gpfn);
        Ok(())
    }

    /// Leaves a page mapped that does not belong to the guest any more, as a grant table does.
    pub fn disown(&self, domid: DomId, gpfn: u64) -> Result<(), Errno> {
        self.state().domain(domid)?.memory.disown(gpfn);
        Ok(())
    }

    /// A vcpu comes up or goes down, as CPU hotplug of the guest does it.
    pub fn set_online(&self, domid: DomId, vcpu: u32, online: bool) -> Result<(), Errno> {
        let mut state = self.state();
        let domain = state.domain(domid)?;
        let vcpu = domain.vcpus.get_mut(vcpu as usize).ok_or(Errno::EINVAL)?;
        vcpu.online = online;
        Ok(())
    }

    /// The guest shuts down.
    pub fn shut_down(&self, domid: DomId, reason: ShutdownReason) -> Result<(), Errno> {
        self.state().domain(domid)?.shutdown = Some(reason);
        Ok(())
    }

    /// What the guest will do when it is asked to suspend itself.
    pub fn set_suspends(&self, domid: DomId, suspends: Suspends) -> Result<(), Errno> {
        self.state().domain(domid)?.suspends = suspends;
        Ok(())
    }

    /// What its kernel does when a suspend call returns. A PV guest that has run is connected: its timer is
    /// bound, store and console were told of it, at ports 1 and 2. One that was restored stands in the call
    /// of the guest that was saved, and has what was made for it.
    pub fn set_kernel(&self, domid: DomId, kernel: Kernel) -> Result<(), Errno> {
        let mut state = self.state();
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        domain.kernel = Some(kernel);
        let restored = domain
            .vcpus
            .first()
            .is_some_and(|vcpu| vcpu.stands_in_call(era));
        if !restored {
            let (store_port, console_port) = (
                domain.channels.alloc_unbound(),
                domain.channels.alloc_unbound(),
            );
            domain.channels.bind_timer()?;
            domain.channels.introduced = Some(Introduction {
                store_mfn: 0,
                store_port,
                console_mfn: 0,
                console_port,
            });
        }
        Ok(())
    }

    /// What [`Host::set_kernel`] has said.
    pub fn kernel(&self, domid: DomId) -> Result<Option<Kernel>, Errno> {
        Ok(self.state().domain(domid)?.kernel)
    }

    /// What the guest does from now on.
    pub fn set_workload(&self, domid: DomId, workload: Workload) -> Result<(), Errno> {
        self.state().domain(domid)?.workload = Some(workload);
        Ok(())
    }

    /// Whether a domain is there, not paused and not shut down.
    pub fn runs(&self, domid: DomId) -> bool {
        self.state().domain(domid).is_ok_and(|domain| domain.runs())
    }

    /// Asks the guest to suspend itself and waits until it has or has not. The device model stops
    /// with it.
    pub fn request_suspend(&self, domid: DomId) -> Result<(), Errno> {
        let suspends = self.state().domain(domid)?.suspends;
        // The guest works on until it gets there.
        self.advance(match suspends {
            Suspends::Ignores => SUSPEND_TIMEOUT,
            _ => SUSPEND_TIME,
        });
        let mut state = self.state();
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        let reason = match suspends {
            Suspends::Ignores => return Ok(()),
            Suspends::Obeys => ShutdownReason::Suspend,
            Suspends::ShutsDown(reason) => reason,
        };
        if domain.shutdown.is_none() && reason == ShutdownReason::Suspend {
            domain.make_call(era);
        }
        domain.shutdown.get_or_insert(reason);
        domain.device_model.stopped = true;
        Ok(())
    }

    /// The device model writes to a page: log-dirty does not see it, its own record does.
    pub fn device_model_write(
        &self,
        domid: DomId,
        gpfn: u64,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        let domain = state.domain(domid)?;
        if domain.device_model.recording {
            domain.device_model.dirty.insert(gpfn);
        }
        let page = domain.memory.page_mut(gpfn);
        page.and_then(|page| page.get_mut(at..at.checked_add(bytes.len())?))
            .ok_or(Errno::EFAULT)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// The device model begins or ends its record.
    pub fn device_model_record(&self, domid: DomId, on: bool) -> Result<(), Errno> {
        let mut state = self.state();
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        let pfns = domain.gpfn_end(era);
        domain.device_model.recording = on;
        domain.device_model.dirty = PfnBitmap::new(if on { pfns } else { 0 });
        Ok(())
    }

    /// Adds what the device model has written to since it was asked last.
    pub fn device_model_dirty(&self, domid: DomId, dirty: &mut PfnBitmap) -> Result<(), Errno> {
        let mut state = self.state();
        let domain = state.domain(domid)?;
        if domain.guest != Guest::Hvm {
            return Err(Errno::EINVAL);
        }
        dirty.union(&domain.device_model.dirty);
        domain.device_model.dirty.clear();
        Ok(())
    }

    /// Time passes: guests that run do what their workload says.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.now += by;
        for domain in state.domains.values_mut() {
            if domain.runs()
                && let Some(mut workload) = domain.workload.take()
            {
                workload.run(&mut domain.memory, domain.max_pages, by);
                domain.workload = Some(workload);
            }
        }
    }

    /// Where the memory map of a guest is that has no room for its place in shared_info (page sizes
    /// of tests).
    pub(crate) fn set_memmap_place(&self, domid: DomId, pfn: u64, pages: u64) -> Result<(), Errno> {
        self.state().domain(domid)?.memmap = Some((pfn, pages));
        Ok(())
    }
}
