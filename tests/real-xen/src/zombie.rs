//! The fifth behaviour: a foreign mapping that is left behind keeps a destroyed domain as a zombie.
//!
//! The driver cannot leave one behind: its mappings end with the call that made them. So this is the one
//! place that speaks to privcmd itself.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::ptr;

use ia64save_xen::transport::DomainId;

use crate::guest;
use crate::report::{Failure, Outcome, Test, equal, holds};
use crate::x86::{PAGE, Xen};

/// The test.
pub const TESTS: &[Test] = &[("behaviour/5_a_mapping_keeps_a_zombie", zombie)];

/// Argument of `IOCTL_PRIVCMD_MMAPBATCH_V2`.
#[repr(C)]
struct MmapBatch {
    num: u32,
    domain: u16,
    address: u64,
    frames: *const u64,
    errors: *mut i32,
}

/// `_IOC(_IOC_NONE, 'P', 4, 32)`.
const MMAPBATCH_V2: u64 = 32 << 16 | (b'P' as u64) << 8 | 4;

/// A page of another domain, mapped until it is dropped.
struct Mapping {
    address: *mut libc::c_void,
    _privcmd: File,
}

impl Mapping {
    fn new(domain: DomainId, frame: u64) -> Result<Mapping, Failure> {
        let failed = |what: &str| Failure(format!("{what}: {}", std::io::Error::last_os_error()));
        let privcmd = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/xen/privcmd")
            .map_err(|_| failed("privcmd"))?;
        // SAFETY: new address space of one page, which nothing else refers to.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                PAGE,
                libc::PROT_READ,
                libc::MAP_SHARED,
                privcmd.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(failed("mmap"));
        }
        let mut error = 0;
        let batch = MmapBatch {
            num: 1,
            domain,
            address: address as u64,
            frames: &raw const frame,
            errors: &raw mut error,
        };
        // SAFETY: the structure is what the ioctl takes; its pointers lead to one frame and one error,
        // which outlive the call, and its address to a page that is mapped from privcmd.
        let done = unsafe { libc::ioctl(privcmd.as_raw_fd(), MMAPBATCH_V2, &raw const batch) };
        let mapping = Mapping {
            address,
            _privcmd: privcmd,
        };
        equal("mapped", (done, error), (0, 0))?;
        Ok(mapping)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the page was mapped by `new` and nothing refers to it.
        unsafe { libc::munmap(self.address, PAGE) };
    }
}

fn zombie(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::build(xen)?;
    let mapping = match Mapping::new(domain, guest::MAIL) {
        Ok(mapping) => mapping,
        Err(failure) => {
            xen.destroy(domain)?;
            return Err(failure);
        }
    };
    xen.destroy(domain)?;
    let listed = |xen: &mut Xen<'_>| -> Result<_, Failure> {
        Ok(xen
            .list(domain)?
            .into_iter()
            .find(|info| info.domain == domain))
    };
    std::thread::sleep(std::time::Duration::from_millis(100));
    let left = listed(xen)?;
    drop(mapping);
    guest::wait("it is gone without the mapping", || {
        Ok(listed(xen)?.is_none())
    })?;
    let left = left.ok_or_else(|| Failure("it was gone in spite of the mapping".into()))?;
    holds("dying", left.dying())?;
    equal("pages that are left", left.tot_pages, 1)
}
