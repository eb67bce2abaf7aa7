//! The record of writes.

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::Errno;

use crate::hypervisor::count::Op;
use crate::hypervisor::host::{DomId, Host};

impl Host {
    /// Begins to record writes. `EINVAL` where that goes on already.
    pub fn enable_log_dirty(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ShadowOp);
        if state.domain(domid)?.memory.enable_log_dirty() {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// Ends the record.
    pub fn disable_log_dirty(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ShadowOp);
        state.domain(domid)?.memory.disable_log_dirty();
        Ok(())
    }

    /// The pages written to, without or with beginning anew; none, and no error, where no record is
    /// kept. However large the bitmap is, it counts as filled.
    pub fn dirty(&self, domid: DomId, dirty: &mut PfnBitmap, clean: bool) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ShadowOp);
        state.domain(domid)?.memory.dirty(dirty, clean);
        Ok(())
    }
}
