//! Vcpus and their contexts.

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{Errno, ShutdownReason, VcpuInfo};
use ia64save_codec::wire::Context;

use crate::hypervisor::count::Op;
use crate::hypervisor::domain::Domain;
use crate::hypervisor::host::{DomId, Down, Host};
use crate::hypervisor::machine::{Machine, Registers};
use crate::hypervisor::vcpu::Frame;
use crate::hypervisor::vcpu::arch::{ArchState, Started};
use crate::hypervisor::vcpu::given::Refusal;

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

    /// A vcpu's context in the layout of the era. `ENODATA` where it has none. Where a set-context failed
    /// half-way, so that the register stack is longer than the processor's, the hypervisor does not
    /// outlive the question: `EIO`, from then on to everything.
    pub fn vcpu_context(&self, domid: DomId, vcpu: u32) -> Result<Vec<u8>, Errno> {
        let mut state = self.state();
        state.count(Op::GetVcpuContext);
        let machine = state.machine;
        let call = state.counts.of(Op::GetVcpuContext);
        let last = std::mem::take(&mut state.buffer);
        let spec = machine.era.spec();
        let size = machine.era.dialect().spec().context.size();
        let domain = state.domain(domid)?;
        let shared = domain.shared(machine.era, vcpu);
        let frame = frame(&machine, domain, vcpu);
        let place = domain.vcpus.get(vcpu as usize).ok_or(Errno::EINVAL)?;
        if !place.initialised {
            return Err(Errno::ENODATA);
        }
        if place.wedged {
            state.down = Some(Down::Hypervisor);
            return Err(Errno::EIO);
        }
        let buffer = machine.heap.buffer(size, spec.unset, &last, call);
        let context = place.context(frame, shared.as_ref(), buffer);
        state.buffer.clone_from(&context);
        Ok(context)
    }

    /// Sets a vcpu's context in the layout of the era. What is refused half-way has been loaded as far.
    /// A context of an HVM vcpu that the hypervisor crashes its caller for takes the machine down: `EIO`,
    /// from then on to everything.
    pub fn set_vcpu_context(&self, domid: DomId, vcpu: u32, context: &[u8]) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::SetVcpuContext);
        let machine = state.machine;
        state.buffer = context.to_vec();
        let domain = state.domain(domid)?;
        let mut shared = domain.shared(machine.era, vcpu);
        let frame = frame(&machine, domain, vcpu);
        let place = domain.vcpus.get_mut(vcpu as usize).ok_or(Errno::EINVAL)?;
        let done = place.set_context(frame, context, shared.as_mut());
        if let Some(shared) = shared {
            domain.put_shared(machine.era, vcpu, &shared);
        }
        let down = match done {
            Ok(()) => return Ok(()),
            Err(Refusal::Fails(errno)) => return Err(errno),
            Err(Refusal::KillsCaller) => Down::ControlDomain,
            Err(Refusal::StopsHost) => Down::Hypervisor,
        };
        state.down = Some(down);
        Err(Errno::EIO)
    }

    /// Where the machine's own register stacks begin, as tools learn it: from a domain that is made for it,
    /// without memory, whose one vcpu is set once and asked once.
    pub fn rbs_voff(&self) -> Result<u64, Errno> {
        let scratch = self.create_domain(Guest::Pv, 1, 0)?;
        let layout = self.machine().era.dialect().spec().context;
        let context = self
            .set_vcpu_context(scratch, 0, &vec![0; layout.size()])
            .and_then(|()| self.vcpu_context(scratch, 0));
        self.destroy_domain(scratch)?;
        let voff = Context::parse(layout, &context?).and_then(|context| context.rbs_voff());
        voff.map(u64::from).ok_or(Errno::ENOSYS)
    }

    /// The registers of a vcpu as its guest would see them. `ENODATA` where it has none, `ENOSYS` on a
    /// machine that keeps contexts bit by bit and knows nothing of registers.
    pub fn arch_state(&self, domid: DomId, vcpu: u32) -> Result<ArchState, Errno> {
        let mut state = self.state();
        let machine = state.machine;
        let domain = state.domain(domid)?;
        let shared = domain.shared(machine.era, vcpu);
        let frame = frame(&machine, domain, vcpu);
        let vcpu = domain.vcpus.get(vcpu as usize).ok_or(Errno::EINVAL)?;
        if machine.registers == Registers::Verbatim {
            return Err(Errno::ENOSYS);
        }
        if !vcpu.initialised {
            return Err(Errno::ENODATA);
        }
        Ok(vcpu.arch_state(frame, shared.as_ref()))
    }

    /// Switches a vcpu in for the first time after its context was set, as far as its first instruction:
    /// the state with which the guest runs on, or why it does not. A domain whose vcpu dies has crashed.
    ///
    /// # Errors
    /// As [`Host::arch_state`].
    pub fn first_switch_in(&self, domid: DomId, vcpu: u32) -> Result<Started, Errno> {
        self.arch_state(domid, vcpu)?;
        let mut state = self.state();
        let machine = state.machine;
        let domain = state.domain(domid)?;
        let mut shared = domain.shared(machine.era, vcpu);
        let frame = frame(&machine, domain, vcpu);
        let place = domain.vcpus.get_mut(vcpu as usize).ok_or(Errno::EINVAL)?;
        let started = place.first_switch_in(frame, shared.as_mut());
        if let Some(shared) = shared {
            domain.put_shared(machine.era, vcpu, &shared);
        }
        if let Started::Dies(_) = started {
            domain.shutdown = Some(ShutdownReason::Crash);
        }
        Ok(started)
    }
}

fn frame<'a>(machine: &'a Machine, domain: &Domain, vcpu: u32) -> Frame<'a> {
    Frame {
        machine,
        guest: domain.guest,
        vcpu: vcpu.into(),
        privregs_pfn: domain.privregs_pfn(machine.era, vcpu),
    }
}
