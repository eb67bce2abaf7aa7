//! What the two ports have in common.

use ia64save_codec::Dialect;
use ia64save_codec::grammar::{PageRecord, PageRun};
use ia64save_codec::transfer::ports::{
    DomainInfo, Errno, P2mEntry, PageResult, PortCall, PortError, VcpuInfo,
};

use crate::hypervisor::{DomId, Fault, Host, Machine};

/// A domain of a host. Dropping it lets go of what it has mapped.
pub(super) struct Handle {
    pub(super) host: Host,
    pub(super) domid: DomId,
    machine: Machine,
    exposed: bool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.exposed {
            // The domain may be gone, and with it what was mapped.
            let _ = self.host.unexpose_p2m(self.domid);
        }
    }
}

impl Handle {
    pub(super) fn new(host: &Host, domid: DomId) -> Self {
        Handle {
            host: host.clone(),
            domid,
            machine: host.machine(),
            exposed: false,
        }
    }

    /// Fails where a fault was planned; returns one that strikes within a batch.
    pub(super) fn enter(&self, call: PortCall) -> Result<Option<Fault>, PortError> {
        let told = self.host.tell(self.domid, call);
        match self.host.faults(|faults| faults.next(call)).or(told) {
            Some(fault) if fault.after.is_none() => Err(PortError::new(call, fault.errno)),
            fault => Ok(fault),
        }
    }

    /// Calls the hypervisor, unless a fault was planned.
    pub(super) fn call<T>(
        &self,
        call: PortCall,
        operation: impl FnOnce(&Host, DomId) -> Result<T, Errno>,
    ) -> Result<T, PortError> {
        if let Some(fault) = self.enter(call)? {
            return Err(PortError::new(call, fault.errno));
        }
        operation(&self.host, self.domid).map_err(|errno| PortError::new(call, errno))
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.machine.era.dialect()
    }

    pub(super) fn era(&self) -> ia64save_codec::Era {
        self.machine.era.meaning()
    }

    pub(super) fn page_size(&self) -> usize {
        self.machine.page_size
    }

    pub(super) fn info(&self) -> Result<DomainInfo, PortError> {
        self.call(PortCall::Info, Host::domain_info)
    }

    pub(super) fn maximum_gpfn(&self) -> Result<u64, PortError> {
        let end = self.call(PortCall::MaximumGpfn, Host::maximum_gpfn)?;
        // From 3.3 on the hypervisor names the highest gpfn itself.
        let highest = self.machine.era.names_highest_gpfn();
        Ok(end + u64::from(highest))
    }

    pub(super) fn expose_p2m(&mut self, memmap: Option<&[u8]>) -> Result<(), PortError> {
        self.call(PortCall::ExposeP2m, |host, domid| {
            host.expose_p2m(domid, memmap)
        })?;
        self.exposed = true;
        Ok(())
    }

    pub(super) fn read_p2m(&self, first: u64, entries: &mut [P2mEntry]) -> Result<(), PortError> {
        self.call(PortCall::ReadP2m, |host, domid| {
            host.read_p2m(domid, first, entries)
        })
    }

    pub(super) fn unexpose_p2m(&mut self) -> Result<(), PortError> {
        if !self.exposed {
            return Ok(());
        }
        self.call(PortCall::UnexposeP2m, Host::unexpose_p2m)?;
        self.exposed = false;
        Ok(())
    }

    pub(super) fn read_pages(
        &self,
        gpfns: &[u64],
        out: &mut [u8],
        place: (usize, usize),
        results: &mut [PageResult],
    ) -> Result<(), PortError> {
        let call = PortCall::ReadPages;
        let fault = self.enter(call)?;
        self.host
            .read_pages(self.domid, gpfns, out, place, results)
            .map_err(|errno| PortError::new(call, errno))?;
        strike(fault, results);
        Ok(())
    }

    pub(super) fn vcpu_info(&self, vcpu: u32) -> Result<VcpuInfo, PortError> {
        self.call(PortCall::VcpuInfo, |host, domid| {
            host.vcpu_info(domid, vcpu)
        })
    }

    pub(super) fn vcpu_context(&self, vcpu: u32) -> Result<Vec<u8>, PortError> {
        self.call(PortCall::VcpuContext, |host, domid| {
            host.vcpu_context(domid, vcpu)
        })
    }

    pub(super) fn set_vcpu_context(&self, vcpu: u32, context: &[u8]) -> Result<(), PortError> {
        self.call(PortCall::SetVcpuContext, |host, domid| {
            host.set_vcpu_context(domid, vcpu, context)
        })
    }

    pub(super) fn write_pages(
        &self,
        run: PageRun<'_>,
        results: &mut [PageResult],
    ) -> Result<(), PortError> {
        let call = PortCall::WritePages;
        let fault = self.enter(call)?;
        let struck = fault.map(|fault| fault.after.unwrap_or(0) as usize);
        let mut number = 0;
        let mut spared = |record: PageRecord<'_>| {
            // A page that fails is not written either: it is aimed at a gpfn that has none.
            let gmfn = if struck == Some(number) {
                u64::MAX
            } else {
                record.gmfn
            };
            number += 1;
            gmfn
        };
        let records = run.records().map(|record| (spared(record), record.page));
        self.host
            .write_pages(self.domid, records, results)
            .map_err(|errno| PortError::new(call, errno))?;
        strike(fault, results);
        Ok(())
    }

    pub(super) fn pause(&self) -> Result<(), PortError> {
        self.call(PortCall::Pause, Host::pause)
    }

    pub(super) fn unpause(&self) -> Result<(), PortError> {
        self.call(PortCall::Unpause, Host::unpause)
    }

    pub(super) fn destroy(&self) -> Result<(), PortError> {
        self.call(PortCall::Destroy, Host::destroy_domain)
    }
}

/// One page of a batch fails by itself.
pub(super) fn strike(fault: Option<Fault>, results: &mut [PageResult]) {
    if let Some(fault) = fault
        && let Some(result) = results.get_mut(fault.after.unwrap_or(0) as usize)
    {
        *result = Err(fault.errno);
    }
}

/// Implements [`Domain`](ia64save_codec::transfer::ports::Domain) for a port with a field `handle`.
macro_rules! domain {
    ($port:ty) => {
        impl Domain for $port {
            fn dialect(&self) -> Dialect {
                self.handle.dialect()
            }

            fn era(&self) -> ia64save_codec::Era {
                self.handle.era()
            }

            fn page_size(&self) -> usize {
                self.handle.page_size()
            }

            fn info(&mut self) -> Result<DomainInfo, PortError> {
                self.handle.info()
            }

            fn maximum_gpfn(&mut self) -> Result<u64, PortError> {
                self.handle.maximum_gpfn()
            }

            fn expose_p2m(&mut self, memmap: Option<&[u8]>) -> Result<(), PortError> {
                self.handle.expose_p2m(memmap)
            }

            fn read_p2m(&mut self, first: u64, entries: &mut [P2mEntry]) -> Result<(), PortError> {
                self.handle.read_p2m(first, entries)
            }

            fn unexpose_p2m(&mut self) -> Result<(), PortError> {
                self.handle.unexpose_p2m()
            }

            fn read_pages(
                &mut self,
                gpfns: &[u64],
                out: &mut [u8],
                stride: usize,
                at: usize,
                results: &mut [PageResult],
            ) -> Result<(), PortError> {
                self.handle.read_pages(gpfns, out, (stride, at), results)
            }

            fn vcpu_info(&mut self, vcpu: u32) -> Result<VcpuInfo, PortError> {
                self.handle.vcpu_info(vcpu)
            }

            fn vcpu_context(&mut self, vcpu: u32) -> Result<Vec<u8>, PortError> {
                self.handle.vcpu_context(vcpu)
            }

            fn write_pages(
                &mut self,
                run: PageRun<'_>,
                results: &mut [PageResult],
            ) -> Result<(), PortError> {
                self.handle.write_pages(run, results)
            }

            fn set_vcpu_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), PortError> {
                self.set_context(vcpu, context)
            }

            fn pause(&mut self) -> Result<(), PortError> {
                self.handle.pause()
            }

            fn unpause(&mut self) -> Result<(), PortError> {
                self.handle.unpause()
            }

            fn destroy(&mut self) -> Result<(), PortError> {
                self.destroy_domain()
            }
        }
    };
}

pub(super) use domain;
