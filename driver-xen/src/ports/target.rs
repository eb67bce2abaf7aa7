//! A domain that is restored.

use ia64save_codec::dialect::P2mSizeMeaning;
use ia64save_codec::transfer::ports::{
    Errno, HvmParam, Populated, PortCall, PortError, Setup, TargetDomain,
};

use super::{XenDomain, failed};
use crate::hypervisor::Hypervisor;
use crate::machine::Machine;

impl<H: Hypervisor, M: Machine<H>> XenDomain<H, M> {
    /// Makes a restored domain's limit of memory what its image says, up to 3.1, where tools take it for the
    /// end of the map: whatever a restore needed beyond that would be in the next image's `p2m_size`, and in
    /// `start_info.nr_pages` of whom that is restored to. Does nothing from 3.2 on.
    ///
    /// # Errors
    /// What the hypervisor refuses. The domain is not what its image says then: the caller destroys it.
    pub fn fit_limit(&mut self, p2m_size: u64) -> Result<(), Errno> {
        if self.machine.dialect().spec().p2m_size != P2mSizeMeaning::MaxMem {
            return Ok(());
        }
        if self.asked()?.max_pages == p2m_size {
            return Ok(());
        }
        let kib = p2m_size.saturating_mul(self.xen.page_size() as u64 / 1024);
        self.xen.set_max_mem(self.domain, kib)
    }
}

impl<H: Hypervisor, M: Machine<H>> TargetDomain for XenDomain<H, M> {
    fn set_setup(&mut self, setup: &Setup) -> Result<(), PortError> {
        self.machine
            .set_setup(&mut self.xen, self.domain, setup)
            .map_err(failed(PortCall::SetSetup))
    }

    fn populate(&mut self, gpfns: &[u64]) -> Result<Populated, PortError> {
        self.xen
            .populate(self.domain, gpfns)
            .map_err(failed(PortCall::Populate))
    }

    fn decrease_reservation(&mut self, gpfns: &[u64]) -> Result<u64, PortError> {
        self.xen
            .decrease_reservation(self.domain, gpfns)
            .map_err(failed(PortCall::DecreaseReservation))
    }

    fn clear_pages(&mut self, gpfns: &[u64]) -> Result<(), PortError> {
        let call = PortCall::ClearPages;
        let failed = failed(call);
        let frames = self
            .machine
            .frames(&mut self.xen, self.domain, gpfns)
            .map_err(&failed)?;
        let mut results = vec![Ok(()); frames.len()];
        self.xen
            .clear_foreign(self.domain, &frames, &mut results)
            .map_err(failed)?;
        for (done, result) in results.iter().enumerate() {
            if let Err(errno) = result {
                return Err(PortError {
                    call,
                    errno: *errno,
                    done: done as u64,
                });
            }
        }
        Ok(())
    }

    fn rbs_voff(&mut self) -> Result<Option<u64>, PortError> {
        self.machine
            .rbs_voff(&mut self.xen)
            .map_err(failed(PortCall::RbsVoff))
    }

    fn set_hvm_param(&mut self, param: HvmParam, value: u64) -> Result<(), PortError> {
        self.xen
            .set_hvm_param(self.domain, param as u32, value)
            .map_err(failed(PortCall::SetHvmParam))
    }

    fn set_hvm_context(&mut self, context: &[u8]) -> Result<(), PortError> {
        self.xen
            .set_hvm_context(self.domain, context)
            .map_err(failed(PortCall::SetHvmContext))
    }
}
