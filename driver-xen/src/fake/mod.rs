//! A simulated control domain of a Xen/ia64 host: privcmd's file over a simulated hypervisor.
//!
//! ```text
//!   Privcmd   the driver's own transport
//!      | ioctls as bytes, addresses of a simulated process
//!   Device    here: the process's memory and mappings
//!      |
//!   Kernel    here: what an ia64 control domain's kernel does with a hypercall: reads its bytes, refuses
//!      |            what it does not know, compares interface versions
//!   Host      driver-sim: the hypervisor
//! ```
//!
//! Every structure is read here at offsets of its own, written out once more, so that a wrong layout
//! in [`abi`](crate::abi) does not agree with itself.
//!
//! What this kernel is like: the one of linux-2.6.18-xen, which most ia64 hosts ran. It knows no
//! `MMAPBATCH_V2` ([`FakeDevice::with_batch_v2`] gives it that) and turns no buffer above 2047 pages into a
//! handle. It passes on what is on its lists. For what is not it has two answers, as that kernel had:
//! `ENOSYS` for hypercalls, domctls and operations on memory, `EINVAL` for operations on physical maps, event
//! channels, devices and schedulers. The hypervisor itself answers `EPERM` to an operation on physical maps
//! that it does not know, as every real one does.

mod halves;
mod hypercall;
mod process;
pub mod recorded;
mod replay;
mod toolstack;
mod world;

use std::collections::BTreeMap;

use ia64save_codec::transfer::ports::{Errno, P2mEntry, PageResult, PortCall};
use ia64save_sim::hypervisor::Fault;
use ia64save_sim::{DomId, Host};

use crate::abi::Release;
use crate::abi::privcmd::Request;
use crate::abi::release::RELEASES;
use crate::privcmd::{Access, Device, Privcmd};
use crate::transport::DomainId;
pub use halves::Halves;
use process::{Content, Process, u16_at, u32_at, u64_at};
pub use replay::{Other, Replay};
pub use toolstack::FakeToolstack;
pub use world::World;

/// Machine frames begin here, and gpfn 0 has the first.
const FIRST_FRAME: u64 = 0x8_0000;

/// Privcmd's file in the control domain of a simulated host.
pub struct FakeDevice {
    host: Host,
    release: Release,
    /// What the kernel compares interface versions with.
    interface: u32,
    batch_v2: bool,
    knows_get_memmap: bool,
    slow: bool,
    halves: Halves,
    process: Process,
}

impl FakeDevice {
    /// The file on a host. Panics for a host older than the first release: it had no domctl.
    pub fn new(host: &Host) -> Self {
        let machine = host.machine();
        let release = release_of(host).expect("a host with domctl");
        FakeDevice {
            host: host.clone(),
            release,
            interface: release.interface,
            batch_v2: false,
            knows_get_memmap: true,
            slow: false,
            halves: Halves::default(),
            process: Process::new(machine.page_size),
        }
    }

    /// A kernel that knows `MMAPBATCH_V2`.
    #[must_use]
    pub fn with_batch_v2(mut self) -> Self {
        self.batch_v2 = true;
        self
    }

    /// A kernel from before October 2008, that does not pass `get_memmap` on.
    #[must_use]
    pub fn without_get_memmap(mut self) -> Self {
        self.knows_get_memmap = false;
        self
    }

    /// A hypervisor that takes one page with each call to destroy a domain. It says by nothing but its pages
    /// how far it is, and by its event channels that it has begun, for all who share `halves`.
    #[must_use]
    pub fn destroying_slowly(mut self, halves: &Halves) -> Self {
        self.slow = true;
        self.halves = halves.clone();
        self
    }

    /// A kernel built for another interface version than the hypervisor's.
    #[must_use]
    pub fn with_interface(mut self, interface: u32) -> Self {
        self.interface = interface;
        self
    }

    /// Fails where the host was told to: faults strike where the kernel gets the hypercall.
    fn enter(&self, call: PortCall) -> Result<Option<Fault>, Errno> {
        match self.host.strike(call) {
            Some(fault) if fault.after.is_none() => Err(fault.errno),
            fault => Ok(fault),
        }
    }

    /// The gpfn that a tool's frame means.
    fn gpfn(&self, frame: u64) -> u64 {
        if !self.release.maps_machine_frames {
            return frame;
        }
        // Memory by machine frame; what the hypervisor itself made has one number for both.
        match frame.checked_sub(FIRST_FRAME) {
            Some(gpfn) if gpfn < FIRST_FRAME << 4 => gpfn,
            _ => frame,
        }
    }

    /// Maps frames; which of them worked, and what lies there now.
    fn map_frames(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        access: Access,
        results: &mut [PageResult],
    ) -> Result<Vec<Content>, Errno> {
        let call = match access {
            Access::Read => PortCall::ReadPages,
            Access::ReadWrite => PortCall::WritePages,
        };
        let fault = self.enter(call)?;
        let gpfns: Vec<u64> = frames.iter().map(|frame| self.gpfn(*frame)).collect();
        let struck = fault.and_then(|fault| Some((fault.after? as usize, fault.errno)));
        let mut content = Vec::with_capacity(gpfns.len());
        // A domain that is not there fails page by page, as in the kernel.
        let known = self.host.map_pages(domain.into(), &gpfns, results);
        for (index, (gpfn, result)) in gpfns.iter().zip(results).enumerate() {
            if let Err(errno) = known {
                *result = Err(errno);
            }
            if let Some((_, errno)) = struck.filter(|(at, _)| *at == index) {
                if result.is_ok() {
                    let _ = self.host.unmap_pages(domain.into(), 1);
                }
                *result = Err(errno);
            }
            content.push(match result {
                Ok(()) => Content::Page {
                    domain: domain.into(),
                    gpfn: *gpfn,
                },
                Err(_) => Content::Nothing,
            });
        }
        Ok(content)
    }

    /// The stretch that an ioctl's frames go to: a mapping of this file with nothing there yet.
    fn batch(&mut self, argument: &[u8]) -> Result<(DomainId, u64, Vec<u64>, Access), Errno> {
        let pages = u32_at(argument, 0) as usize;
        let address = u64_at(argument, 8);
        let access = self.process.vacant(address, pages)?;
        let list = self.process.copy_in(u64_at(argument, 16), pages * 8)?;
        let frames = list.chunks_exact(8).map(|frame| u64_at(frame, 0)).collect();
        Ok((u16_at(argument, 4), address, frames, access))
    }

    fn mmap_batch(&mut self, argument: &[u8], v2: bool) -> Result<u64, Errno> {
        let (domain, address, frames, access) = self.batch(argument)?;
        let mut results = vec![Ok(()); frames.len()];
        let content = self.map_frames(domain, &frames, access, &mut results)?;
        self.process.fill(address, content);
        if v2 {
            let errors = u64_at(argument, 24);
            for (index, result) in results.iter().enumerate() {
                let error = result.err().map_or(0, |errno| -errno.0);
                self.process
                    .copy_out(errors + index as u64 * 4, &error.to_le_bytes())?;
            }
        } else {
            for (index, result) in results.iter().enumerate() {
                if result.is_err() {
                    let marked = frames[index] | 0xf000_0000;
                    self.process.copy_out(
                        u64_at(argument, 16) + index as u64 * 8,
                        &marked.to_le_bytes(),
                    )?;
                }
            }
        }
        Ok(0)
    }

    fn mmap(&mut self, argument: &[u8]) -> Result<u64, Errno> {
        let domain = u16_at(argument, 4);
        for entry in 0..u64::from(u32_at(argument, 0)) {
            let entry = self.process.copy_in(u64_at(argument, 8) + entry * 24, 24)?;
            let (address, first, pages) =
                (u64_at(&entry, 0), u64_at(&entry, 8), u64_at(&entry, 16));
            let access = self.process.vacant(address, pages as usize)?;
            let frames: Vec<u64> = (first..first + pages).collect();
            let mut results = vec![Ok(()); frames.len()];
            let content = self.map_frames(domain, &frames, access, &mut results)?;
            self.process.fill(address, content);
            results.into_iter().collect::<Result<(), Errno>>()?;
        }
        Ok(0)
    }
}

/// The release of the hypervisor on a host.
fn release_of(host: &Host) -> Option<Release> {
    let era = host.machine().era;
    let name = era.to_string();
    let named = RELEASES
        .iter()
        .find(|release| name == format!("xen-{}", release.name));
    match named {
        Some(release) => Some(*release),
        None => Release::of(era.dialect()).and_then(|release| release.speaking(era.dialect())),
    }
}

impl Privcmd<FakeDevice> {
    /// The transport of a simulated host's control domain.
    pub fn fake(host: &Host) -> Self {
        Privcmd::new(FakeDevice::new(host))
    }
}

impl Device for FakeDevice {
    fn page_size(&self) -> usize {
        self.host.machine().page_size
    }

    fn ioctl(&mut self, request: Request, argument: &mut [u8]) -> Result<u64, Errno> {
        assert_eq!(argument.len(), request.size(), "an ioctl's structure");
        match request {
            Request::Hypercall => self.hypercall(argument),
            Request::Mmap => self.mmap(argument),
            Request::MmapBatch => self.mmap_batch(argument, false),
            Request::MmapBatchV2 if self.batch_v2 => self.mmap_batch(argument, true),
            // What privcmd of that time answered to requests it did not know.
            Request::MmapBatchV2 => Err(Errno::EINVAL),
        }
    }

    fn lend(&mut self, bytes: &[u8]) -> Result<u64, Errno> {
        Ok(self.process.lend(bytes))
    }

    fn put(&mut self, address: u64, bytes: &[u8]) {
        self.process.copy_out(address, bytes).expect("lent memory");
    }

    fn get(&self, address: u64, out: &mut [u8]) {
        let bytes = self
            .process
            .copy_in(address, out.len())
            .expect("lent memory");
        out.copy_from_slice(&bytes);
    }

    fn reclaim(&mut self) {
        self.process.reclaim();
    }

    fn map(&mut self, bytes: usize, access: Access) -> Result<u64, Errno> {
        Ok(self.process.map(bytes, access))
    }

    fn read_mapped(&self, address: u64, out: &mut [u8]) {
        let page_size = self.page_size();
        let mut at = 0;
        while at < out.len() {
            let (content, inside) = self.process.content(address + at as u64);
            let here = (page_size - inside).min(out.len() - at);
            let out = &mut out[at..at + here];
            match content {
                Content::Nothing => panic!("SIGBUS: nothing is mapped there"),
                Content::Page { domain, gpfn } => {
                    let mut page = vec![0; page_size];
                    self.host
                        .read_mapped(domain, gpfn, &mut page)
                        .expect("a mapped page");
                    out.copy_from_slice(&page[inside..inside + here]);
                }
                Content::Table { domain, page } => {
                    let per_page = page_size as u64 / 8;
                    let mut entries = vec![P2mEntry::EMPTY; per_page as usize];
                    self.host
                        .read_p2m(domain, page * per_page, &mut entries)
                        .expect("an exposed map");
                    let bytes: Vec<u8> = entries.iter().flat_map(|e| e.0.to_le_bytes()).collect();
                    out.copy_from_slice(&bytes[inside..inside + here]);
                }
            }
            at += here;
        }
    }

    fn write_mapped(&mut self, address: u64, bytes: &[u8]) {
        assert_eq!(self.process.access(address), Access::ReadWrite, "SIGSEGV");
        let page_size = self.page_size();
        let (content, inside) = self.process.content(address);
        assert!(inside + bytes.len() <= page_size, "one page at a time");
        match content {
            Content::Page { domain, gpfn } => self
                .host
                .write_mapped(domain, gpfn, inside, bytes)
                .expect("a mapped page"),
            _ => panic!("SIGBUS: nothing is mapped there"),
        }
    }

    fn clear_mapped(&mut self, address: u64, bytes: usize) {
        self.write_mapped(address, &vec![0; bytes]);
    }

    fn unmap(&mut self, address: u64, bytes: usize) {
        let mut pages: BTreeMap<DomId, u64> = BTreeMap::new();
        let mut tables = Vec::new();
        for content in self.process.unmap(address, bytes) {
            match content {
                Content::Page { domain, .. } => *pages.entry(domain).or_default() += 1,
                Content::Table { domain, page: 0 } => tables.push(domain),
                Content::Nothing | Content::Table { .. } => {}
            }
        }
        for (domain, count) in pages {
            self.host.unmap_pages(domain, count).expect("mapped pages");
        }
        for domain in tables {
            // What the kernel does when such a mapping goes: unexpose_foreign_p2m.
            self.host.unexpose_p2m(domain).expect("an exposed map");
        }
    }
}
