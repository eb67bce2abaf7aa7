#![allow(unsafe_code)]
use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_xen::transport::*;
use std::os::fd::AsRawFd;
pub struct P(std::fs::File);
impl P {
    pub fn open() -> P {
        P(std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/xen/privcmd")
            .unwrap())
    }
    fn batch(
        &mut self,
        domain: u16,
        frames: &[u64],
        results: &mut [PageResult],
        w: bool,
        mut f: impl FnMut(usize, *mut u8),
    ) -> Result<(), Errno> {
        for start in (0..frames.len()).step_by(1024) {
            let fr = &frames[start..(start + 1024).min(frames.len())];
            unsafe {
                let a = libc::mmap(
                    std::ptr::null_mut(),
                    fr.len() * 4096,
                    if w { 3 } else { 1 },
                    libc::MAP_SHARED,
                    self.0.as_raw_fd(),
                    0,
                );
                let mut errs = vec![0i32; fr.len()];
                #[repr(C)]
                struct B {
                    num: u32,
                    dom: u16,
                    addr: u64,
                    arr: *const u64,
                    err: *mut i32,
                }
                let b = B {
                    num: fr.len() as u32,
                    dom: domain,
                    addr: a as u64,
                    arr: fr.as_ptr(),
                    err: errs.as_mut_ptr(),
                };
                let r = libc::ioctl(self.0.as_raw_fd(), 32 << 16 | 0x50 << 8 | 4, &raw const b);
                if r < 0 {
                    let e = std::io::Error::last_os_error().raw_os_error().unwrap();
                    libc::munmap(a, fr.len() * 4096);
                    return Err(Errno(e));
                }
                for (i, e) in errs.iter().enumerate() {
                    if *e == 0 {
                        results[start + i] = Ok(());
                        f(start + i, a.cast::<u8>().add(i * 4096));
                    } else {
                        results[start + i] = Err(Errno(-*e));
                    }
                }
                libc::munmap(a, fr.len() * 4096);
            }
        }
        Ok(())
    }
}
impl Transport for P {
    fn geometry(&self) -> Geometry {
        Geometry {
            page_size: 4096,
            buffer: 1 << 20,
            batch: 1024,
        }
    }
    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        if !call.is_sound() {
            return Err(Errno::EINVAL);
        }
        for l in call.links {
            let t = call.buffers[l.target].bytes.as_ptr() as u64;
            call.buffers[l.holder].bytes[l.offset..l.offset + 8].copy_from_slice(&t.to_le_bytes());
        }
        let mut h = [call.number, 0, 0, 0, 0, 0];
        for (i, a) in call.arguments.iter().enumerate() {
            h[i + 1] = match a {
                Argument::Value(v) => *v,
                Argument::Buffer(b) => call.buffers[*b].bytes.as_ptr() as u64,
                _ => 0,
            };
        }
        let r = unsafe { libc::ioctl(self.0.as_raw_fd(), 48 << 16 | 0x50 << 8, h.as_ptr()) };
        let e = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        for l in call.links {
            call.buffers[l.holder].bytes[l.offset..l.offset + 8].fill(0);
        }
        if r < 0 { Err(Errno(e)) } else { Ok(r as u64) }
    }
    fn read_foreign(
        &mut self,
        d: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        if !layout.fits(frames.len(), 4096, out.len()) || results.len() != frames.len() {
            return Err(Errno::EINVAL);
        }
        self.batch(d, frames, results, false, |i, p| unsafe {
            std::ptr::copy(p, out[layout.page(i, 4096).unwrap()].as_mut_ptr(), 4096)
        })
    }
    fn write_foreign(
        &mut self,
        d: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.batch(d, frames, results, true, |i, p| unsafe {
            std::ptr::copy(data[layout.page(i, 4096).unwrap()].as_ptr(), p, 4096)
        })
    }
    fn clear_foreign(
        &mut self,
        d: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.batch(d, frames, results, true, |_, p| unsafe {
            std::ptr::write_bytes(p, 0, 4096)
        })
    }
    fn reserve(&mut self, _: usize) -> Result<Region, Errno> {
        Err(Errno::ENOSYS)
    }
    fn read_region(&mut self, _: Region, _: usize, _: &mut [u8]) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }
    fn release(&mut self, _: Region) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }
}
