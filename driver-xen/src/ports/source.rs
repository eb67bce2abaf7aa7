//! A domain that is saved.

use std::time::{Duration, Instant};

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    Errno, HvmParam, Introduction, PortCall, PortError, Setup, SourceDomain, WaysBack,
};

use super::{XenDomain, failed};
use crate::abi::domctl;
use crate::abi::numbers::CONTROL_DOMAIN;
use crate::hypervisor::Hypervisor;
use crate::machine::Machine;
use crate::toolstack::Devices;

/// How often a guest is looked at that was asked to suspend itself. What passes between its suspension
/// and the next look is downtime.
const LOOK: Duration = Duration::from_millis(2);

impl<H: Hypervisor, M: Machine<H>> XenDomain<H, M> {
    /// Has the device model begin its record, and says whether nothing of what it writes gets lost.
    fn begin_devices(&mut self) -> Result<(), Errno> {
        match self.toolstack.log_devices(self.domain, true)? {
            Devices::Recorded => self.logs_devices = true,
            Devices::Unknown => {
                if !self.machine.logs_device_model(&mut self.xen, self.domain)? {
                    return Err(Errno::ENOSYS);
                }
            }
        }
        Ok(())
    }

    fn end_devices(&mut self) {
        if self.logs_devices {
            self.logs_devices = false;
            // The domain is saved, or goes on: nobody needs the record.
            let _ = self.toolstack.log_devices(self.domain, false);
        }
    }

    /// Up to today every hypervisor answers `EINVAL` where log-dirty is on, for ever if nobody turns it off:
    /// then off, and on again, so that the record begins with this save.
    fn begin_log_dirty(&mut self) -> Result<(), Errno> {
        match self.xen.enable_log_dirty(self.domain) {
            Err(Errno::EINVAL) if !self.log_dirty => {
                self.xen.disable_log_dirty(self.domain)?;
                self.xen.enable_log_dirty(self.domain)?;
                self.found_log_dirty = true;
                Ok(())
            }
            done => done,
        }
    }

    fn dirty(&mut self, call: PortCall, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        if !self.log_dirty {
            return Err(PortError::new(call, Errno::EINVAL));
        }
        let result = match call {
            PortCall::CleanDirty => self.xen.clean_dirty(self.domain, dirty),
            _ => self.xen.peek_dirty(self.domain, dirty),
        };
        result.map_err(failed(call))
    }
}

impl<H: Hypervisor, M: Machine<H>> SourceDomain for XenDomain<H, M> {
    fn setup(&mut self) -> Result<Setup, PortError> {
        self.machine
            .setup(&mut self.xen, self.domain)
            .map_err(failed(PortCall::Setup))
    }

    fn memmap(&mut self) -> Result<Vec<u8>, PortError> {
        let failed = failed(PortCall::Memmap);
        let info = self.asked().map_err(&failed)?;
        self.machine.memmap(&mut self.xen, &info).map_err(failed)
    }

    /// `ENOSYS` for an HVM domain whose device model's writes would go unnoticed.
    fn enable_log_dirty(&mut self) -> Result<(), PortError> {
        let failed = failed(PortCall::EnableLogDirty);
        let hvm = self.is_hvm().map_err(&failed)?;
        self.begin_log_dirty().map_err(&failed)?;
        self.log_dirty = true;
        if hvm && let Err(errno) = self.begin_devices() {
            self.log_dirty = false;
            let _ = self.xen.disable_log_dirty(self.domain);
            return Err(failed(errno));
        }
        Ok(())
    }

    fn disable_log_dirty(&mut self) -> Result<(), PortError> {
        if !self.log_dirty {
            return Ok(());
        }
        self.end_devices();
        self.xen
            .disable_log_dirty(self.domain)
            .map_err(failed(PortCall::DisableLogDirty))?;
        self.log_dirty = false;
        Ok(())
    }

    fn peek_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.dirty(PortCall::PeekDirty, dirty)
    }

    fn clean_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.dirty(PortCall::CleanDirty, dirty)
    }

    fn device_model_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        if !self.logs_devices {
            // Its writes are in log-dirty, or it has none.
            return Ok(());
        }
        self.toolstack
            .dirty_by_devices(self.domain, dirty)
            .map_err(failed(PortCall::DeviceModelDirty))
    }

    /// Asks, and waits until the hypervisor says that the domain has shut down, whatever for.
    /// Where it does not in time the request is taken back.
    fn suspend(&mut self) -> Result<(), PortError> {
        let failed = failed(PortCall::Suspend);
        let info = self.asked().map_err(&failed)?;
        if info.flags & domctl::SHUTDOWN != 0 {
            return Ok(());
        }
        let hvm = info.flags & domctl::HVM != 0;
        self.toolstack.suspend(self.domain, hvm).map_err(&failed)?;
        let asked = Instant::now();
        loop {
            let info = self.asked().map_err(&failed)?;
            if info.flags & (domctl::SHUTDOWN | domctl::DYING) != 0 {
                return Ok(());
            }
            let wanted = self.wanted.as_ref().is_none_or(|wanted| wanted());
            if !wanted || asked.elapsed() >= self.patience {
                return self.toolstack.withdraw(self.domain, hvm).map_err(failed);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn resume(&mut self) -> Result<(), PortError> {
        let failed = failed(PortCall::Resume);
        let info = self.asked().map_err(&failed)?;
        if info.flags & domctl::SHUTDOWN != 0 {
            self.xen.resume(self.domain).map_err(&failed)?;
        }
        let hvm = info.flags & domctl::HVM != 0;
        self.toolstack.resumed(self.domain, hvm).map_err(failed)
    }

    fn ways_back(&mut self) -> Result<WaysBack, PortError> {
        let (xen, domain) = (&mut self.xen, self.domain);
        let reset = xen.passes_reset().map_err(failed(PortCall::WaysBack))?;
        Ok(WaysBack {
            call: xen.has_resume(),
            reset,
            introduction: self.toolstack.introduces(domain),
        })
    }

    fn reset_channels(&mut self) -> Result<(u32, u32), PortError> {
        let (xen, domain) = (&mut self.xen, self.domain);
        let mut made = || {
            xen.reset_channels(domain)?;
            let store = xen.alloc_unbound(domain, CONTROL_DOMAIN)?;
            Ok((store, xen.alloc_unbound(domain, CONTROL_DOMAIN)?))
        };
        made().map_err(failed(PortCall::ResetChannels))
    }

    fn introduce(&mut self, introduction: &Introduction) -> Result<(), PortError> {
        self.toolstack
            .introduce(self.domain, introduction)
            .map_err(failed(PortCall::Introduce))
    }

    fn hvm_param(&mut self, param: HvmParam) -> Result<u64, PortError> {
        self.xen
            .hvm_param(self.domain, param as u32)
            .map_err(failed(PortCall::HvmParam))
    }

    fn hvm_context_size(&mut self) -> Result<usize, PortError> {
        self.xen
            .hvm_context_size(self.domain)
            .map_err(failed(PortCall::HvmContextSize))
    }

    fn hvm_context(&mut self, size: usize) -> Result<Vec<u8>, PortError> {
        self.xen
            .hvm_context(self.domain, size)
            .map_err(failed(PortCall::HvmContext))
    }
}
