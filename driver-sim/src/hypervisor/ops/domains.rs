//! Domains: made, paused, let go, ended.

use std::sync::Arc;
use std::time::Duration;

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{DomainInfo, Errno, ShutdownReason};

use crate::hypervisor::count::Op;
use crate::hypervisor::domain::Domain;
use crate::hypervisor::host::{DomId, Host};
use crate::hypervisor::places::shared_info_frame;

/// No domain of Xen has this many vcpus.
const MOST_VCPUS: u32 = 64;

impl Host {
    /// Creates a domain, paused, without memory, with vcpus that are all down.
    pub fn create_domain(&self, guest: Guest, vcpus: u32, max_pages: u64) -> Result<DomId, Errno> {
        let mut state = self.state();
        state.count(Op::CreateDomain);
        state.up()?;
        if vcpus == 0 || vcpus > MOST_VCPUS {
            return Err(Errno::EINVAL);
        }
        let machine = state.machine;
        state.count(Op::MaxVcpus);
        state.count(Op::MaxMem);
        let domain = Domain::new(
            machine.era,
            guest,
            vcpus,
            max_pages,
            machine.page_size,
            &state.pool,
        );
        Ok(state.add(domain))
    }

    /// Ends a domain. What still holds something of it keeps it as a zombie.
    pub fn destroy_domain(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::DestroyDomain);
        let domain = state.domain(domid)?;
        domain.dying = true;
        domain.workload = None;
        domain.device_model.recording = false;
        domain.memory.disable_log_dirty();
        state.reap(domid);
        Ok(())
    }

    /// What is known of a domain. One that is dying is still known.
    pub fn domain_info(&self, domid: DomId) -> Result<DomainInfo, Errno> {
        let mut state = self.state();
        state.count(Op::GetDomainInfo);
        let era = state.machine.era;
        let domain = state.any_domain(domid)?;
        Ok(DomainInfo {
            guest: domain.guest,
            max_vcpu_id: domain.vcpus.len() as u32 - 1,
            paused: domain.paused,
            dying: domain.dying,
            shutdown: domain.shutdown,
            tot_pages: domain.memory.pages(),
            max_pages: domain.max_pages,
            shared_info_frame: shared_info_frame(era),
        })
    }

    /// Stops a domain until [`Host::unpause`].
    pub fn pause(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::PauseDomain);
        state.domain(domid)?.paused = true;
        Ok(())
    }

    /// Lets a domain run.
    pub fn unpause(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::UnpauseDomain);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        domain.paused = false;
        if domain.shutdown.is_none() {
            // One that was restored stands in the call of the guest that was saved.
            domain.return_from_call(era);
        }
        Ok(())
    }

    /// Lets a domain that has suspended itself go on, its device model with it. One that runs, or has
    /// shut down otherwise, is left alone. `ENOSYS` before 3.1.
    pub fn resume(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ResumeDomain);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        if !era.has_resume() {
            return Err(Errno::ENOSYS);
        }
        if domain.shutdown == Some(ShutdownReason::Suspend) {
            domain.shutdown = None;
            domain.device_model.stopped = false;
            domain.return_from_call(era);
        }
        Ok(())
    }

    /// Changes how many pages a domain may have.
    pub fn set_max_pages(&self, domid: DomId, pages: u64) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::MaxMem);
        state.domain(domid)?.max_pages = pages;
        Ok(())
    }

    /// Changes how many vcpus a domain has that has nothing else yet.
    pub fn set_max_vcpus(&self, domid: DomId, vcpus: u32) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::MaxVcpus);
        let machine = state.machine;
        let pool = Arc::clone(&state.pool);
        let domain = state.domain(domid)?;
        let blank = domain.memory.pages() == 0 && !domain.setup.done;
        if vcpus == 0 || vcpus > MOST_VCPUS || !blank {
            return Err(Errno::EINVAL);
        }
        let (guest, pages) = (domain.guest, domain.max_pages);
        *domain = Domain::new(machine.era, guest, vcpus, pages, machine.page_size, &pool);
        Ok(())
    }

    /// Time since the machine was switched on.
    pub fn now(&self) -> Duration {
        self.state().now
    }
}
