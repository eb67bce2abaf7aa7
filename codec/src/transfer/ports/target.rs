//! A domain that is restored.

use super::context::HvmParam;
use super::domain::{Domain, Setup};
use super::error::{Errno, PortError};

/// How far populating went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Populated {
    /// The first `done` pages of the batch are there now.
    pub done: u64,
    /// Why not more.
    pub error: Option<Errno>,
}

/// A fresh domain, paused, with as many vcpus as it will ever have, into which an image is restored.
pub trait TargetDomain: Domain {
    /// Sets the domain up. Once, before anything but IO pages is populated.
    fn set_setup(&mut self, setup: &Setup) -> Result<(), PortError>;

    /// Gives the domain memory at these gpfns, in this order, as far as it goes: beyond the domain's
    /// limit some of a batch is there and the rest is not.
    fn populate(&mut self, gpfns: &[u64]) -> Result<Populated, PortError>;

    /// Takes memory away. How many pages were taken: one that is not there counts as none, without
    /// an error.
    fn decrease_reservation(&mut self, gpfns: &[u64]) -> Result<u64, PortError>;

    /// Fills pages with zeros.
    fn clear_pages(&mut self, gpfns: &[u64]) -> Result<(), PortError>;

    /// Where the host's own register stacks begin within 64 words, NaT collections at the last of them
    /// (`regs.rbs_voff`): [`set_vcpu_context`](Domain::set_vcpu_context) gives a guest all of its
    /// registers only from a context that is laid out like that (spec 15.3). It depends on the build of
    /// the hypervisor. Asked once, before anything is done to the domain, and only where the
    /// [era](Domain::era) is one of 0f93dc4f98 or later.
    ///
    /// The domain itself cannot tell: a second set keeps the size of the first one's stack. So one is made
    /// for it, without memory and with one vcpu, set once, asked once, and destroyed.
    ///
    /// `None` for a host that keeps every layout as it is given; no real one does.
    ///
    /// # Errors
    /// Of the calls that make, set, ask and destroy it. Nothing of it is left, or the driver says what.
    fn rbs_voff(&mut self) -> Result<Option<u64>, PortError>;

    /// Sets a parameter of an HVM domain.
    fn set_hvm_param(&mut self, param: HvmParam, value: u64) -> Result<(), PortError>;

    /// Loads the HVM context.
    fn set_hvm_context(&mut self, context: &[u8]) -> Result<(), PortError>;
}
