//! Privcmd's ioctls one by one, as the kernel answers them, and the fifth behaviour: a foreign mapping
//! that is left behind keeps a destroyed domain as a zombie.
//!
//! The transport takes the newest ioctl there is and leaves no mapping behind. So these tests go below
//! it, to the file that it stands on.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;

use ia64save_codec::wire::Wire;
use ia64save_xen::abi::privcmd::{
    PrivcmdMmap, PrivcmdMmapBatch, PrivcmdMmapBatchV2, PrivcmdMmapEntry, Request,
};
use ia64save_xen::transport::DomainId;

use crate::calls::with;
use crate::guest;
use crate::report::{Failure, Outcome, Test, equal, holds};
use crate::x86::{PAGE, Xen};

/// The tests.
pub const TESTS: &[Test] = &[
    ("ioctl/mmap", mmap),
    ("ioctl/mmapbatch", mmapbatch),
    (
        "behaviour/4_mmapbatch_v2_returns_0_with_errors",
        mmapbatch_v2,
    ),
    ("behaviour/5_a_mapping_keeps_a_zombie", zombie),
];

/// Privcmd's file, and address space of it that pages are mapped to until it is dropped.
struct Space {
    file: File,
    address: *mut libc::c_void,
    pages: usize,
}

/// What the last call failed with, as 0 or a negative number.
fn result(returned: i32) -> i32 {
    if returned < 0 {
        -std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
    } else {
        returned
    }
}

impl Space {
    fn new(pages: usize) -> Result<Space, Failure> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/xen/privcmd")
            .map_err(|error| Failure(format!("privcmd: {error}")))?;
        // SAFETY: new address space at an address of the kernel's choice, which nothing refers to.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                pages * PAGE,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(Failure(format!(
                "mmap: {}",
                std::io::Error::last_os_error()
            )));
        }
        Ok(Space {
            file,
            address,
            pages,
        })
    }

    /// Where page `index` of it is.
    fn at(&self, index: usize) -> u64 {
        self.address as u64 + (index * PAGE) as u64
    }

    /// An ioctl that maps into this space.
    ///
    /// # Safety
    /// What the structure's pointers lead to is as long as it says, and lives while the call lasts.
    unsafe fn ioctl(&self, request: Request, argument: &mut [u8]) -> i32 {
        assert_eq!(
            argument.len(),
            request.size(),
            "the structure of the request"
        );
        // SAFETY: the structure is as long as the request's number says; the rest is the caller's.
        result(unsafe {
            libc::ioctl(
                self.file.as_raw_fd(),
                request as libc::c_ulong,
                argument.as_mut_ptr(),
            )
        })
    }

    /// Maps by the newest ioctl from the first page on; what it returned, and the errors of the pages.
    fn map_v2(&self, domain: DomainId, frames: &[u64]) -> (i32, Vec<i32>) {
        assert!(
            frames.len() <= self.pages,
            "as many pages as there is space"
        );
        let mut errors = vec![0; frames.len()];
        let mut argument = PrivcmdMmapBatchV2 {
            num: frames.len() as i32,
            dom: domain,
            pad6: 0,
            addr: self.at(0),
            arr: frames.as_ptr() as u64,
            err: errors.as_mut_ptr() as u64,
        }
        .to_bytes();
        // SAFETY: frames and errors are as many as the structure says, and outlive the call.
        let returned = unsafe { self.ioctl(Request::MmapBatchV2, &mut argument) };
        (returned, errors)
    }

    /// Whether page `index` is the one that [`one_page`] wrote. Something must be mapped there.
    fn is_the_page(&self, index: usize) -> Outcome {
        let mut page = [0; PAGE];
        // SAFETY: the tests have seen that the page is mapped; the domain it belongs to does not run.
        unsafe { std::ptr::copy(self.at(index) as *const u8, page.as_mut_ptr(), PAGE) };
        holds("the page", page == [0x44; PAGE])
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: the space is this value's own, and only copies of what is in it leave this module.
        unsafe { libc::munmap(self.address, self.pages * PAGE) };
    }
}

/// A domain with a page at frame 4 and none at 3 and 5.
fn one_page(xen: &mut Xen<'_>, test: impl FnOnce(&Space, DomainId) -> Outcome) -> Outcome {
    let domain = guest::empty(xen, 1)?;
    with(xen, domain, |xen, domain| {
        xen.populate(domain, &[4], 0)?;
        xen.write(domain, &[4], &[0x44; PAGE])?;
        test(&Space::new(3)?, domain)
    })
}

/// The oldest: all or nothing, with a reason.
fn mmap(xen: &mut Xen<'_>) -> Outcome {
    one_page(xen, |space, domain| {
        let map = |space: &Space, frame: u64| {
            let entry = PrivcmdMmapEntry {
                va: space.at(0),
                mfn: frame,
                npages: 1,
            }
            .to_bytes();
            let mut argument = PrivcmdMmap {
                num: 1,
                dom: domain,
                pad6: 0,
                entry: entry.as_ptr() as u64,
            }
            .to_bytes();
            // SAFETY: there is one entry, which outlives the call.
            unsafe { space.ioctl(Request::Mmap, &mut argument) }
        };
        equal("a page", map(space, 4), 0)?;
        space.is_the_page(0)?;
        equal("a hole", map(&Space::new(1)?, 3), -22)
    })
}

/// The next: frames that failed are marked, without a reason.
fn mmapbatch(xen: &mut Xen<'_>) -> Outcome {
    one_page(xen, |space, domain| {
        let mut frames = [3u64, 4, 5];
        let mut argument = PrivcmdMmapBatch {
            num: 3,
            dom: domain,
            pad6: 0,
            addr: space.at(0),
            arr: frames.as_mut_ptr() as u64,
        }
        .to_bytes();
        // SAFETY: there are three frames, which outlive the call and may be written to.
        let returned = unsafe { space.ioctl(Request::MmapBatch, &mut argument) };
        equal("the batch", returned, 0)?;
        equal("marks", frames, [0xf000_0003, 4, 0xf000_0005])?;
        space.is_the_page(1)
    })
}

/// The newest: success, and the errors of its pages in an array.
fn mmapbatch_v2(xen: &mut Xen<'_>) -> Outcome {
    one_page(xen, |space, domain| {
        let (returned, errors) = space.map_v2(domain, &[3, 4, 5]);
        equal("the batch", returned, 0)?;
        equal("errors", errors, vec![-22, 0, -22])?;
        space.is_the_page(1)
    })
}

fn zombie(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::build(xen)?;
    let space = Space::new(1)?;
    let mapped = space.map_v2(domain, &[guest::MAIL]);
    xen.destroy(domain)?;
    std::thread::sleep(std::time::Duration::from_millis(100));
    let left = xen
        .list(domain)?
        .into_iter()
        .find(|info| info.domain == domain);
    drop(space);
    guest::wait("it is gone without the mapping", || {
        Ok(xen.list(domain)?.iter().all(|info| info.domain != domain))
    })?;
    equal("mapped", mapped, (0, vec![0]))?;
    let left = left.ok_or_else(|| Failure("it was gone in spite of the mapping".into()))?;
    holds("dying", left.dying())?;
    equal("pages that are left", left.tot_pages, 1)
}
