//! A domain that is saved.

use ia64save_codec::grammar::PageRun;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    Domain, DomainInfo, HvmParam, Introduction, P2mEntry, PageResult, PortCall, PortError, Setup,
    SourceDomain, VcpuInfo, WaysBack,
};
use ia64save_codec::{Dialect, Guest};

use super::handle::{Handle, domain};
use crate::hypervisor::{DomId, Host};

/// A domain of a simulated host, to be saved.
pub struct SimSource {
    handle: Handle,
}

impl SimSource {
    /// The port of a domain.
    pub fn new(host: &Host, domid: DomId) -> Self {
        SimSource {
            handle: Handle::new(host, domid),
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

    fn set_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), PortError> {
        self.handle.set_vcpu_context(vcpu, context)
    }

    fn destroy_domain(&mut self) -> Result<(), PortError> {
        self.handle.destroy()
    }

    fn is_hvm(&self) -> bool {
        let info = self.handle.host.domain_info(self.handle.domid);
        info.is_ok_and(|info| info.guest == Guest::Hvm)
    }
}

domain!(SimSource);

impl SourceDomain for SimSource {
    fn setup(&mut self) -> Result<Setup, PortError> {
        self.handle.call(PortCall::Setup, Host::arch_setup_query)
    }

    fn memmap(&mut self) -> Result<Vec<u8>, PortError> {
        self.handle.call(PortCall::Memmap, Host::memmap)
    }

    fn enable_log_dirty(&mut self) -> Result<(), PortError> {
        self.handle
            .call(PortCall::EnableLogDirty, Host::enable_log_dirty)?;
        if self.is_hvm() {
            // The device model is told along with the hypervisor.
            let _ = self
                .handle
                .host
                .device_model_record(self.handle.domid, true);
        }
        Ok(())
    }

    fn disable_log_dirty(&mut self) -> Result<(), PortError> {
        self.handle
            .call(PortCall::DisableLogDirty, Host::disable_log_dirty)?;
        if self.is_hvm() {
            let _ = self
                .handle
                .host
                .device_model_record(self.handle.domid, false);
        }
        Ok(())
    }

    fn peek_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.handle.call(PortCall::PeekDirty, |host, domid| {
            host.play_until_peek(domid);
            host.dirty(domid, dirty, false)
        })
    }

    fn clean_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.handle.call(PortCall::CleanDirty, |host, domid| {
            host.play_until_clean(domid);
            host.dirty(domid, dirty, true)
        })
    }

    fn device_model_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.handle.call(PortCall::DeviceModelDirty, |host, domid| {
            host.device_model_dirty(domid, dirty)
        })
    }

    fn suspend(&mut self) -> Result<(), PortError> {
        self.handle.call(PortCall::Suspend, Host::request_suspend)
    }

    fn resume(&mut self) -> Result<(), PortError> {
        self.handle.call(PortCall::Resume, Host::resume)
    }

    fn ways_back(&mut self) -> Result<WaysBack, PortError> {
        self.handle.call(PortCall::WaysBack, |host, _| {
            let machine = host.machine();
            Ok(WaysBack {
                call: machine.era.has_resume(),
                reset: machine.passes_reset,
                introduction: true,
            })
        })
    }

    fn reset_channels(&mut self) -> Result<(u32, u32), PortError> {
        self.handle.call(PortCall::ResetChannels, |host, domid| {
            host.reset_channels(domid)?;
            Ok((host.alloc_unbound(domid)?, host.alloc_unbound(domid)?))
        })
    }

    fn introduce(&mut self, introduction: &Introduction) -> Result<(), PortError> {
        self.handle.call(PortCall::Introduce, |host, domid| {
            host.introduce(domid, introduction)
        })
    }

    fn hvm_param(&mut self, param: HvmParam) -> Result<u64, PortError> {
        self.handle.call(PortCall::HvmParam, |host, domid| {
            host.hvm_param(domid, param as u64)
        })
    }

    fn hvm_context_size(&mut self) -> Result<usize, PortError> {
        self.handle
            .call(PortCall::HvmContextSize, Host::hvm_context_size)
    }

    fn hvm_context(&mut self, size: usize) -> Result<Vec<u8>, PortError> {
        self.handle.call(PortCall::HvmContext, |host, domid| {
            host.hvm_context(domid, size)
        })
    }
}
