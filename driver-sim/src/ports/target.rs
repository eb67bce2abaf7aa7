//! A domain that is restored.

use ia64save_codec::grammar::PageRun;
use ia64save_codec::transfer::ports::{
    Domain, DomainInfo, Errno, HvmParam, P2mEntry, PageResult, Populated, PortCall, PortError,
    Setup, TargetDomain, VcpuInfo,
};
use ia64save_codec::{Dialect, Guest};

use super::handle::{Handle, domain};
use super::journal::Journal;
use crate::hypervisor::{DomId, Host, Registers};

/// A fresh domain of a simulated host, into which an image is restored.
pub struct SimTarget {
    handle: Handle,
    journal: Journal,
}

impl SimTarget {
    /// Creates a domain with as many vcpus and as much memory as it may ever have.
    pub fn create(host: &Host, guest: Guest, vcpus: u32, max_pages: u64) -> Result<Self, Errno> {
        let domid = host.create_domain(guest, vcpus, max_pages)?;
        Ok(SimTarget::new(host, domid))
    }

    /// The port of a domain that is there already.
    pub fn new(host: &Host, domid: DomId) -> Self {
        SimTarget {
            handle: Handle::new(host, domid),
            journal: Journal::default(),
        }
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.handle.host
    }

    /// Its number.
    pub fn domid(&self) -> DomId {
        self.handle.domid
    }

    /// What was done to it.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn set_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), PortError> {
        self.journal.vcpus_set.push((vcpu, context.to_vec()));
        self.handle.set_vcpu_context(vcpu, context)
    }

    fn destroy_domain(&mut self) -> Result<(), PortError> {
        self.handle.destroy()?;
        self.journal.destroyed = true;
        Ok(())
    }
}

domain!(SimTarget);

impl TargetDomain for SimTarget {
    fn set_setup(&mut self, setup: &Setup) -> Result<(), PortError> {
        self.handle.call(PortCall::SetSetup, |host, domid| {
            host.arch_setup(domid, setup)
        })?;
        self.journal.setup = Some(*setup);
        Ok(())
    }

    fn populate(&mut self, gpfns: &[u64]) -> Result<Populated, PortError> {
        let call = PortCall::Populate;
        let fault = self.handle.enter(call)?;
        let limit = fault.and_then(|fault| fault.after).unwrap_or(u64::MAX);
        let gpfns = &gpfns[..gpfns.len().min(limit as usize)];
        let (done, error) = self
            .handle
            .host
            .populate(self.handle.domid, gpfns)
            .map_err(|errno| PortError::new(call, errno))?;
        for gpfn in &gpfns[..done as usize] {
            self.journal.populated(*gpfn);
        }
        Ok(Populated {
            done,
            error: error.or(fault.map(|fault| fault.errno)),
        })
    }

    fn decrease_reservation(&mut self, gpfns: &[u64]) -> Result<u64, PortError> {
        let call = PortCall::DecreaseReservation;
        let fault = self.handle.enter(call)?;
        let limit = fault.and_then(|fault| fault.after).unwrap_or(u64::MAX);
        let gpfns = &gpfns[..gpfns.len().min(limit as usize)];
        let (host, domid) = (&self.handle.host, self.handle.domid);
        let here = host.populated(domid, gpfns);
        let done = host
            .decrease_reservation(domid, gpfns)
            .map_err(|errno| PortError::new(call, errno))?;
        self.journal.decreased.extend(here);
        match fault {
            None => Ok(done),
            Some(fault) => Err(PortError {
                done,
                ..PortError::new(call, fault.errno)
            }),
        }
    }

    fn clear_pages(&mut self, gpfns: &[u64]) -> Result<(), PortError> {
        let call = PortCall::ClearPages;
        let fault = self.handle.enter(call)?;
        let limit = fault.and_then(|fault| fault.after).unwrap_or(u64::MAX);
        let zeros = vec![0; self.handle.page_size()];
        for (done, gpfn) in gpfns.iter().enumerate() {
            let mut result = [Ok(())];
            let failed = |errno| PortError {
                done: done as u64,
                ..PortError::new(call, errno)
            };
            if let Some(fault) = fault.filter(|_| done as u64 == limit) {
                return Err(failed(fault.errno));
            }
            let page = std::iter::once((*gpfn, &zeros[..]));
            self.handle
                .host
                .write_pages(self.handle.domid, page, &mut result)
                .and(result[0])
                .map_err(failed)?;
            self.journal.cleared.push(*gpfn);
        }
        Ok(())
    }

    fn rbs_voff(&mut self) -> Result<Option<u64>, PortError> {
        let registers = self.handle.host.machine().registers;
        self.handle
            .call(PortCall::RbsVoff, |host, _| match registers {
                Registers::Real => host.rbs_voff().map(Some),
                Registers::Verbatim => Ok(None),
            })
    }

    fn set_hvm_param(&mut self, param: HvmParam, value: u64) -> Result<(), PortError> {
        self.handle.call(PortCall::SetHvmParam, |host, domid| {
            host.set_hvm_param(domid, param as u64, value)
        })?;
        self.journal.hvm_params.push((param, value));
        Ok(())
    }

    fn set_hvm_context(&mut self, context: &[u8]) -> Result<(), PortError> {
        self.handle.call(PortCall::SetHvmContext, |host, domid| {
            host.set_hvm_context(domid, context)
        })?;
        self.journal.hvm_context = Some(context.to_vec());
        Ok(())
    }
}
