//! Vcpus and their contexts.

use ia64save_codec::transfer::ports::{Errno, ShutdownReason, VcpuInfo};

use crate::hypervisor::count::Op;
use crate::hypervisor::host::{DomId, Host};
use crate::hypervisor::vcpu::Frame;
use crate::hypervisor::vcpu::set::Refusal;

impl Host {
    /// Vcpus of a domain that are up: what `getdomaininfo` says besides.
    pub fn online_vcpus(&self, domid: DomId) -> Result<u32, Errno> {
        let mut state = self.state();
        let vcpus = &state.any_domain(domid)?.vcpus;
        Ok(vcpus.iter().filter(|vcpu| vcpu.online).count() as u32)
    }

    /// Whether a vcpu is up. `EINVAL` where there is none.
    pub fn vcpu_info(&self, domid: DomId, vcpu: u32) -> Result<VcpuInfo, Errno> {
        let mut state = self.state();
        state.count(Op::GetVcpuInfo);
        let domain = state.domain(domid)?;
        let vcpu = domain.vcpus.get(vcpu as usize).ok_or(Errno::EINVAL)?;
        Ok(VcpuInfo {
            online: vcpu.online,
        })
    }

    /// A vcpu's context in the layout of the era. `ENODATA` where it has none; `EIO` where a real
    /// hypervisor would not live to answer, because a set-context failed half-way.
    pub fn vcpu_context(&self, domid: DomId, vcpu: u32) -> Result<Vec<u8>, Errno> {
        let mut state = self.state();
        state.count(Op::GetVcpuContext);
        let machine = state.machine;
        let domain = state.domain(domid)?;
        let shared = domain.shared(machine.era, vcpu);
        let frame = Frame {
            machine: &machine,
            guest: domain.guest,
            vcpu: vcpu.into(),
            privregs_pfn: domain.privregs_pfn(machine.era, vcpu),
        };
        let vcpu = domain.vcpus.get(vcpu as usize).ok_or(Errno::EINVAL)?;
        vcpu.context(frame, shared.as_ref())
    }

    /// Sets a vcpu's context in the layout of the era.
    pub fn set_vcpu_context(&self, domid: DomId, vcpu: u32, context: &[u8]) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::SetVcpuContext);
        let machine = state.machine;
        let domain = state.domain(domid)?;
        let mut shared = domain.shared(machine.era, vcpu);
        let frame = Frame {
            machine: &machine,
            guest: domain.guest,
            vcpu: vcpu.into(),
            privregs_pfn: domain.privregs_pfn(machine.era, vcpu),
        };
        let place = domain.vcpus.get_mut(vcpu as usize).ok_or(Errno::EINVAL)?;
        match place.set_context(frame, context, shared.as_mut()) {
            Ok(()) => {
                if let Some(shared) = shared {
                    domain.put_shared(machine.era, vcpu, &shared);
                }
                Ok(())
            }
            Err(Refusal::Fails(errno) | Refusal::Wedges(errno)) => Err(errno),
            Err(Refusal::Kills) => {
                domain.shutdown = Some(ShutdownReason::Crash);
                Err(Errno::EINVAL)
            }
        }
    }
}
