//! The engine's ports for a domain of x86: the driver's transport below, and what ia64 has and x86 has not
//! made up here.
//!
//! | of ia64 | here |
//! |---|---|
//! | pages of 16384 bytes | 4096 |
//! | vcpu contexts | zeros: all state of an HVM guest of x86 is in its HVM context |
//! | the exposed p2m | which pages can be mapped, found out once; then what is populated and given back |
//! | the memory map | two ranges, as the guest was built |
//! | the setup record | that it is an HVM domain |
//! | `bufpioreq_pfn` | the console's parameter |
//! | the device model's record | the page that suspending writes to, as no log-dirty sees that |

use ia64save_codec::dialect::{Dialect, Guest};
use ia64save_codec::grammar::PageRun;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    Domain, DomainInfo, Errno, HvmParam, P2mEntry, PageResult, Populated, PortCall, PortError,
    Setup, ShutdownReason, SourceDomain, TargetDomain, VcpuInfo,
};
use ia64save_xen::transport::{DomainId, Layout, Transport};

use crate::guest;
use crate::x86::{PAGE, Refused, Shadow, Xen};

/// The dialect that domains of this profile speak: the latest that was built.
pub const DIALECT: Dialect = Dialect::D11;
/// Bytes of a vcpu context in it.
const CONTEXT: usize = 22208;

/// A domain, as source or as target.
pub struct X86Domain<'t> {
    xen: Xen<'t>,
    id: DomainId,
    /// What `read_p2m` tells, while it is exposed.
    p2m: Option<PfnBitmap>,
    /// Log-dirty is on: without it the hypervisor's answers are worth nothing.
    log_dirty: bool,
    /// Pages that only this driver wrote to, since it was asked last.
    written: Vec<u64>,
}

impl<'t> X86Domain<'t> {
    /// A domain that is there.
    pub fn new(transport: &'t mut dyn Transport, id: DomainId) -> Self {
        X86Domain {
            xen: Xen { transport },
            id,
            p2m: None,
            log_dirty: false,
            written: Vec::new(),
        }
    }

    /// Whether log-dirty is on.
    pub fn log_dirty(&self) -> bool {
        self.log_dirty
    }

    /// The bitmap of peek or clean.
    fn dirty(&mut self, call: PortCall, op: Shadow, dirty: &mut PfnBitmap) -> Ported<()> {
        if !self.log_dirty {
            return Err(PortError::new(call, Errno::EINVAL));
        }
        let (bitmap, pages) = self
            .xen
            .dirty(self.id, op, dirty.pfns())
            .map_err(|refused| as_port(call, &refused))?;
        // Fewer pages than asked for: nothing is known of the others.
        if pages < dirty.pfns() {
            return Err(PortError::new(call, Errno::EOVERFLOW));
        }
        for (word, bytes) in dirty.words_mut().iter_mut().zip(bitmap.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Ok(())
    }

    /// Changes what `read_p2m` tells.
    fn note(&mut self, frames: &[u64], present: bool) {
        if let Some(p2m) = &mut self.p2m {
            for frame in frames {
                if present {
                    p2m.insert(*frame);
                } else {
                    p2m.remove(*frame);
                }
            }
        }
    }
}

type Ported<T> = Result<T, PortError>;

fn as_port(call: PortCall, refused: &Refused) -> PortError {
    PortError::new(call, refused.errno)
}

/// The parameter's index on x86.
fn index(param: HvmParam) -> u32 {
    match param {
        HvmParam::BufpioreqPfn => 17,
        param => param as u32,
    }
}

impl Domain for X86Domain<'_> {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    fn page_size(&self) -> usize {
        PAGE
    }

    fn info(&mut self) -> Ported<DomainInfo> {
        let info = self
            .xen
            .info(self.id)
            .map_err(|refused| as_port(PortCall::Info, &refused))?;
        Ok(DomainInfo {
            guest: if info.hvm() { Guest::Hvm } else { Guest::Pv },
            max_vcpu_id: info.max_vcpu_id,
            paused: info.paused(),
            dying: info.dying(),
            shutdown: info.shutdown().map(|reason| match reason {
                0 => ShutdownReason::Poweroff,
                1 => ShutdownReason::Reboot,
                2 => ShutdownReason::Suspend,
                3 => ShutdownReason::Crash,
                other => ShutdownReason::Other(other),
            }),
            tot_pages: info.tot_pages,
            max_pages: info.max_pages,
            shared_info_frame: info.shared_info_frame,
        })
    }

    fn maximum_gpfn(&mut self) -> Ported<u64> {
        self.xen
            .maximum_gpfn(self.id)
            .map(|highest| highest + 1)
            .map_err(|refused| as_port(PortCall::MaximumGpfn, &refused))
    }

    fn expose_p2m(&mut self, _: Option<&[u8]>) -> Ported<()> {
        if self.p2m.is_some() {
            return Err(PortError::new(PortCall::ExposeP2m, Errno::EBUSY));
        }
        let mut p2m = PfnBitmap::new(guest::SHARED_INFO + 1);
        let frames: Vec<u64> = (0..p2m.pfns()).collect();
        for some in frames.chunks(512) {
            let pages = self
                .xen
                .read(self.id, some)
                .map_err(|refused| as_port(PortCall::ExposeP2m, &refused))?;
            for (frame, result) in some.iter().zip(&pages.results) {
                if result.is_ok() {
                    p2m.insert(*frame);
                }
            }
        }
        self.p2m = Some(p2m);
        Ok(())
    }

    fn read_p2m(&mut self, first: u64, entries: &mut [P2mEntry]) -> Ported<()> {
        let Some(p2m) = &self.p2m else {
            return Err(PortError::new(PortCall::ReadP2m, Errno::EINVAL));
        };
        for (pfn, entry) in (first..).zip(entries) {
            *entry = if p2m.contains(pfn) {
                P2mEntry(P2mEntry::PRESENT | P2mEntry::ALLOCATED | pfn << 14)
            } else {
                P2mEntry::EMPTY
            };
        }
        Ok(())
    }

    fn unexpose_p2m(&mut self) -> Ported<()> {
        self.p2m = None;
        Ok(())
    }

    fn read_pages(
        &mut self,
        gpfns: &[u64],
        out: &mut [u8],
        stride: usize,
        at: usize,
        results: &mut [PageResult],
    ) -> Ported<()> {
        self.xen
            .transport
            .read_foreign(self.id, gpfns, out, Layout { at, stride }, results)
            .map_err(|errno| PortError::new(PortCall::ReadPages, errno))
    }

    fn vcpu_info(&mut self, vcpu: u32) -> Ported<VcpuInfo> {
        self.xen
            .vcpu(self.id, vcpu)
            .map(|vcpu| VcpuInfo {
                online: vcpu.online,
            })
            .map_err(|refused| as_port(PortCall::VcpuInfo, &refused))
    }

    fn vcpu_context(&mut self, vcpu: u32) -> Ported<Vec<u8>> {
        self.xen
            .vcpu_context(self.id, vcpu)
            .map(|_| vec![0; CONTEXT])
            .map_err(|refused| as_port(PortCall::VcpuContext, &refused))
    }

    fn pause(&mut self) -> Ported<()> {
        self.xen
            .pause(self.id)
            .map_err(|refused| as_port(PortCall::Pause, &refused))
    }

    fn unpause(&mut self) -> Ported<()> {
        self.xen
            .unpause(self.id)
            .map_err(|refused| as_port(PortCall::Unpause, &refused))
    }

    fn destroy(&mut self) -> Ported<()> {
        self.xen
            .destroy(self.id)
            .map_err(|refused| as_port(PortCall::Destroy, &refused))
    }
}

impl SourceDomain for X86Domain<'_> {
    fn setup(&mut self) -> Ported<Setup> {
        Ok(Setup {
            flags: 3,
            maxmem: guest::FRAMES * PAGE as u64,
            vhpt_size_log2: -1,
            ..Setup::default()
        })
    }

    fn memmap(&mut self) -> Ported<Vec<u8>> {
        let ranges = [0..guest::HOLE.start, guest::HOLE.end..guest::FRAMES];
        let mut map = Vec::new();
        map.extend_from_slice(&(40 * ranges.len() as u64).to_le_bytes());
        map.extend_from_slice(&40u64.to_le_bytes());
        map.extend_from_slice(&1u64.to_le_bytes());
        for range in ranges {
            let conventional = 7;
            let pages = range.end - range.start;
            for word in [conventional, range.start * PAGE as u64, 0, pages, 8] {
                map.extend_from_slice(&word.to_le_bytes());
            }
        }
        map.resize(PAGE, 0);
        Ok(map)
    }

    fn enable_log_dirty(&mut self) -> Ported<()> {
        self.xen
            .shadow(self.id, Shadow::EnableLogDirty)
            .map_err(|refused| as_port(PortCall::EnableLogDirty, &refused))?;
        self.log_dirty = true;
        Ok(())
    }

    fn disable_log_dirty(&mut self) -> Ported<()> {
        if self.log_dirty {
            self.xen
                .shadow(self.id, Shadow::Off)
                .map_err(|refused| as_port(PortCall::DisableLogDirty, &refused))?;
            self.log_dirty = false;
        }
        Ok(())
    }

    fn peek_dirty(&mut self, dirty: &mut PfnBitmap) -> Ported<()> {
        self.dirty(PortCall::PeekDirty, Shadow::Peek, dirty)
    }

    fn clean_dirty(&mut self, dirty: &mut PfnBitmap) -> Ported<()> {
        self.dirty(PortCall::CleanDirty, Shadow::Clean, dirty)
    }

    fn device_model_dirty(&mut self, dirty: &mut PfnBitmap) -> Ported<()> {
        for pfn in self.written.drain(..) {
            dirty.insert(pfn);
        }
        Ok(())
    }

    fn suspend(&mut self) -> Ported<()> {
        self.written.push(guest::MAIL);
        match guest::suspend(&mut self.xen, self.id) {
            Ok(_) => Ok(()),
            Err(failure) => {
                println!("suspend: {failure}");
                Err(PortError::new(PortCall::Suspend, Errno::ETIMEDOUT))
            }
        }
    }

    fn resume(&mut self) -> Ported<()> {
        self.xen
            .resume(self.id)
            .map_err(|refused| as_port(PortCall::Resume, &refused))
    }

    fn hvm_param(&mut self, param: HvmParam) -> Ported<u64> {
        self.xen
            .param(self.id, index(param))
            .map_err(|refused| as_port(PortCall::HvmParam, &refused))
    }

    fn hvm_context_size(&mut self) -> Ported<usize> {
        self.xen
            .context_size(self.id)
            .map(|size| size as usize)
            .map_err(|refused| as_port(PortCall::HvmContextSize, &refused))
    }

    fn hvm_context(&mut self, size: usize) -> Ported<Vec<u8>> {
        self.xen
            .context(self.id, size as u32)
            .map_err(|refused| as_port(PortCall::HvmContext, &refused))
    }
}

impl TargetDomain for X86Domain<'_> {
    fn set_setup(&mut self, setup: &Setup) -> Ported<()> {
        if setup.flags & 1 == 1 {
            Ok(())
        } else {
            Err(PortError::new(PortCall::SetSetup, Errno::EINVAL))
        }
    }

    fn populate(&mut self, gpfns: &[u64]) -> Ported<Populated> {
        let done = self
            .xen
            .populate(self.id, gpfns, 0)
            .map_err(|refused| as_port(PortCall::Populate, &refused))?;
        self.note(&gpfns[..done as usize], true);
        Ok(Populated {
            done,
            // The hypervisor says how many, never why not more.
            error: (done < gpfns.len() as u64).then_some(Errno::ENOMEM),
        })
    }

    fn decrease_reservation(&mut self, gpfns: &[u64]) -> Ported<u64> {
        let mut taken = 0;
        // One by one: of several, the hypervisor stops at the first that is not there.
        for gpfn in gpfns {
            let done = self
                .xen
                .decrease(self.id, &[*gpfn])
                .map_err(|refused| as_port(PortCall::DecreaseReservation, &refused))?;
            if done == 1 {
                self.note(&[*gpfn], false);
            }
            taken += done;
        }
        Ok(taken)
    }

    fn write_pages(&mut self, run: PageRun<'_>, results: &mut [PageResult]) -> Ported<()> {
        let gpfns: Vec<u64> = run.gmfns().collect();
        let layout = Layout {
            at: 8,
            stride: run.stride(),
        };
        self.xen
            .transport
            .write_foreign(self.id, &gpfns, run.bytes(), layout, results)
            .map_err(|errno| PortError::new(PortCall::WritePages, errno))
    }

    fn clear_pages(&mut self, gpfns: &[u64]) -> Ported<()> {
        let results = self
            .xen
            .clear(self.id, gpfns)
            .map_err(|refused| as_port(PortCall::ClearPages, &refused))?;
        match results.into_iter().find_map(Result::err) {
            Some(errno) => Err(PortError::new(PortCall::ClearPages, errno)),
            None => Ok(()),
        }
    }

    fn set_vcpu_context(&mut self, vcpu: u32, context: &[u8]) -> Ported<()> {
        let call = PortCall::SetVcpuContext;
        if context.len() != CONTEXT {
            return Err(PortError::new(call, Errno::EINVAL));
        }
        self.xen
            .vcpu(self.id, vcpu)
            .map(|_| ())
            .map_err(|refused| as_port(call, &refused))
    }

    fn set_hvm_param(&mut self, param: HvmParam, value: u64) -> Ported<()> {
        self.xen
            .set_param(self.id, index(param), value)
            .map_err(|refused| as_port(PortCall::SetHvmParam, &refused))
    }

    fn set_hvm_context(&mut self, context: &[u8]) -> Ported<()> {
        self.xen
            .set_context(self.id, context)
            .map_err(|refused| as_port(PortCall::SetHvmContext, &refused))
    }
}
