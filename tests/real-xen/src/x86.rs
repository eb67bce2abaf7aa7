//! The generic hypercalls as Xen 4.17 on x86 has them, over the driver's [`Transport`].
//!
//! The numbers are those of ia64. What differs is the interface version (0x15) and some structures:
//! a domain is created with more arguments, and an HVM domain needs a pool for its page tables.
//! Source: the public headers of Xen 4.17.

use std::fmt;

use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_xen::transport::{Argument, Buffer, DomainId, Hypercall, Layout, Link, Transport};

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Interface version of domctl and sysctl.
pub const INTERFACE: u32 = 0x15;
/// More domains than there are.
pub const ABSENT: DomainId = 4242;

const MEMORY_OP: u64 = 12;
const XEN_VERSION: u64 = 17;
const SCHED_OP: u64 = 29;
const EVENT_CHANNEL_OP: u64 = 32;
const HVM_OP: u64 = 34;
const SYSCTL: u64 = 35;
const DOMCTL: u64 = 36;

/// Bytes of `getdomaininfo`.
const DOMAIN_INFO: usize = 112;

/// Operations of log-dirty.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub enum Shadow {
    Off = 0,
    EnableLogDirty = 2,
    Clean = 11,
    Peek = 12,
}

/// A call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub call: &'static str,
    pub errno: Errno,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.errno)
    }
}

type Called<T> = Result<T, Refused>;

/// What `getdomaininfo` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    pub domain: DomainId,
    pub flags: u32,
    pub tot_pages: u64,
    pub max_pages: u64,
    pub shared_info_frame: u64,
    pub online_vcpus: u32,
    pub max_vcpu_id: u32,
}

impl Info {
    pub fn dying(&self) -> bool {
        self.flags & 1 != 0
    }
    pub fn hvm(&self) -> bool {
        self.flags & 2 != 0
    }
    /// The reason, where it has shut down.
    pub fn shutdown(&self) -> Option<u8> {
        (self.flags & 4 != 0).then_some((self.flags >> 16) as u8)
    }
    pub fn paused(&self) -> bool {
        self.flags & 8 != 0
    }

    fn read(bytes: &[u8]) -> Info {
        Info {
            domain: u16_at(bytes, 0),
            flags: u32_at(bytes, 4),
            tot_pages: u64_at(bytes, 8),
            max_pages: u64_at(bytes, 16),
            shared_info_frame: u64_at(bytes, 48),
            online_vcpus: u32_at(bytes, 64),
            max_vcpu_id: u32_at(bytes, 68),
        }
    }
}

/// What `getvcpuinfo` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vcpu {
    pub online: bool,
    pub blocked: bool,
    pub running: bool,
    pub cpu_time: u64,
}

/// A batch of pages: the frames that failed are `Err` in `results`.
#[derive(Debug)]
pub struct Pages {
    pub bytes: Vec<u8>,
    pub results: Vec<PageResult>,
}

pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

pub fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub fn put64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// A domctl: 16 bytes of header, 128 of arguments.
struct Domctl([u8; 144]);

impl Domctl {
    const ARGS: usize = 16;

    fn new(command: u32, domain: DomainId) -> Self {
        let mut bytes = [0; 144];
        put32(&mut bytes, 0, command);
        put32(&mut bytes, 4, INTERFACE);
        bytes[8..10].copy_from_slice(&domain.to_le_bytes());
        Domctl(bytes)
    }

    fn with32(mut self, at: usize, value: u32) -> Self {
        put32(&mut self.0, Self::ARGS + at, value);
        self
    }

    fn with64(mut self, at: usize, value: u64) -> Self {
        put64(&mut self.0, Self::ARGS + at, value);
        self
    }

    fn args(&self) -> &[u8] {
        &self.0[Self::ARGS..]
    }
}

/// A hypervisor.
pub struct Xen<'t> {
    pub transport: &'t mut dyn Transport,
}

impl Xen<'_> {
    /// A hypercall whose buffers may point to each other.
    fn call(
        &mut self,
        call: &'static str,
        number: u64,
        arguments: &[Argument],
        buffers: &mut [Buffer<'_>],
        links: &[Link],
    ) -> Called<u64> {
        let mut all = [Argument::Value(0); 5];
        all[..arguments.len()].copy_from_slice(arguments);
        self.transport
            .hypercall(&mut Hypercall {
                number,
                arguments: all,
                buffers,
                links,
            })
            .map_err(|errno| Refused { call, errno })
    }

    /// A domctl without a buffer of its own.
    fn domctl(&mut self, call: &'static str, domctl: &mut Domctl) -> Called<u64> {
        let mut buffers = [Buffer::in_out(&mut domctl.0)];
        self.call(call, DOMCTL, &[Argument::Buffer(0)], &mut buffers, &[])
    }

    /// A domctl that points to a buffer at `at` of its arguments.
    fn domctl_with(
        &mut self,
        call: &'static str,
        domctl: &mut Domctl,
        at: usize,
        buffer: Buffer<'_>,
    ) -> Called<u64> {
        let mut buffers = [Buffer::in_out(&mut domctl.0), buffer];
        let links = [Link {
            holder: 0,
            offset: Domctl::ARGS + at,
            target: 1,
        }];
        self.call(call, DOMCTL, &[Argument::Buffer(0)], &mut buffers, &links)
    }

    /// An operation with one structure: memory, HVM, event channel.
    fn op(&mut self, call: &'static str, number: u64, op: u64, bytes: &mut [u8]) -> Called<u64> {
        let arguments = [Argument::Value(op), Argument::Buffer(0)];
        self.call(call, number, &arguments, &mut [Buffer::in_out(bytes)], &[])
    }

    /// Major and minor version.
    pub fn version(&mut self) -> Called<(u64, u64)> {
        let version = self.call(
            "xen_version",
            XEN_VERSION,
            &[Argument::Value(0), Argument::Value(0)],
            &mut [],
            &[],
        )?;
        Ok((version >> 16, version & 0xffff))
    }

    /// Any domctl with any interface version, of the control domain itself: how versions are probed.
    pub fn probe(&mut self, interface: u32) -> Called<()> {
        let mut domctl = Domctl::new(5, 0);
        put32(&mut domctl.0, 4, interface);
        self.domctl("getdomaininfo", &mut domctl).map(|_| ())
    }

    /// An HVM domain with nested paging and no devices, paused, without vcpus and memory.
    pub fn create(&mut self, max_vcpus: u32) -> Called<DomainId> {
        let mut domctl = Domctl::new(1, 0)
            .with32(20, 3) // HVM, HAP
            .with32(28, max_vcpus)
            .with32(32, 1023) // highest event channel
            .with32(36, 4) // grant frames
            .with32(40, 4) // maptrack frames
            .with32(44, 1) // version of grant tables
            .with32(56, 1); // a local APIC and nothing else
        self.domctl("createdomain", &mut domctl)?;
        Ok(u16_at(&domctl.0, 8))
    }

    pub fn max_vcpus(&mut self, domain: DomainId, vcpus: u32) -> Called<()> {
        self.domctl("max_vcpus", &mut Domctl::new(15, domain).with32(0, vcpus))
            .map(|_| ())
    }

    /// Memory for the domain's page tables, bytes.
    pub fn set_paging_pool(&mut self, domain: DomainId, bytes: u64) -> Called<()> {
        let mut domctl = Domctl::new(86, domain).with64(0, bytes);
        self.domctl("set_paging_mempool_size", &mut domctl)
            .map(|_| ())
    }

    pub fn paging_pool(&mut self, domain: DomainId) -> Called<u64> {
        let mut domctl = Domctl::new(85, domain);
        self.domctl("get_paging_mempool_size", &mut domctl)?;
        Ok(u64_at(domctl.args(), 0))
    }

    pub fn max_mem(&mut self, domain: DomainId, kib: u64) -> Called<()> {
        self.domctl("max_mem", &mut Domctl::new(11, domain).with64(0, kib))
            .map(|_| ())
    }

    pub fn info(&mut self, domain: DomainId) -> Called<Info> {
        let mut domctl = Domctl::new(5, domain);
        self.domctl("getdomaininfo", &mut domctl)?;
        Ok(Info::read(domctl.args()))
    }

    /// Every domain from `first` on, 16 at most.
    pub fn list(&mut self, first: DomainId) -> Called<Vec<Info>> {
        const MOST: usize = 16;
        let mut sysctl = [0; 144];
        put32(&mut sysctl, 0, 6);
        put32(&mut sysctl, 4, INTERFACE);
        sysctl[8..10].copy_from_slice(&first.to_le_bytes());
        put32(&mut sysctl, 12, MOST as u32);
        let mut infos = vec![0; MOST * DOMAIN_INFO];
        self.call(
            "getdomaininfolist",
            SYSCTL,
            &[Argument::Buffer(0)],
            &mut [Buffer::in_out(&mut sysctl), Buffer::output(&mut infos)],
            &[Link {
                holder: 0,
                offset: 16,
                target: 1,
            }],
        )?;
        let count = u32_at(&sysctl, 24) as usize;
        Ok(infos
            .chunks_exact(DOMAIN_INFO)
            .take(count)
            .map(Info::read)
            .collect())
    }

    pub fn pause(&mut self, domain: DomainId) -> Called<()> {
        self.domctl("pausedomain", &mut Domctl::new(3, domain))
            .map(|_| ())
    }

    pub fn unpause(&mut self, domain: DomainId) -> Called<()> {
        self.domctl("unpausedomain", &mut Domctl::new(4, domain))
            .map(|_| ())
    }

    pub fn resume(&mut self, domain: DomainId) -> Called<()> {
        self.domctl("resumedomain", &mut Domctl::new(27, domain))
            .map(|_| ())
    }

    pub fn destroy(&mut self, domain: DomainId) -> Called<()> {
        self.domctl("destroydomain", &mut Domctl::new(2, domain))
            .map(|_| ())
    }

    /// Shuts it down from outside, as a toolstack does with one that has crashed.
    pub fn shutdown(&mut self, domain: DomainId, reason: u32) -> Called<()> {
        let mut bytes = [0; 8];
        bytes[..2].copy_from_slice(&domain.to_le_bytes());
        put32(&mut bytes, 4, reason);
        self.op("remote_shutdown", SCHED_OP, 4, &mut bytes)
            .map(|_| ())
    }

    /// How many extents of `1 << order` pages, from the frames on, are there now.
    pub fn populate(&mut self, domain: DomainId, frames: &[u64], order: u32) -> Called<u64> {
        self.reservation("populate_physmap", 6, domain, frames, order)
    }

    /// How many pages were given back.
    pub fn decrease(&mut self, domain: DomainId, frames: &[u64]) -> Called<u64> {
        self.reservation("decrease_reservation", 1, domain, frames, 0)
    }

    fn reservation(
        &mut self,
        call: &'static str,
        op: u64,
        domain: DomainId,
        frames: &[u64],
        order: u32,
    ) -> Called<u64> {
        let mut bytes = [0; 32];
        put64(&mut bytes, 8, frames.len() as u64);
        put32(&mut bytes, 16, order);
        bytes[24..26].copy_from_slice(&domain.to_le_bytes());
        let mut list: Vec<u8> = frames.iter().flat_map(|f| f.to_le_bytes()).collect();
        self.call(
            call,
            MEMORY_OP,
            &[Argument::Value(op), Argument::Buffer(0)],
            &mut [Buffer::in_out(&mut bytes), Buffer::in_out(&mut list)],
            &[Link {
                holder: 0,
                offset: 0,
                target: 1,
            }],
        )
    }

    /// Puts the shared_info page at a frame of the domain.
    pub fn place_shared_info(&mut self, domain: DomainId, frame: u64) -> Called<()> {
        let mut bytes = [0; 24];
        bytes[..2].copy_from_slice(&domain.to_le_bytes());
        put64(&mut bytes, 16, frame);
        self.op("add_to_physmap", MEMORY_OP, 7, &mut bytes)
            .map(|_| ())
    }

    pub fn maximum_gpfn(&mut self, domain: DomainId) -> Called<u64> {
        let mut bytes = domain.to_le_bytes();
        self.op("maximum_gpfn", MEMORY_OP, 14, &mut bytes)
    }

    pub fn param(&mut self, domain: DomainId, index: u32) -> Called<u64> {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&domain.to_le_bytes());
        put32(&mut bytes, 4, index);
        self.op("hvm_get_param", HVM_OP, 1, &mut bytes)?;
        Ok(u64_at(&bytes, 8))
    }

    pub fn set_param(&mut self, domain: DomainId, index: u32, value: u64) -> Called<()> {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&domain.to_le_bytes());
        put32(&mut bytes, 4, index);
        put64(&mut bytes, 8, value);
        self.op("hvm_set_param", HVM_OP, 0, &mut bytes).map(|_| ())
    }

    /// How many bytes the context needs at most.
    pub fn context_size(&mut self, domain: DomainId) -> Called<u32> {
        let mut domctl = Domctl::new(33, domain);
        self.domctl("gethvmcontext", &mut domctl)?;
        Ok(u32_at(domctl.args(), 0))
    }

    /// The context, into a buffer of `size` bytes.
    pub fn context(&mut self, domain: DomainId, size: u32) -> Called<Vec<u8>> {
        let mut domctl = Domctl::new(33, domain).with32(0, size);
        let mut context = vec![0; size as usize];
        let buffer = Buffer::output(&mut context);
        self.domctl_with("gethvmcontext", &mut domctl, 8, buffer)?;
        context.truncate(u32_at(domctl.args(), 0) as usize);
        Ok(context)
    }

    /// One record of the context.
    pub fn context_record(
        &mut self,
        domain: DomainId,
        typecode: u32,
        instance: u32,
        size: usize,
    ) -> Called<Vec<u8>> {
        let mut domctl = Domctl::new(55, domain)
            .with32(0, typecode)
            .with32(4, instance)
            .with64(8, size as u64);
        let mut record = vec![0; size];
        let buffer = Buffer::output(&mut record);
        self.domctl_with("gethvmcontext_partial", &mut domctl, 16, buffer)?;
        Ok(record)
    }

    pub fn set_context(&mut self, domain: DomainId, context: &[u8]) -> Called<()> {
        let mut domctl = Domctl::new(34, domain).with32(0, context.len() as u32);
        let mut context = context.to_vec();
        let buffer = Buffer::input(&mut context);
        self.domctl_with("sethvmcontext", &mut domctl, 8, buffer)
            .map(|_| ())
    }

    pub fn vcpu(&mut self, domain: DomainId, vcpu: u32) -> Called<Vcpu> {
        let mut domctl = Domctl::new(14, domain).with32(0, vcpu);
        self.domctl("getvcpuinfo", &mut domctl)?;
        let args = domctl.args();
        Ok(Vcpu {
            online: args[4] != 0,
            blocked: args[5] != 0,
            running: args[6] != 0,
            cpu_time: u64_at(args, 8),
        })
    }

    /// A vcpu's context in the layout of x86, 5168 bytes.
    pub fn vcpu_context(&mut self, domain: DomainId, vcpu: u32) -> Called<Vec<u8>> {
        let mut domctl = Domctl::new(13, domain).with32(0, vcpu);
        let mut context = vec![0; 5168];
        let buffer = Buffer::output(&mut context);
        self.domctl_with("getvcpucontext", &mut domctl, 8, buffer)?;
        Ok(context)
    }

    /// Switches log-dirty on or off.
    pub fn shadow(&mut self, domain: DomainId, op: Shadow) -> Called<()> {
        let mut domctl = Domctl::new(10, domain).with32(0, op as u32);
        self.domctl("shadow_op", &mut domctl).map(|_| ())
    }

    /// The bitmap of `pages` pages by peek or clean, and of how many pages the hypervisor speaks.
    pub fn dirty(&mut self, domain: DomainId, op: Shadow, pages: u64) -> Called<(Vec<u8>, u64)> {
        let mut domctl = Domctl::new(10, domain)
            .with32(0, op as u32)
            .with64(24, pages);
        let mut bitmap = vec![0; pages.div_ceil(64) as usize * 8];
        let buffer = Buffer::output(&mut bitmap);
        self.domctl_with("shadow_op", &mut domctl, 16, buffer)?;
        Ok((bitmap, u64_at(domctl.args(), 24)))
    }

    /// An event channel of the domain that the control domain may bind.
    pub fn alloc_unbound(&mut self, domain: DomainId) -> Called<u32> {
        let mut bytes = [0; 8];
        bytes[..2].copy_from_slice(&domain.to_le_bytes());
        self.op("alloc_unbound", EVENT_CHANNEL_OP, 6, &mut bytes)?;
        Ok(u32_at(&bytes, 4))
    }

    /// State of an event channel of the domain: 0 closed, 1 unbound.
    pub fn evtchn_status(&mut self, domain: DomainId, port: u32) -> Called<u32> {
        let mut bytes = [0; 24];
        bytes[..2].copy_from_slice(&domain.to_le_bytes());
        put32(&mut bytes, 4, port);
        self.op("evtchn_status", EVENT_CHANNEL_OP, 5, &mut bytes)?;
        Ok(u32_at(&bytes, 8))
    }

    /// Copies pages out.
    pub fn read(&mut self, domain: DomainId, frames: &[u64]) -> Called<Pages> {
        let mut pages = Pages {
            bytes: vec![0; frames.len() * PAGE],
            results: vec![Ok(()); frames.len()],
        };
        self.transport
            .read_foreign(
                domain,
                frames,
                &mut pages.bytes,
                Layout::packed(PAGE),
                &mut pages.results,
            )
            .map_err(|errno| Refused {
                call: "read_foreign",
                errno,
            })?;
        Ok(pages)
    }

    /// Copies pages in.
    pub fn write(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        bytes: &[u8],
    ) -> Called<Vec<PageResult>> {
        let mut results = vec![Ok(()); frames.len()];
        self.transport
            .write_foreign(domain, frames, bytes, Layout::packed(PAGE), &mut results)
            .map_err(|errno| Refused {
                call: "write_foreign",
                errno,
            })?;
        Ok(results)
    }

    /// Fills pages with zeros.
    pub fn clear(&mut self, domain: DomainId, frames: &[u64]) -> Called<Vec<PageResult>> {
        let mut results = vec![Ok(()); frames.len()];
        self.transport
            .clear_foreign(domain, frames, &mut results)
            .map_err(|errno| Refused {
                call: "clear_foreign",
                errno,
            })?;
        Ok(results)
    }
}
