//! The generic calls through `libxenctrl`, by the crates `xenctrl` and `xenctrl-sys`.
//!
//! Enabling this makes the program a work under the GPL, version 3: both crates are. What it is for is
//! comparing: hypercalls as bytes ([`Direct`](super::Direct)) need no library.
//!
//! The safe crate has five of these calls, and they are made through it; the rest are made through the
//! raw functions. Three things are guarded against:
//!
//! - **Its errors have no errno.** It is read as the library left it; a domain that is not there is
//!   looked for by itself.
//! - **`domain_hvm_getcontext` crashes** where there is no such domain or vcpu: it takes the size of the
//!   context, -1, for a length. The raw function is used.
//! - **No pages of other domains.** The crates do not bind `libxenforeignmemory`; pages go through
//!   privcmd.
//!
//! Two calls are not the library's: resuming, which moved to another one, is a hypercall as bytes, and
//! creating a domain is the business of a toolstack that knows the machine: `ENOSYS`.

#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{Errno, PageResult, Populated};
use ia64save_codec::wire::Wire;
use xenctrl::XenControl;
use xenctrl_sys as sys;

use super::{Hypervisor, Info, Vcpu};
use crate::abi::domctl::Domctl;
use crate::abi::numbers;
use crate::privcmd::{LinuxDevice, Privcmd};
use crate::transport::{Argument, Buffer, DomainId, Hypercall, Layout, Transport};

/// `libxenctrl`, open.
#[derive(Debug)]
pub struct Xenctrl {
    safe: XenControl,
    raw: NonNull<sys::xc_interface>,
    pages: Privcmd<LinuxDevice>,
}

impl Xenctrl {
    /// Opens the library, and privcmd beside it.
    pub fn open() -> io::Result<Self> {
        let pages = Privcmd::open().map_err(|error| io::Error::other(error.to_string()))?;
        let safe =
            XenControl::new_default().map_err(|error| io::Error::other(error.to_string()))?;
        // SAFETY: null loggers are what the library takes for "none".
        let raw = unsafe { sys::xc_interface_open(ptr::null_mut(), ptr::null_mut(), 0) };
        let raw = NonNull::new(raw).ok_or_else(io::Error::last_os_error)?;
        Ok(Xenctrl { safe, raw, pages })
    }

    fn raw(&self) -> *mut sys::xc_interface {
        self.raw.as_ptr()
    }

    /// Whether a domain is there.
    fn is_there(&self, domain: DomainId) -> bool {
        matches!(self.safe.domain_getinfolist(domain.into()), Ok(Some(info)) if info.domain == domain)
    }

    /// The result of a call of the safe crate, whose error says nothing.
    fn safe<T, E>(&self, domain: DomainId, result: Result<T, E>) -> Result<T, Errno> {
        match result {
            Ok(value) => Ok(value),
            Err(_) => Err(self.reason(domain)),
        }
    }

    /// The result of a raw call: negative, and errno says why.
    fn checked(&self, domain: DomainId, result: i32) -> Result<u64, Errno> {
        u64::try_from(result).map_err(|_| self.reason(domain))
    }

    /// Why the last call failed. Called at once: anything else may change errno.
    fn reason(&self, domain: DomainId) -> Errno {
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        if !self.is_there(domain) {
            return Errno::ESRCH;
        }
        if errno > 0 { Errno(errno) } else { Errno::EIO }
    }

    fn log_dirty(&mut self, domain: DomainId, op: u32, dirty: &mut PfnBitmap) -> Result<(), Errno> {
        let bytes = dirty.words().len() * 8;
        let page_size = self.page_size();
        let count = i32::try_from(bytes.div_ceil(page_size).max(1)).map_err(|_| Errno::E2BIG)?;
        let mut buffer = sys::xc_hypercall_buffer {
            hbuf: ptr::null_mut(),
            param_shadow: ptr::null_mut(),
            dir: 0,
            // The library's sign of a buffer that is its own.
            ubuf: usize::MAX as *mut _,
            sz: 0,
        };
        let mut stats = sys::xc_shadow_op_stats_t::default();
        // SAFETY: `buffer` is as the library's own macro initialises it; it holds `count` pages between
        // these two calls, which is at least as many bytes as the hypervisor writes for `pages` bits.
        unsafe {
            let memory = sys::xc__hypercall_buffer_alloc_pages(self.raw(), &raw mut buffer, count);
            if memory.is_null() {
                return Err(Errno::ENOMEM);
            }
            ptr::write_bytes(memory.cast::<u8>(), 0, count as usize * page_size);
            let pages = dirty.pfns();
            let result = sys::xc_logdirty_control(
                self.raw(),
                domain.into(),
                op,
                &raw mut buffer,
                pages,
                0,
                &raw mut stats,
            );
            let done = if result < 0 {
                Err(self.reason(domain))
            } else {
                for (index, word) in dirty.words_mut().iter_mut().enumerate() {
                    *word = u64::from_le(memory.cast::<u64>().add(index).read());
                }
                Ok(())
            };
            sys::xc__hypercall_buffer_free_pages(self.raw(), &raw mut buffer, count);
            done?;
        }
        if let (pfns, Some(last)) = (dirty.pfns() % 64, dirty.words_mut().last_mut())
            && pfns > 0
        {
            *last &= (1 << pfns) - 1;
        }
        Ok(())
    }
}

impl Drop for Xenctrl {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, and not used again.
        unsafe { sys::xc_interface_close(self.raw()) };
    }
}

impl Hypervisor for Xenctrl {
    fn page_size(&self) -> usize {
        self.pages.geometry().page_size
    }

    fn next_domain(&mut self, first: DomainId) -> Result<Info, Errno> {
        match self.safe.domain_getinfolist(first.into()) {
            Ok(Some(info)) => Ok(Info {
                domain: info.domain,
                flags: info.flags.into(),
                tot_pages: info.tot_pages,
                max_pages: info.max_pages,
                shared_info_frame: info.shared_info_frame,
                online_vcpus: info.nr_online_vcpus,
                max_vcpu_id: info.max_vcpu_id,
            }),
            Ok(None) => Err(Errno::ESRCH),
            Err(_) => Err(Errno::EIO),
        }
    }

    fn create_domain(&mut self, _hvm: bool, _handle: [u8; 16]) -> Result<DomainId, Errno> {
        Err(Errno::ENOSYS)
    }

    fn set_max_vcpus(&mut self, domain: DomainId, vcpus: u32) -> Result<(), Errno> {
        // SAFETY: plain numbers.
        let result = unsafe { sys::xc_domain_max_vcpus(self.raw(), domain.into(), vcpus) };
        self.checked(domain, result).map(drop)
    }

    fn set_max_mem(&mut self, domain: DomainId, kib: u64) -> Result<(), Errno> {
        // SAFETY: plain numbers.
        let result = unsafe { sys::xc_domain_setmaxmem(self.raw(), domain.into(), kib) };
        self.checked(domain, result).map(drop)
    }

    fn pause(&mut self, domain: DomainId) -> Result<(), Errno> {
        let result = self.safe.domain_pause(domain.into());
        self.safe(domain, result)
    }

    fn unpause(&mut self, domain: DomainId) -> Result<(), Errno> {
        let result = self.safe.domain_unpause(domain.into());
        self.safe(domain, result)
    }

    fn resume(&mut self, domain: DomainId) -> Result<(), Errno> {
        let mut bytes = Domctl {
            cmd: numbers::RESUMEDOMAIN,
            interface_version: sys::XEN_DOMCTL_INTERFACE_VERSION,
            domain,
            pad10: [0; 6],
            u: [0; 128],
        }
        .to_bytes();
        let none = Argument::Value(0);
        self.pages
            .hypercall(&mut Hypercall {
                number: numbers::DOMCTL,
                arguments: [Argument::Buffer(0), none, none, none, none],
                buffers: &mut [Buffer::in_out(&mut bytes)],
                links: &[],
            })
            .map(drop)
    }

    fn destroy(&mut self, domain: DomainId) -> Result<(), Errno> {
        // SAFETY: plain numbers.
        let result = unsafe { sys::xc_domain_destroy(self.raw(), domain.into()) };
        self.checked(domain, result).map(drop)
    }

    fn shut_down(&mut self, domain: DomainId, reason: u32) -> Result<(), Errno> {
        let reason = i32::try_from(reason).map_err(|_| Errno::EINVAL)?;
        // SAFETY: plain numbers.
        let result = unsafe { sys::xc_domain_shutdown(self.raw(), domain.into(), reason) };
        self.checked(domain, result).map(drop)
    }

    fn maximum_gpfn(&mut self, domain: DomainId) -> Result<u64, Errno> {
        let result = self.safe.domain_maximum_gpfn(domain.into());
        self.safe(domain, result)
    }

    fn populate(&mut self, domain: DomainId, frames: &[u64]) -> Result<Populated, Errno> {
        let mut list = frames.to_vec();
        // SAFETY: `list` has as many frames as are said; the library reads and writes it alone.
        let result = unsafe {
            sys::xc_domain_populate_physmap(
                self.raw(),
                domain.into(),
                list.len() as u64,
                0,
                0,
                list.as_mut_ptr(),
            )
        };
        let done = self.checked(domain, result)?.min(frames.len() as u64);
        let error = (done < frames.len() as u64).then_some(Errno::ENOMEM);
        Ok(Populated { done, error })
    }

    fn decrease_reservation(&mut self, domain: DomainId, frames: &[u64]) -> Result<u64, Errno> {
        let mut list = frames.to_vec();
        let (mut done, mut at) = (0, 0);
        while at < list.len() {
            let rest = &mut list[at..];
            // SAFETY: as in `populate`.
            let result = unsafe {
                sys::xc_domain_decrease_reservation(
                    self.raw(),
                    domain.into(),
                    rest.len() as u64,
                    0,
                    rest.as_mut_ptr(),
                )
            };
            let count = match self.checked(domain, result) {
                Ok(count) => count.min(rest.len() as u64),
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            };
            done += count;
            // It stopped at a frame that is not there.
            at += count as usize + 1;
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
        self.pages
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
        self.pages
            .write_foreign(domain, frames, data, layout, results)
    }

    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.pages.clear_foreign(domain, frames, results)
    }

    fn enable_log_dirty(&mut self, domain: DomainId) -> Result<(), Errno> {
        let op = numbers::SHADOW_ENABLE_LOGDIRTY;
        // SAFETY: plain numbers; the null pointer is the library's "no size".
        let result =
            unsafe { sys::xc_shadow_control(self.raw(), domain.into(), op, ptr::null_mut(), 0) };
        self.checked(domain, result).map(drop)
    }

    fn disable_log_dirty(&mut self, domain: DomainId) -> Result<(), Errno> {
        let op = numbers::SHADOW_OFF;
        // SAFETY: as above.
        let result =
            unsafe { sys::xc_shadow_control(self.raw(), domain.into(), op, ptr::null_mut(), 0) };
        self.checked(domain, result).map(drop)
    }

    fn peek_dirty(&mut self, domain: DomainId, dirty: &mut PfnBitmap) -> Result<(), Errno> {
        self.log_dirty(domain, numbers::SHADOW_PEEK, dirty)
    }

    fn clean_dirty(&mut self, domain: DomainId, dirty: &mut PfnBitmap) -> Result<(), Errno> {
        self.log_dirty(domain, numbers::SHADOW_CLEAN, dirty)
    }

    fn vcpu_info(&mut self, domain: DomainId, vcpu: u32) -> Result<Vcpu, Errno> {
        let result = self.safe.vcpu_getinfo(domain.into(), vcpu);
        let info = self.safe(domain, result)?;
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
        if bytes > size_of::<sys::vcpu_guest_context_any_t>() {
            return Err(Errno::EINVAL);
        }
        let mut context = Box::new(MaybeUninit::<sys::vcpu_guest_context_any_t>::zeroed());
        // SAFETY: the library fills in the context that the pointer leads to, and no more.
        let result = unsafe {
            sys::xc_vcpu_getcontext(self.raw(), domain.into(), vcpu, context.as_mut_ptr())
        };
        self.checked(domain, result)?;
        let mut out = vec![0; bytes];
        // SAFETY: all of the context is initialised, by zeros at least, and `bytes` is no more than that.
        unsafe { ptr::copy_nonoverlapping(context.as_ptr().cast(), out.as_mut_ptr(), bytes) };
        Ok(out)
    }

    fn set_vcpu_context(
        &mut self,
        domain: DomainId,
        vcpu: u32,
        context: &[u8],
    ) -> Result<(), Errno> {
        if context.len() > size_of::<sys::vcpu_guest_context_any_t>() {
            return Err(Errno::EINVAL);
        }
        let mut whole = Box::new(MaybeUninit::<sys::vcpu_guest_context_any_t>::zeroed());
        // SAFETY: `whole` is no shorter than `context`, and any bytes make a context.
        let result = unsafe {
            ptr::copy_nonoverlapping(context.as_ptr(), whole.as_mut_ptr().cast(), context.len());
            sys::xc_vcpu_setcontext(self.raw(), domain.into(), vcpu, whole.as_mut_ptr())
        };
        self.checked(domain, result).map(drop)
    }

    fn hvm_param(&mut self, domain: DomainId, index: u32) -> Result<u64, Errno> {
        let mut value = 0;
        // SAFETY: the library writes one number.
        let result =
            unsafe { sys::xc_hvm_param_get(self.raw(), domain.into(), index, &raw mut value) };
        self.checked(domain, result).map(|_| value)
    }

    fn set_hvm_param(&mut self, domain: DomainId, index: u32, value: u64) -> Result<(), Errno> {
        // SAFETY: plain numbers.
        let result = unsafe { sys::xc_hvm_param_set(self.raw(), domain.into(), index, value) };
        self.checked(domain, result).map(drop)
    }

    fn hvm_context_size(&mut self, domain: DomainId) -> Result<usize, Errno> {
        // SAFETY: without a buffer the library asks for the size.
        let result =
            unsafe { sys::xc_domain_hvm_getcontext(self.raw(), domain.into(), ptr::null_mut(), 0) };
        self.checked(domain, result).map(|size| size as usize)
    }

    fn hvm_context(&mut self, domain: DomainId, size: usize) -> Result<Vec<u8>, Errno> {
        let mut context = vec![0; size];
        let length = u32::try_from(size).map_err(|_| Errno::E2BIG)?;
        // SAFETY: `context` has `length` bytes.
        let result = unsafe {
            sys::xc_domain_hvm_getcontext(self.raw(), domain.into(), context.as_mut_ptr(), length)
        };
        let used = self.checked(domain, result)? as usize;
        if used > size {
            return Err(Errno::EPROTO);
        }
        context.truncate(used);
        Ok(context)
    }

    fn set_hvm_context(&mut self, domain: DomainId, context: &[u8]) -> Result<(), Errno> {
        let mut context = context.to_vec();
        let length = u32::try_from(context.len()).map_err(|_| Errno::E2BIG)?;
        // SAFETY: `context` has `length` bytes, which the library reads.
        let result = unsafe {
            sys::xc_domain_hvm_setcontext(self.raw(), domain.into(), context.as_mut_ptr(), length)
        };
        self.checked(domain, result).map(drop)
    }

    fn alloc_unbound(&mut self, domain: DomainId, remote: DomainId) -> Result<u32, Errno> {
        // SAFETY: plain numbers.
        let result =
            unsafe { sys::xc_evtchn_alloc_unbound(self.raw(), domain.into(), remote.into()) };
        self.checked(domain, result).map(|port| port as u32)
    }

    fn reset_channels(&mut self, domain: DomainId) -> Result<(), Errno> {
        // SAFETY: plain numbers.
        let result = unsafe { sys::xc_evtchn_reset(self.raw(), domain.into()) };
        self.checked(domain, result).map(drop)
    }
}
