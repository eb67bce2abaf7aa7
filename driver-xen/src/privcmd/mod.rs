//! Linux's privcmd: hypercalls and foreign mappings by ioctl.
//!
//! | room | what lives there |
//! |---|---|
//! | [`device`] | the file, as a trait: ioctls as bytes, lent memory, mappings |
//! | `linux` | the file itself: the only `unsafe` code of the project's drivers |
//! | `unsupported` | in its place on other systems: an error that says so |
//! | here | [`Privcmd`], the transport over any such file |
//!
//! ```text
//!   hypercall:  lend every buffer -> write the links -> ioctl -> copy back what came out -> reclaim
//!   batch:      map -> MMAPBATCH_V2, else MMAPBATCH -> copy the pages that are there -> unmap
//! ```
//!
//! A kernel without `MMAPBATCH_V2` marks failed frames without saying why (`EINVAL` is reported). For
//! a single page such a kernel is asked by `MMAP`, which does say.

pub mod device;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
#[path = "unsupported.rs"]
mod linux;

use std::collections::BTreeMap;

use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_codec::wire::Wire;

use crate::abi::privcmd::{
    BATCH_ERROR, BATCH_PAGED_OUT, PrivcmdHypercall, PrivcmdMmap, PrivcmdMmapBatch,
    PrivcmdMmapBatchV2, PrivcmdMmapEntry, Request,
};
use crate::error::OpenError;
use crate::transport::{
    Argument, Direction, DomainId, Geometry, Hypercall, Layout, Region, Transport,
};
pub use device::{Access, Device};
pub use linux::LinuxDevice;

/// Pages that one descriptor page of xencomm can list: the longest buffer of an ia64 dom0.
const BUFFER_PAGES: usize = 2047;
/// Bytes mapped at once.
const BATCH_BYTES: usize = 16 << 20;

/// The transport over privcmd's file.
#[derive(Debug)]
pub struct Privcmd<D: Device> {
    device: D,
    /// The kernel knows `MMAPBATCH_V2`. Not known before the first batch.
    batch_v2: Option<bool>,
    /// Length of every region, by its address.
    regions: BTreeMap<u64, usize>,
}

impl Privcmd<LinuxDevice> {
    /// Opens this machine's privcmd.
    ///
    /// As with every way to the hypervisor, what is memory-safe ends at the hypercall: a caller who
    /// passes an address as [`Argument::Value`] has memory written that Rust knows nothing about.
    pub fn open() -> Result<Self, OpenError> {
        LinuxDevice::open().map(Privcmd::new)
    }
}

impl<D: Device> Privcmd<D> {
    /// The transport over a file that is open.
    pub fn new(device: D) -> Self {
        Privcmd {
            device,
            batch_v2: None,
            regions: BTreeMap::new(),
        }
    }

    /// Lends the buffers, makes the call, and copies back; the caller reclaims.
    fn call(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        let mut addresses = Vec::with_capacity(call.buffers.len());
        for buffer in call.buffers.iter() {
            let address = match buffer.direction {
                Direction::In | Direction::InOut => self.device.lend(buffer.bytes)?,
                Direction::Out => self.device.lend(&vec![0; buffer.bytes.len()])?,
            };
            addresses.push(address);
        }
        for link in call.links {
            let pointer = addresses[link.target].to_le_bytes();
            self.device
                .put(addresses[link.holder] + link.offset as u64, &pointer);
        }
        let mut arg = [0; 5];
        for (value, argument) in arg.iter_mut().zip(&call.arguments) {
            *value = match *argument {
                Argument::Value(value) => value,
                Argument::Buffer(index) => addresses[index],
                Argument::Region(region) if self.regions.contains_key(&region.0) => region.0,
                Argument::Region(_) => return Err(Errno::EINVAL),
            };
        }
        let mut bytes = PrivcmdHypercall::new(call.number, arg).to_bytes();
        let result = self.device.ioctl(Request::Hypercall, &mut bytes)?;
        for (buffer, address) in call.buffers.iter_mut().zip(&addresses) {
            if buffer.direction != Direction::In {
                self.device.get(*address, buffer.bytes);
            }
        }
        for link in call.links {
            call.buffers[link.holder].bytes[link.offset..link.offset + 8].fill(0);
        }
        Ok(result)
    }

    /// Maps a batch, hands every page that is there to `copy` (index, address), and unmaps.
    fn with_pages(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        access: Access,
        results: &mut [PageResult],
        mut copy: impl FnMut(&mut D, usize, u64),
    ) -> Result<(), Errno> {
        let page_size = self.device.page_size();
        let batch = self.geometry().batch;
        let mut first = 0;
        for (frames, results) in frames.chunks(batch).zip(results.chunks_mut(batch)) {
            let bytes = frames.len() * page_size;
            let address = self.device.map(bytes, access)?;
            let mapped = self.map_frames(domain, frames, address, results);
            self.device.reclaim();
            if mapped.is_ok() {
                for (index, result) in results.iter().enumerate() {
                    if result.is_ok() {
                        let at = address + (index * page_size) as u64;
                        copy(&mut self.device, first + index, at);
                    }
                }
            }
            self.device.unmap(address, bytes);
            mapped?;
            first += frames.len();
        }
        Ok(())
    }

    fn map_frames(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        address: u64,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        if self.batch_v2 != Some(false) {
            match self.map_v2(domain, frames, address, results) {
                Ok(()) => {
                    self.batch_v2 = Some(true);
                    return Ok(());
                }
                // What kernels answer that do not know the request. EINVAL can mean other things, so
                // the older request decides.
                Err(errno)
                    if self.batch_v2.is_none()
                        && (errno == Errno::EINVAL
                            || errno == Errno::ENOSYS
                            || errno.0 == ENOTTY) => {}
                Err(errno) => return Err(errno),
            }
        }
        let old = if frames.len() == 1 {
            self.map_one(domain, frames[0], address, results)
        } else {
            self.map_v1(domain, frames, address, results)
        };
        if old.is_ok() {
            self.batch_v2 = Some(false);
        }
        old
    }

    fn map_v2(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        address: u64,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let arr = self.device.lend(&le_bytes(frames))?;
        let mut errors = vec![0; frames.len() * 4];
        let err = self.device.lend(&errors)?;
        let mut argument = PrivcmdMmapBatchV2 {
            num: frames.len() as i32,
            dom: domain,
            pad6: 0,
            addr: address,
            arr,
            err,
        }
        .to_bytes();
        match self.device.ioctl(Request::MmapBatchV2, &mut argument) {
            // ENOENT says that some page is paged out: which, the errors say.
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        self.device.get(err, &mut errors);
        for (result, error) in results.iter_mut().zip(errors.chunks_exact(4)) {
            let error = i32::from_le_bytes([error[0], error[1], error[2], error[3]]);
            *result = match error {
                0 => Ok(()),
                error => Err(Errno(error.saturating_abs())),
            };
        }
        Ok(())
    }

    fn map_v1(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        address: u64,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let mut marked = le_bytes(frames);
        let arr = self.device.lend(&marked)?;
        let mut argument = PrivcmdMmapBatch {
            num: frames.len() as i32,
            dom: domain,
            pad6: 0,
            addr: address,
            arr,
        }
        .to_bytes();
        match self.device.ioctl(Request::MmapBatch, &mut argument) {
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        self.device.get(arr, &mut marked);
        for ((result, sent), marked) in results.iter_mut().zip(frames).zip(marked.chunks_exact(8)) {
            let marked = u64::from_le_bytes(marked.try_into().unwrap_or_default());
            // A frame that has all the mark's bits itself can not be told from a failure.
            *result = if marked == *sent && sent & BATCH_ERROR != BATCH_ERROR {
                Ok(())
            } else if marked & BATCH_ERROR == BATCH_PAGED_OUT && sent & BATCH_ERROR == 0 {
                Err(Errno::ENOENT)
            } else {
                Err(Errno::EINVAL)
            };
        }
        Ok(())
    }

    fn map_one(
        &mut self,
        domain: DomainId,
        frame: u64,
        address: u64,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let entry = PrivcmdMmapEntry {
            va: address,
            mfn: frame,
            npages: 1,
        };
        let entry = self.device.lend(&entry.to_bytes())?;
        let mut argument = PrivcmdMmap {
            num: 1,
            dom: domain,
            pad6: 0,
            entry,
        }
        .to_bytes();
        results[0] = match self.device.ioctl(Request::Mmap, &mut argument) {
            Ok(_) => Ok(()),
            Err(errno) if errno == Errno::ENOSYS || errno.0 == ENOTTY => return Err(errno),
            Err(errno) => Err(errno),
        };
        Ok(())
    }
}

/// "Inappropriate ioctl": a request that the kernel does not know.
const ENOTTY: i32 = 25;

fn le_bytes(frames: &[u64]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|frame| frame.to_le_bytes())
        .collect()
}

impl<D: Device> Transport for Privcmd<D> {
    fn geometry(&self) -> Geometry {
        let page_size = self.device.page_size();
        Geometry {
            page_size,
            buffer: BUFFER_PAGES * page_size,
            batch: (BATCH_BYTES / page_size).max(1),
        }
    }

    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        if !call.is_sound() {
            return Err(Errno::EINVAL);
        }
        let longest = self.geometry().buffer;
        if call.buffers.iter().any(|b| b.bytes.len() > longest) {
            return Err(Errno::E2BIG);
        }
        let result = self.call(call);
        self.device.reclaim();
        result
    }

    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let page_size = self.device.page_size();
        if results.len() != frames.len() || !layout.fits(frames.len(), page_size, out.len()) {
            return Err(Errno::EINVAL);
        }
        self.with_pages(
            domain,
            frames,
            Access::Read,
            results,
            |device, page, address| {
                if let Some(range) = layout.page(page, page_size) {
                    device.read_mapped(address, &mut out[range]);
                }
            },
        )
    }

    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let page_size = self.device.page_size();
        if results.len() != frames.len() || !layout.fits(frames.len(), page_size, data.len()) {
            return Err(Errno::EINVAL);
        }
        self.with_pages(
            domain,
            frames,
            Access::ReadWrite,
            results,
            |device, page, address| {
                if let Some(range) = layout.page(page, page_size) {
                    device.write_mapped(address, &data[range]);
                }
            },
        )
    }

    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let page_size = self.device.page_size();
        if results.len() != frames.len() {
            return Err(Errno::EINVAL);
        }
        self.with_pages(
            domain,
            frames,
            Access::ReadWrite,
            results,
            |device, _, address| {
                device.clear_mapped(address, page_size);
            },
        )
    }

    fn reserve(&mut self, bytes: usize) -> Result<Region, Errno> {
        if bytes == 0 || !bytes.is_multiple_of(self.device.page_size()) {
            return Err(Errno::EINVAL);
        }
        let address = self.device.map(bytes, Access::Read)?;
        self.regions.insert(address, bytes);
        Ok(Region(address))
    }

    fn read_region(&mut self, region: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno> {
        let bytes = *self.regions.get(&region.0).ok_or(Errno::EINVAL)?;
        if offset.checked_add(out.len()).is_none_or(|end| end > bytes) {
            return Err(Errno::EFAULT);
        }
        self.device.read_mapped(region.0 + offset as u64, out);
        Ok(())
    }

    fn release(&mut self, region: Region) -> Result<(), Errno> {
        let bytes = self.regions.remove(&region.0).ok_or(Errno::EINVAL)?;
        self.device.unmap(region.0, bytes);
        Ok(())
    }
}

impl<D: Device> Drop for Privcmd<D> {
    fn drop(&mut self) {
        for (address, bytes) in std::mem::take(&mut self.regions) {
            self.device.unmap(address, bytes);
        }
    }
}
