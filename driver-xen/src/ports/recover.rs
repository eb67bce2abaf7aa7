//! Mending a domain that a process which was killed had at hand.

use ia64save_codec::transfer::Cause;
use ia64save_codec::transfer::ports::{Domain as _, Errno, PortCall, ShutdownReason};
use ia64save_codec::transfer::resume::{ResumeMode, resume};

use super::{XenDomain, failed};
use crate::hypervisor::Hypervisor;
use crate::machine::Machine;

/// What mending a domain came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// It had suspended itself, and goes on.
    pub resumed: bool,
    /// It has shut down for a reason of its own, and stays so.
    pub shutdown: Option<ShutdownReason>,
    /// It is paused, which nothing here does to a domain that is saved: a toolstack's work, or a restore
    /// that came no further.
    pub paused: bool,
}

impl<H: Hypervisor, M: Machine<H>> XenDomain<H, M> {
    /// Turns log-dirty off, whoever had turned it on, and lets the domain go on where it had suspended
    /// itself, in this way where it is a PV guest ([`resume`]). What a dead process had mapped the kernel has
    /// given back. Twice does no harm.
    ///
    /// # Errors
    /// What failed, or that there is no way back. The rest has been done all the same.
    pub fn recover(&mut self, mode: Option<ResumeMode>) -> Result<Recovered, Cause> {
        let info = self.info()?;
        self.logs_devices = false;
        // Off already is what is wanted.
        let log_dirty = match self.xen.disable_log_dirty(self.domain) {
            Err(Errno::EINVAL) => Ok(()),
            done => done.map_err(failed(PortCall::DisableLogDirty)),
        };
        self.log_dirty = false;
        // A program that records the device model's writes has its own record ended.
        let _ = self.toolstack.log_devices(self.domain, false);
        let resumed = info.shutdown == Some(ShutdownReason::Suspend);
        let gone_on = if resumed { resume(self, mode) } else { Ok(()) };
        log_dirty?;
        gone_on?;
        Ok(Recovered {
            resumed,
            shutdown: info.shutdown.filter(|_| !resumed),
            paused: info.paused,
        })
    }
}
