//! What depends on the machine: setup, the physical map, contexts.
//!
//! [`Ia64`] is what this project is for. Another machine can stand in for it, as a test on a real x86
//! hypervisor does: the ports above and the generic calls below stay the same.

mod ia64;
mod scratch;

use ia64save_codec::transfer::ports::{Errno, P2mEntry, Setup};
use ia64save_codec::{Dialect, Era};

use crate::hypervisor::{Hypervisor, Info};
use crate::transport::DomainId;

pub use ia64::Ia64;

/// What depends on the machine, over a hypervisor `H`. The ports call it for one domain only.
pub trait Machine<H: Hypervisor> {
    /// The dialect whose structures the domain is made of.
    fn dialect(&self) -> Dialect;

    /// The era of the hypervisor within that dialect.
    fn era(&self) -> Era {
        Era::usual(self.dialect())
    }

    /// One more than the highest gpfn the domain may have.
    fn maximum_gpfn(&mut self, xen: &mut H, info: &Info) -> Result<u64, Errno>;

    /// Makes the physical map readable; with the memory map's pages from version 2 on. `EEXIST` where
    /// it is already.
    fn expose_p2m(&mut self, xen: &mut H, info: &Info, memmap: Option<&[u8]>) -> Result<(), Errno>;

    /// Entries of the map from `first` on; those beyond it are empty.
    fn read_p2m(
        &mut self,
        xen: &mut H,
        domain: DomainId,
        first: u64,
        entries: &mut [P2mEntry],
    ) -> Result<(), Errno>;

    /// Undoes [`Machine::expose_p2m`], or does nothing.
    fn unexpose_p2m(&mut self, xen: &mut H) -> Result<(), Errno>;

    /// The frames by which pages are mapped: the gpfns themselves, but for Xen 3.0.3. What has no
    /// frame is `!0`.
    fn frames(
        &mut self,
        _xen: &mut H,
        _domain: DomainId,
        gpfns: &[u64],
    ) -> Result<Vec<u64>, Errno> {
        Ok(gpfns.to_vec())
    }

    /// The setup record.
    fn setup(&mut self, xen: &mut H, domain: DomainId) -> Result<Setup, Errno>;

    /// Sets the domain up.
    fn set_setup(&mut self, xen: &mut H, domain: DomainId, setup: &Setup) -> Result<(), Errno>;

    /// The memory map, whole pages.
    fn memmap(&mut self, xen: &mut H, info: &Info) -> Result<Vec<u8>, Errno>;

    /// A vcpu's context.
    fn vcpu_context(&mut self, xen: &mut H, domain: DomainId, vcpu: u32) -> Result<Vec<u8>, Errno>;

    /// Where the host's own register stacks begin within 64 words (`regs.rbs_voff`); `None` where it keeps
    /// every layout as it is given.
    fn rbs_voff(&mut self, _xen: &mut H) -> Result<Option<u64>, Errno> {
        Ok(None)
    }

    /// A domain that was made to ask the host something, and could not be destroyed.
    fn leftover(&self) -> Option<DomainId> {
        None
    }

    /// Sets a vcpu's context.
    fn set_vcpu_context(
        &mut self,
        xen: &mut H,
        domain: DomainId,
        vcpu: u32,
        context: &[u8],
    ) -> Result<(), Errno>;

    /// Whether the device model's writes are in log-dirty: whether the hypervisor has a call by which
    /// device models tell it, and the kernel passes that call on. Where not, and without a record of
    /// the device model's own, an HVM domain is not saved live, as pages would be lost.
    fn logs_device_model(&mut self, xen: &mut H, domain: DomainId) -> Result<bool, Errno>;
}
