//! A process on a far host that has privcmd's file open, over a simulated kernel.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_codec::wire::Wire;
use ia64save_sim::Host;
use ia64save_xen::Transport;
use ia64save_xen::abi::privcmd::{PrivcmdMmap, PrivcmdMmapBatch, PrivcmdMmapEntry, Request};
use ia64save_xen::fake::FakeDevice;
use ia64save_xen::privcmd::{Access, Device, Privcmd};
use ia64save_xen::transport::{DomainId, Geometry, Hypercall, Layout, Region};

use crate::bridge::Kernel;

/// Privcmd's file, which hypercalls and the agent's own mappings both go to.
#[derive(Clone)]
struct Shared(Arc<Mutex<FakeDevice>>);

impl Shared {
    fn with<R>(&self, call: impl FnOnce(&mut FakeDevice) -> R) -> R {
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Device for Shared {
    fn page_size(&self) -> usize {
        self.with(|device| device.page_size())
    }
    fn ioctl(&mut self, request: Request, argument: &mut [u8]) -> Result<u64, Errno> {
        self.with(|device| device.ioctl(request, argument))
    }
    fn lend(&mut self, bytes: &[u8]) -> Result<u64, Errno> {
        self.with(|device| device.lend(bytes))
    }
    fn put(&mut self, address: u64, bytes: &[u8]) {
        self.with(|device| device.put(address, bytes));
    }
    fn get(&self, address: u64, out: &mut [u8]) {
        self.with(|device| device.get(address, out));
    }
    fn reclaim(&mut self) {
        self.with(FakeDevice::reclaim);
    }
    fn map(&mut self, bytes: usize, access: Access) -> Result<u64, Errno> {
        self.with(|device| device.map(bytes, access))
    }
    fn read_mapped(&self, address: u64, out: &mut [u8]) {
        self.with(|device| device.read_mapped(address, out));
    }
    fn write_mapped(&mut self, address: u64, bytes: &[u8]) {
        self.with(|device| device.write_mapped(address, bytes));
    }
    fn clear_mapped(&mut self, address: u64, bytes: usize) {
        self.with(|device| device.clear_mapped(address, bytes));
    }
    fn unmap(&mut self, address: u64, bytes: usize) {
        self.with(|device| device.unmap(address, bytes));
    }
}

/// The process that has the file open on the far host: what `linux_privcmd.c` does there.
pub struct Process {
    device: Shared,
    privcmd: Privcmd<Shared>,
    /// Every mapping, by its address: which of its pages are there.
    mappings: BTreeMap<u64, Vec<bool>>,
}

impl Process {
    pub fn new(host: &Host) -> Self {
        let device = Shared(Arc::new(Mutex::new(FakeDevice::new(host))));
        Process {
            privcmd: Privcmd::new(device.clone()),
            device,
            mappings: BTreeMap::new(),
        }
    }

    /// Fills a mapping, by the requests that the fake kernel has.
    fn fill(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        address: u64,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        if let &[frame] = frames {
            let entry = PrivcmdMmapEntry {
                va: address,
                mfn: frame,
                npages: 1,
            };
            let mut request = PrivcmdMmap {
                num: 1,
                dom: domain,
                pad6: 0,
                entry: self.device.lend(&entry.to_bytes())?,
            }
            .to_bytes();
            results[0] = self.device.ioctl(Request::Mmap, &mut request).map(drop);
            return Ok(());
        }
        let mut list: Vec<u8> = frames.iter().flat_map(|f| f.to_le_bytes()).collect();
        let arr = self.device.lend(&list)?;
        let mut request = PrivcmdMmapBatch {
            num: frames.len() as i32,
            dom: domain,
            pad6: 0,
            addr: address,
            arr,
        }
        .to_bytes();
        self.device.ioctl(Request::MmapBatch, &mut request)?;
        self.device.get(arr, &mut list);
        for ((result, frame), marked) in results.iter_mut().zip(frames).zip(list.chunks(8)) {
            let there = marked == frame.to_le_bytes();
            *result = if there { Ok(()) } else { Err(Errno::EINVAL) };
        }
        Ok(())
    }
}

impl Drop for Process {
    /// A process that was killed: its kernel unmaps what it had mapped.
    fn drop(&mut self) {
        let page_size = self.device.page_size();
        for (address, there) in std::mem::take(&mut self.mappings) {
            self.device.unmap(address, there.len() * page_size);
        }
    }
}

/// Where the kernel of an agent process is put in and taken out.
#[derive(Clone)]
pub struct Slot {
    pub page_size: usize,
    pub process: Arc<Mutex<Option<Process>>>,
    gate: Option<Arc<Gate>>,
}

/// Stops whoever comes as the so-and-so-manieth, until it is opened.
#[derive(Debug, Default)]
pub struct Gate {
    left: AtomicU64,
    is_open: AtomicBool,
}

#[allow(dead_code)] // not every suite has one
impl Gate {
    /// Lets so many pass.
    pub fn after(calls: u64) -> Arc<Gate> {
        Arc::new(Gate {
            left: calls.into(),
            is_open: false.into(),
        })
    }

    fn pass(&self) {
        let taken = self
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                left.checked_sub(1)
            });
        while taken.is_err() && !self.is_open.load(Ordering::Acquire) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Whether somebody may stand before it.
    pub fn is_reached(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Lets everybody pass.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }
}

#[allow(dead_code)]
impl Slot {
    /// With nothing in it.
    pub fn new(page_size: usize) -> Self {
        Slot {
            page_size,
            process: Arc::default(),
            gate: None,
        }
    }

    /// With a process on a host, behind a gate.
    pub fn of(host: &Host, gate: Option<Arc<Gate>>) -> Self {
        Slot {
            page_size: host.machine().page_size,
            process: Arc::new(Mutex::new(Some(Process::new(host)))),
            gate,
        }
    }

    fn with<R>(&self, call: impl FnOnce(&mut Process) -> R) -> R {
        if let Some(gate) = &self.gate {
            gate.pass();
        }
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        call(process.as_mut().expect("a kernel behind the agent"))
    }
}

impl Transport for Slot {
    fn geometry(&self) -> Geometry {
        Geometry {
            page_size: self.page_size,
            buffer: 0,
            batch: 0,
        }
    }
    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        self.with(|process| process.privcmd.hypercall(call))
    }
    fn read_foreign(
        &mut self,
        _: DomainId,
        _: &[u64],
        _: &mut [u8],
        _: Layout,
        _: &mut [PageResult],
    ) -> Result<(), Errno> {
        unreachable!("an agent maps")
    }
    fn write_foreign(
        &mut self,
        _: DomainId,
        _: &[u64],
        _: &[u8],
        _: Layout,
        _: &mut [PageResult],
    ) -> Result<(), Errno> {
        unreachable!("an agent maps")
    }
    fn clear_foreign(&mut self, _: DomainId, _: &[u64], _: &mut [PageResult]) -> Result<(), Errno> {
        unreachable!("an agent maps")
    }
    fn reserve(&mut self, bytes: usize) -> Result<Region, Errno> {
        self.with(|process| process.privcmd.reserve(bytes))
    }
    fn read_region(&mut self, region: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno> {
        self.with(|process| process.privcmd.read_region(region, offset, out))
    }
    fn release(&mut self, region: Region) -> Result<(), Errno> {
        self.with(|process| process.privcmd.release(region))
    }
}

impl Kernel for Slot {
    fn map(
        &mut self,
        domain: DomainId,
        writable: bool,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(u64, Vec<u8>), Errno> {
        let page_size = self.page_size;
        self.with(|process| {
            let access = if writable {
                Access::ReadWrite
            } else {
                Access::Read
            };
            let bytes = frames.len() * page_size;
            let address = process.device.map(bytes, access)?;
            let filled = process.fill(domain, frames, address, results);
            process.device.reclaim();
            if let Err(errno) = filled {
                process.device.unmap(address, bytes);
                return Err(errno);
            }
            let mut content = vec![0; bytes];
            let pages = content.chunks_mut(page_size).zip(results.iter());
            for (index, (page, result)) in pages.enumerate() {
                if result.is_ok() {
                    let at = address + (index * page_size) as u64;
                    process.device.read_mapped(at, page);
                }
            }
            let there = results.iter().map(Result::is_ok).collect();
            process.mappings.insert(address, there);
            Ok((address, content))
        })
    }

    fn unmap(&mut self, mapping: u64, pages: &[u8]) {
        let page_size = self.page_size;
        self.with(|process| {
            let there = process.mappings.remove(&mapping).expect("a mapping");
            let good = there.iter().enumerate().filter(|(_, there)| **there);
            for ((index, _), page) in good.zip(pages.chunks(page_size)) {
                let at = mapping + (index * page_size) as u64;
                process.device.write_mapped(at, page);
            }
            process.device.unmap(mapping, there.len() * page_size);
        });
    }
}
