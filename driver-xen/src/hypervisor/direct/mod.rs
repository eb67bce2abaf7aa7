//! The generic calls as hypercalls: what each is here; how a call is made is in `calls`.

mod calls;

pub(crate) use calls::Pointed;

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{Errno, PageResult, Populated};
use ia64save_codec::wire::Wire;

use super::{Hypervisor, Info, Vcpu};
use crate::abi::domctl::{
    CREATE_HVM, Domctl, GetVcpuInfo, HvmContext, MaxMem, MaxVcpus, VcpuContext,
};
use crate::abi::event::{AllocUnbound, Reset};
use crate::abi::memory::MaximumGpfn;
use crate::abi::sched::RemoteShutdown;
use crate::abi::{Record, Release, numbers};
use crate::transport::{Buffer, DomainId, Layout, Transport};

/// Calls after which a destroy that says "try again" is looked at. About every page of a domain takes one:
/// a real hypervisor wanted 11,000 for 192 MiB.
const ROUND: u32 = 1000;
/// Rounds without a page less after which it is given up.
const IDLE_ROUNDS: u32 = 100;

/// The generic calls over a transport, with a release's layouts.
#[derive(Debug)]
pub struct Direct<T> {
    transport: T,
    release: Release,
}

impl<T: Transport> Direct<T> {
    /// Over a transport whose hypervisor is of a known release; [`probe`](super::probe) finds out.
    pub fn new(transport: T, release: Release) -> Self {
        Direct { transport, release }
    }

    /// The release.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The transport, for calls that are not generic.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }
}

fn vcpu_context(vcpu: u32) -> Vec<u8> {
    VcpuContext {
        vcpu,
        pad4: 0,
        ctxt: 0,
    }
    .to_bytes()
}

fn hvm_context(size: u32) -> Vec<u8> {
    HvmContext {
        size,
        pad4: 0,
        buffer: 0,
    }
    .to_bytes()
}

fn answer<A: Wire>(domctl: &Domctl) -> Result<A, Errno> {
    A::parse(&domctl.u).ok_or(Errno::EPROTO)
}

impl<T: Transport> Hypervisor for Direct<T> {
    fn page_size(&self) -> usize {
        self.transport.geometry().page_size
    }

    fn next_domain(&mut self, first: DomainId) -> Result<Info, Errno> {
        let domctl = self.domctl(numbers::GETDOMAININFO, first, &[], None)?;
        let record = Record::parse(self.release.domain_info, &domctl.u).ok_or(Errno::EPROTO)?;
        let number = |field| record.get(field).unwrap_or(0);
        Ok(Info {
            domain: number("domain") as DomainId,
            flags: number("flags"),
            tot_pages: number("tot_pages"),
            max_pages: number("max_pages"),
            shared_info_frame: number("shared_info_frame"),
            online_vcpus: number("nr_online_vcpus") as u32,
            max_vcpu_id: number("max_vcpu_id") as u32,
        })
    }

    fn create_domain(&mut self, hvm: bool, handle: [u8; 16]) -> Result<DomainId, Errno> {
        let flags = if hvm { CREATE_HVM } else { 0 };
        let arguments = Record::new(self.release.create)
            .with_bytes("handle", &handle)
            .with("flags", flags);
        // A domid of 0 lets the hypervisor choose.
        self.domctl(numbers::CREATEDOMAIN, 0, arguments.bytes(), None)
            .map(|domctl| domctl.domain)
    }

    fn set_max_vcpus(&mut self, domain: DomainId, vcpus: u32) -> Result<(), Errno> {
        let arguments = MaxVcpus { max: vcpus }.to_bytes();
        self.domctl(numbers::MAX_VCPUS, domain, &arguments, None)
            .map(drop)
    }

    fn set_max_mem(&mut self, domain: DomainId, kib: u64) -> Result<(), Errno> {
        let arguments = MaxMem { max_memkb: kib }.to_bytes();
        self.domctl(numbers::MAX_MEM, domain, &arguments, None)
            .map(drop)
    }

    fn pause(&mut self, domain: DomainId) -> Result<(), Errno> {
        self.plain(numbers::PAUSEDOMAIN, domain)
    }

    fn unpause(&mut self, domain: DomainId) -> Result<(), Errno> {
        self.plain(numbers::UNPAUSEDOMAIN, domain)
    }

    fn resume(&mut self, domain: DomainId) -> Result<(), Errno> {
        self.plain(numbers::RESUMEDOMAIN, domain)
    }

    fn destroy(&mut self, domain: DomainId) -> Result<(), Errno> {
        let (mut left, mut idle) = (u64::MAX, 0);
        while idle < IDLE_ROUNDS {
            for _ in 0..ROUND {
                match self.plain(numbers::DESTROYDOMAIN, domain) {
                    Err(Errno::EAGAIN) => {}
                    result => return result,
                }
            }
            let pages = self.domain_info(domain)?.tot_pages;
            idle = if pages < left { 0 } else { idle + 1 };
            left = left.min(pages);
        }
        Err(Errno::EAGAIN)
    }

    /// Asks after channel 0, which every domain has until it is being destroyed.
    fn is_half_destroyed(&mut self, domain: DomainId) -> Result<bool, Errno> {
        if !self.release.tells_half_destroyed {
            return Ok(false);
        }
        match self.channel(domain, 0) {
            Ok(()) => Ok(false),
            // A kernel that does not pass the question on answers the same, of every domain.
            Err(Errno::EINVAL) => Ok(self.channel(numbers::CONTROL_DOMAIN, 0).is_ok()),
            Err(errno) => Err(errno),
        }
    }

    fn shut_down(&mut self, domain: DomainId, reason: u32) -> Result<(), Errno> {
        let mut bytes = RemoteShutdown {
            domain_id: domain,
            pad2: 0,
            reason,
        }
        .to_bytes();
        let operation = Some(numbers::REMOTE_SHUTDOWN);
        self.operation(numbers::SCHED_OP, operation, &mut bytes, None)
            .map(drop)
    }

    fn maximum_gpfn(&mut self, domain: DomainId) -> Result<u64, Errno> {
        let mut bytes = MaximumGpfn {
            domid: domain,
            pad2: [0; 6],
        }
        .to_bytes();
        let operation = Some(numbers::MAXIMUM_GPFN);
        self.operation(numbers::MEMORY_OP, operation, &mut bytes, None)
    }

    fn populate(&mut self, domain: DomainId, frames: &[u64]) -> Result<Populated, Errno> {
        let (done, error) = self.reservation(numbers::POPULATE_PHYSMAP, domain, frames);
        match error {
            Some(errno) if done == 0 => Err(errno),
            None if done < frames.len() as u64 => Ok(Populated {
                done,
                error: Some(Errno::ENOMEM),
            }),
            error => Ok(Populated { done, error }),
        }
    }

    fn decrease_reservation(&mut self, domain: DomainId, frames: &[u64]) -> Result<u64, Errno> {
        let mut done = 0;
        let mut rest = frames;
        // The hypervisor stops at a frame that is not there and says how far it came: one more than
        // it gave back is settled then.
        while !rest.is_empty() {
            let (count, error) = self.reservation(numbers::DECREASE_RESERVATION, domain, rest);
            if let Some(errno) = error {
                return if done + count > 0 {
                    Ok(done + count)
                } else {
                    Err(errno)
                };
            }
            done += count;
            let settled = (count as usize).saturating_add(1);
            rest = rest.get(settled..).unwrap_or(&[]);
        }
        Ok(done)
    }

    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.transport
            .read_foreign(domain, frames, out, layout, results)
    }

    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.transport
            .write_foreign(domain, frames, data, layout, results)
    }

    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.transport.clear_foreign(domain, frames, results)
    }

    fn enable_log_dirty(&mut self, domain: DomainId) -> Result<(), Errno> {
        self.shadow(numbers::SHADOW_ENABLE_LOGDIRTY, domain, None)
    }

    fn disable_log_dirty(&mut self, domain: DomainId) -> Result<(), Errno> {
        self.shadow(numbers::SHADOW_OFF, domain, None)
    }

    fn peek_dirty(&mut self, domain: DomainId, dirty: &mut PfnBitmap) -> Result<(), Errno> {
        self.shadow(numbers::SHADOW_PEEK, domain, Some(dirty))
    }

    fn clean_dirty(&mut self, domain: DomainId, dirty: &mut PfnBitmap) -> Result<(), Errno> {
        self.shadow(numbers::SHADOW_CLEAN, domain, Some(dirty))
    }

    fn vcpu_info(&mut self, domain: DomainId, vcpu: u32) -> Result<Vcpu, Errno> {
        let arguments = GetVcpuInfo {
            vcpu,
            online: 0,
            blocked: 0,
            running: 0,
            pad7: 0,
            cpu_time: 0,
            cpu: 0,
            pad20: 0,
        }
        .to_bytes();
        let domctl = self.domctl(numbers::GETVCPUINFO, domain, &arguments, None)?;
        let info: GetVcpuInfo = answer(&domctl)?;
        Ok(Vcpu {
            online: info.online != 0,
            blocked: info.blocked != 0,
            running: info.running != 0,
            cpu_time: info.cpu_time,
        })
    }

    fn vcpu_context(
        &mut self,
        domain: DomainId,
        vcpu: u32,
        bytes: usize,
    ) -> Result<Vec<u8>, Errno> {
        let mut context = vec![0; bytes];
        let pointed = Pointed {
            offset: 8,
            buffer: Buffer::output(&mut context),
        };
        let arguments = vcpu_context(vcpu);
        self.domctl(numbers::GETVCPUCONTEXT, domain, &arguments, Some(pointed))?;
        Ok(context)
    }

    fn set_vcpu_context(
        &mut self,
        domain: DomainId,
        vcpu: u32,
        context: &[u8],
    ) -> Result<(), Errno> {
        let mut context = context.to_vec();
        let pointed = Pointed {
            offset: 8,
            buffer: Buffer::input(&mut context),
        };
        let arguments = vcpu_context(vcpu);
        self.domctl(numbers::SETVCPUCONTEXT, domain, &arguments, Some(pointed))
            .map(drop)
    }

    fn hvm_param(&mut self, domain: DomainId, index: u32) -> Result<u64, Errno> {
        self.param(numbers::HVM_GET_PARAM, domain, index, 0)
    }

    fn set_hvm_param(&mut self, domain: DomainId, index: u32, value: u64) -> Result<(), Errno> {
        self.param(numbers::HVM_SET_PARAM, domain, index, value)
            .map(drop)
    }

    fn hvm_context_size(&mut self, domain: DomainId) -> Result<usize, Errno> {
        let domctl = self.domctl(numbers::GETHVMCONTEXT, domain, &hvm_context(0), None)?;
        answer(&domctl).map(|context: HvmContext| context.size as usize)
    }

    fn hvm_context(&mut self, domain: DomainId, size: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; size];
        let pointed = Pointed {
            offset: 8,
            buffer: Buffer::output(&mut bytes),
        };
        let arguments = hvm_context(u32::try_from(size).map_err(|_| Errno::E2BIG)?);
        let domctl = self.domctl(numbers::GETHVMCONTEXT, domain, &arguments, Some(pointed))?;
        let used: HvmContext = answer(&domctl)?;
        // The size asked for before is an upper bound; this one counts.
        if used.size as usize > size {
            return Err(Errno::EPROTO);
        }
        bytes.truncate(used.size as usize);
        Ok(bytes)
    }

    fn set_hvm_context(&mut self, domain: DomainId, context: &[u8]) -> Result<(), Errno> {
        let arguments = hvm_context(u32::try_from(context.len()).map_err(|_| Errno::E2BIG)?);
        let mut context = context.to_vec();
        let pointed = Pointed {
            offset: 8,
            buffer: Buffer::input(&mut context),
        };
        self.domctl(numbers::SETHVMCONTEXT, domain, &arguments, Some(pointed))
            .map(drop)
    }

    fn alloc_unbound(&mut self, domain: DomainId, remote: DomainId) -> Result<u32, Errno> {
        let mut bytes = AllocUnbound {
            dom: domain,
            remote_dom: remote,
            port: 0,
        }
        .to_bytes();
        let operation = Some(numbers::ALLOC_UNBOUND);
        self.operation(numbers::EVENT_CHANNEL_OP, operation, &mut bytes, None)?;
        AllocUnbound::parse(&bytes)
            .map(|channel| channel.port)
            .ok_or(Errno::EPROTO)
    }

    fn reset_channels(&mut self, domain: DomainId) -> Result<(), Errno> {
        let mut bytes = Reset { dom: domain }.to_bytes();
        let operation = Some(numbers::RESET_CHANNELS);
        self.operation(numbers::EVENT_CHANNEL_OP, operation, &mut bytes, None)
            .map(drop)
    }

    fn has_resume(&self) -> bool {
        self.release.has_resume()
    }
}
