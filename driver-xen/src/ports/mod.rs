//! The ports of the transfer engine over a hypervisor: a domain that is saved, or restored.
//!
//! ```text
//!   Domain, SourceDomain, TargetDomain      what the engine asks
//!              |
//!          XenDomain ------ Toolstack       suspend and resume, the device model
//!           /      \
//!     Hypervisor   Machine                  generic calls, and what only ia64 has
//! ```
//!
//! Nothing is decided here. Two things are kept track of, because the hypervisor does not say them:
//! whether log-dirty is on (asked for its record without, x86 answers with an empty one), and whether
//! the device model keeps a record of its own.
//!
//! A process that was killed kept track of nothing: [`XenDomain::recover`] mends what it left.

mod domain;
mod recover;
mod source;
mod target;

use std::time::Duration;

use ia64save_codec::transfer::ports::{Errno, PortCall, PortError};

pub use recover::Recovered;

use crate::abi::domctl;
use crate::hypervisor::{Hypervisor, Info};
use crate::machine::Machine;
use crate::toolstack::{Nobody, Toolstack};
use crate::transport::DomainId;

/// A domain of a hypervisor.
///
/// Dropping it gives its map back; log-dirty and the domain itself are the engine's matter.
pub struct XenDomain<H: Hypervisor, M: Machine<H>> {
    xen: H,
    machine: M,
    domain: DomainId,
    toolstack: Box<dyn Toolstack>,
    /// How long a guest may take to suspend itself.
    patience: Duration,
    /// Whether a guest that was asked to suspend itself is still waited for.
    wanted: Option<Box<dyn Fn() -> bool>>,
    log_dirty: bool,
    /// Log-dirty was on before this began: whoever had it on died, or saves the domain too.
    found_log_dirty: bool,
    /// The device model keeps a record, and was told to.
    logs_devices: bool,
}

impl<H: Hypervisor, M: Machine<H>> XenDomain<H, M> {
    /// A domain that nobody but the hypervisor is asked about: to be restored, or suspended already.
    pub fn new(xen: H, machine: M, domain: DomainId) -> Self {
        XenDomain {
            xen,
            machine,
            domain,
            toolstack: Box::new(Nobody),
            patience: Duration::from_secs(60),
            wanted: None,
            log_dirty: false,
            found_log_dirty: false,
            logs_devices: false,
        }
    }

    /// How its guest is asked to suspend itself.
    #[must_use]
    pub fn with_toolstack(self, toolstack: impl Toolstack + 'static) -> Self {
        self.with_boxed_toolstack(Box::new(toolstack))
    }

    /// The same, of a kind that is only known when running.
    #[must_use]
    pub fn with_boxed_toolstack(mut self, toolstack: Box<dyn Toolstack>) -> Self {
        self.toolstack = toolstack;
        self
    }

    /// How long its guest may take to suspend itself; a minute unless set.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Ends the wait for its guest when `wanted` says `false`: as if the time were over.
    #[must_use]
    pub fn while_wanted(mut self, wanted: impl Fn() -> bool + 'static) -> Self {
        self.wanted = Some(Box::new(wanted));
        self
    }

    /// Its number.
    pub fn domain(&self) -> DomainId {
        self.domain
    }

    /// A domain that was made to ask the host something and could not be destroyed: paused, without memory.
    pub fn leftover(&self) -> Option<DomainId> {
        self.machine.leftover()
    }

    /// The hypervisor, for what the ports do not have.
    pub fn hypervisor(&mut self) -> &mut H {
        &mut self.xen
    }

    /// Whether log-dirty was on already when it was to be turned on: a process that saved the domain was
    /// killed, or its way to the host was lost, or it saves it still. It was begun anew.
    pub fn found_log_dirty(&self) -> bool {
        self.found_log_dirty
    }

    fn asked(&mut self) -> Result<Info, Errno> {
        self.xen.domain_info(self.domain)
    }

    fn is_hvm(&mut self) -> Result<bool, Errno> {
        self.asked().map(|info| info.flags & domctl::HVM != 0)
    }
}

impl<H: Hypervisor, M: Machine<H>> Drop for XenDomain<H, M> {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure; the kernel releases what the process had.
        let _ = self.machine.unexpose_p2m(&mut self.xen);
    }
}

/// Names the call that failed.
fn failed(call: PortCall) -> impl Fn(Errno) -> PortError {
    move |errno| PortError::new(call, errno)
}
