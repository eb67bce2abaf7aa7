//! Privcmd's file on Linux.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};

use ia64save_codec::transfer::ports::Errno;
use rustix::fs::{Mode, OFlags};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};
use rustix::mm::{MapFlags, ProtFlags};

use super::device::{Access, Device};
use crate::abi::privcmd::Request;
use crate::error::OpenError;

/// Where kernels have the file: since 2.6.38, and before.
const PATHS: [&str; 2] = ["/dev/xen/privcmd", "/proc/xen/privcmd"];
/// The file whose memory newer kernels never move, so that hypercalls find it.
const HYPERCALL_MEMORY: &str = "/dev/xen/hypercall";
/// Least bytes of a block of lent memory.
const BLOCK: usize = 256 << 10;

/// Privcmd's file, open, and the memory lent to it.
///
/// Its addresses are real, so nobody but [`Privcmd`](super::Privcmd) gets hold of one: the only way to
/// it is [`Privcmd::open`](super::Privcmd::open), which keeps it to itself.
#[derive(Debug)]
pub struct LinuxDevice {
    file: OwnedFd,
    /// Where memory for hypercalls comes from; `None` with kernels that have no such file.
    memory: Option<OwnedFd>,
    page_size: usize,
    /// Memory to lend, each block in use up to `used`.
    blocks: Vec<Block>,
}

/// A stretch of memory of this process, locked, apart from everything Rust knows of.
#[derive(Debug)]
struct Block {
    start: NonNull<c_void>,
    bytes: usize,
    used: usize,
}

// SAFETY: a block is a stretch of anonymous memory that this device alone points to; nothing about it
// belongs to a thread.
unsafe impl Send for Block {}

impl LinuxDevice {
    pub(super) fn open() -> Result<Self, OpenError> {
        let mut failed = None;
        for path in PATHS {
            match rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
                Ok(file) => return Ok(LinuxDevice::over(file)),
                Err(error) => {
                    let errno = errno_of(error);
                    // A file that is there and may not be used says more than one that is not.
                    if failed.is_none() || errno != Errno::ENOENT {
                        failed = Some(OpenError::File { path, errno });
                    }
                }
            }
        }
        Err(failed.unwrap_or(OpenError::File {
            path: PATHS[0],
            errno: Errno::ENOENT,
        }))
    }

    fn over(file: OwnedFd) -> Self {
        let memory = rustix::fs::open(
            HYPERCALL_MEMORY,
            OFlags::RDWR | OFlags::CLOEXEC,
            Mode::empty(),
        );
        LinuxDevice {
            file,
            memory: memory.ok(),
            page_size: rustix::param::page_size(),
            blocks: Vec::new(),
        }
    }

    /// Room for `bytes` bytes on pages of their own.
    fn room(&mut self, bytes: usize) -> Result<NonNull<c_void>, Errno> {
        let whole = bytes
            .max(1)
            .checked_next_multiple_of(self.page_size)
            .ok_or(Errno::ENOMEM)?;
        let free = self
            .blocks
            .iter()
            .position(|block| block.bytes - block.used >= whole);
        let index = if let Some(index) = free {
            index
        } else {
            let block = self.new_block(whole.max(BLOCK))?;
            self.blocks.push(block);
            self.blocks.len() - 1
        };
        let block = &mut self.blocks[index];
        // SAFETY: `used + whole <= bytes`, so the result lies within the block's mapping.
        let start = unsafe { block.start.byte_add(block.used) };
        block.used += whole;
        Ok(start)
    }

    fn new_block(&self, bytes: usize) -> Result<Block, Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let start = match &self.memory {
            // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
            Some(file) => unsafe {
                rustix::mm::mmap(ptr::null_mut(), bytes, access, MapFlags::SHARED, file, 0)
            },
            // SAFETY: as above.
            None => unsafe {
                rustix::mm::mmap_anonymous(
                    ptr::null_mut(),
                    bytes,
                    access,
                    MapFlags::PRIVATE | MapFlags::LOCKED | MapFlags::POPULATE,
                )
            },
        }
        .map_err(errno_of)?;
        let start = NonNull::new(start).ok_or(Errno::ENOMEM)?;
        Ok(Block {
            start,
            bytes,
            used: 0,
        })
    }

    /// A pointer to `bytes` bytes at an address inside of lent memory.
    fn lent(&self, address: u64, bytes: usize) -> NonNull<u8> {
        let address = address as usize;
        let block = self
            .blocks
            .iter()
            .find(|block| {
                let start = block.start.as_ptr() as usize;
                address >= start
                    && address
                        .checked_add(bytes)
                        .is_some_and(|end| end <= start + block.used)
            })
            .expect("an address that lend() gave, and that was not reclaimed since");
        // SAFETY: the check above puts the offset inside of the block.
        unsafe {
            block
                .start
                .cast::<u8>()
                .byte_add(address - block.start.as_ptr() as usize)
        }
    }
}

/// A request of privcmd with the bytes of its structure.
struct Raw<'a> {
    request: Request,
    argument: &'a mut [u8],
}

// SAFETY: `as_ptr` points to as many bytes as the request's number says its structure has (checked
// by the one caller), they are writable, and the structure is plain numbers. What addresses among
// them mean is up to the kernel, which checks them as it does for every process.
unsafe impl Ioctl for Raw<'_> {
    type Output = u64;
    // The kernel may write to the structure.
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        Opcode::from(self.request as u32)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument.as_mut_ptr().cast()
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<u64> {
        Ok(u64::from(output as u32))
    }
}

impl Device for LinuxDevice {
    fn page_size(&self) -> usize {
        self.page_size
    }

    fn ioctl(&mut self, request: Request, argument: &mut [u8]) -> Result<u64, Errno> {
        if argument.len() != request.size() {
            return Err(Errno::EINVAL);
        }
        // SAFETY: every pointer in `argument` was handed out by `lend` or `map`, and what they point
        // to stays until `reclaim` or `unmap`: the kernel and the hypervisor write to memory that no
        // reference of Rust covers. Mappings are placed over address space of `map` alone.
        unsafe { rustix::ioctl::ioctl(&self.file, Raw { request, argument }) }.map_err(errno_of)
    }

    fn lend(&mut self, bytes: &[u8]) -> Result<u64, Errno> {
        let start = self.room(bytes.len())?;
        // SAFETY: `room` gave as many writable bytes, which nothing else points to.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), start.as_ptr().cast(), bytes.len());
        }
        Ok(start.as_ptr() as u64)
    }

    fn put(&mut self, address: u64, bytes: &[u8]) {
        let to = self.lent(address, bytes.len());
        // SAFETY: `lent` checked that as many bytes lie there; no reference covers them.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) }
    }

    fn get(&self, address: u64, out: &mut [u8]) {
        let from = self.lent(address, out.len());
        // SAFETY: as in `put`; the call that wrote to them has returned.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), out.as_mut_ptr(), out.len()) }
    }

    fn reclaim(&mut self) {
        for block in &mut self.blocks {
            block.used = 0;
        }
    }

    fn map(&mut self, bytes: usize, access: Access) -> Result<u64, Errno> {
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                bytes,
                protection,
                MapFlags::SHARED,
                &self.file,
                0,
            )
        };
        start.map(|start| start as u64).map_err(errno_of)
    }

    fn read_mapped(&self, address: u64, out: &mut [u8]) {
        // SAFETY: `Privcmd` gives addresses inside of a mapping of its own, to pages that the kernel
        // said are there. The memory belongs to a guest that may write to it meanwhile: it is only
        // ever copied as bytes, no reference to it is made, and every byte pattern is valid.
        unsafe { ptr::copy(address as *const u8, out.as_mut_ptr(), out.len()) }
    }

    fn write_mapped(&mut self, address: u64, bytes: &[u8]) {
        // SAFETY: as in `read_mapped`, in a mapping made for writing.
        unsafe { ptr::copy(bytes.as_ptr(), address as *mut u8, bytes.len()) }
    }

    fn clear_mapped(&mut self, address: u64, bytes: usize) {
        // SAFETY: as in `write_mapped`.
        unsafe { ptr::write_bytes(address as *mut u8, 0, bytes) }
    }

    fn unmap(&mut self, address: u64, bytes: usize) {
        // SAFETY: address and length are those of a mapping that `map` made; nothing points into it,
        // since only copies leave this module. A failure would leave it mapped, which is safe.
        let _ = unsafe { rustix::mm::munmap(address as *mut c_void, bytes) };
    }
}

impl Drop for LinuxDevice {
    fn drop(&mut self) {
        for block in &self.blocks {
            // SAFETY: the block is this device's own, and `lent` pointers do not outlive a call.
            let _ = unsafe { rustix::mm::munmap(block.start.as_ptr(), block.bytes) };
        }
    }
}

fn errno_of(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}
