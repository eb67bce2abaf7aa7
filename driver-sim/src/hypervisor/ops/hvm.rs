//! What only HVM domains have: parameters and devices.

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::Errno;

use crate::hypervisor::count::Op;
use crate::hypervisor::domain::Domain;
use crate::hypervisor::host::{DomId, Host, State};

/// Numbers of HVM parameters end before this.
const HVM_PARAMS: u64 = 17;
/// Parameters that name a page which the hypervisor maps: once, and only memory.
const PAGES_OF_DEVICE_MODEL: [u64; 3] = [5, 6, 9];

impl Host {
    /// A parameter of an HVM domain.
    pub fn hvm_param(&self, domid: DomId, index: u64) -> Result<u64, Errno> {
        let mut state = self.state();
        state.count(Op::GetHvmParam);
        let domain = state.domain(domid)?;
        if domain.guest != Guest::Hvm || index >= HVM_PARAMS {
            return Err(Errno::EINVAL);
        }
        Ok(domain.params.get(&index).copied().unwrap_or(0))
    }

    /// Sets a parameter of an HVM domain. Those that name pages of the device model must name
    /// memory, and can be set once.
    pub fn set_hvm_param(&self, domid: DomId, index: u64, value: u64) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::SetHvmParam);
        let domain = state.domain(domid)?;
        if domain.guest != Guest::Hvm || index >= HVM_PARAMS {
            return Err(Errno::EINVAL);
        }
        if PAGES_OF_DEVICE_MODEL.contains(&index)
            && (!domain.memory.entry(value).is_present() || domain.params.contains_key(&index))
        {
            return Err(Errno::EINVAL);
        }
        domain.params.insert(index, value);
        Ok(())
    }

    /// How many bytes the HVM context takes at most.
    pub fn hvm_context_size(&self, domid: DomId) -> Result<usize, Errno> {
        let mut state = self.state();
        state.count(Op::GetHvmContext);
        let era = state.machine.era;
        Ok(hvm_domain(&mut state, domid)?.hvm_context_size(era))
    }

    /// The HVM context, in a buffer of `size` bytes.
    pub fn hvm_context(&self, domid: DomId, size: usize) -> Result<Vec<u8>, Errno> {
        let mut state = self.state();
        state.count(Op::GetHvmContext);
        let era = state.machine.era;
        let blob = hvm_domain(&mut state, domid)?.hvm_context(era);
        if blob.len() > size {
            return Err(Errno::ENOSPC);
        }
        Ok(blob)
    }

    /// Loads an HVM context.
    pub fn set_hvm_context(&self, domid: DomId, blob: &[u8]) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::SetHvmContext);
        let machine = state.machine;
        hvm_domain(&mut state, domid)?.load_hvm_context(&machine, blob)
    }
}

fn hvm_domain(state: &mut State, domid: DomId) -> Result<&mut Domain, Errno> {
    let domain = state.domain(domid)?;
    if domain.guest == Guest::Hvm {
        Ok(domain)
    } else {
        Err(Errno::EINVAL)
    }
}
