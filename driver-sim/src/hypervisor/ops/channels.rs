//! Event channels, and who is told of them.

use ia64save_codec::transfer::ports::{Errno, Introduction};

use crate::hypervisor::count::Op;
use crate::hypervisor::host::{DomId, Host};

impl Host {
    /// An event channel of a domain that the control domain may bind.
    pub fn alloc_unbound(&self, domid: DomId) -> Result<u32, Errno> {
        let mut state = self.state();
        state.count(Op::AllocUnbound);
        Ok(state.domain(domid)?.channels.alloc_unbound())
    }

    /// Closes all event channels of a domain. `EINVAL` where the control domain's kernel does not pass that
    /// on ([`Machine::passes_reset`](crate::Machine)); `ESRCH` where there is no such domain.
    pub fn reset_channels(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        if !state.machine.passes_reset {
            return Err(Errno::EINVAL);
        }
        state.count(Op::ResetChannels);
        state.domain(domid)?.channels.reset();
        Ok(())
    }

    /// The daemons of store and console are told of a domain.
    pub fn introduce(&self, domid: DomId, introduction: &Introduction) -> Result<(), Errno> {
        self.state().domain(domid)?.channels.introduced = Some(*introduction);
        Ok(())
    }
}
