//! Ports over the driver and a simulated kernel, in the place of driver-sim's own, with the same names:
//! the suites of `driver-sim/tests` run over either.

use ia64save_codec::grammar::PageRun;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    Domain, DomainInfo, Errno, HvmParam, Introduction, P2mEntry, PageResult, Populated, PortError,
    Setup, SourceDomain, TargetDomain, VcpuInfo, WaysBack,
};
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::ports::Journal;
use ia64save_sim::{DomId, Era, Host, Registers};
use ia64save_xen::XenDomain;
use ia64save_xen::fake::FakeToolstack;
use ia64save_xen::hypervisor::{Direct, Hypervisor, Info, probe};
use ia64save_xen::machine::{Ia64, Machine};
use ia64save_xen::transport::DomainId;

use crate::way::{self, Way};

type Hyper = Direct<Way>;

/// Itanium, but for hosts with pages that are shorter than any real ones: there shared_info has no room
/// to say where the memory map is, and the host itself is asked.
pub struct AnyPages {
    ia64: Ia64,
    host: Host,
}

impl Machine<Hyper> for AnyPages {
    fn dialect(&self) -> Dialect {
        Machine::<Hyper>::dialect(&self.ia64)
    }

    fn era(&self) -> ia64save_codec::Era {
        Machine::<Hyper>::era(&self.ia64)
    }

    fn maximum_gpfn(&mut self, xen: &mut Hyper, info: &Info) -> Result<u64, Errno> {
        self.ia64.maximum_gpfn(xen, info)
    }

    fn expose_p2m(
        &mut self,
        xen: &mut Hyper,
        info: &Info,
        memmap: Option<&[u8]>,
    ) -> Result<(), Errno> {
        self.ia64.expose_p2m(xen, info, memmap)
    }

    fn read_p2m(
        &mut self,
        xen: &mut Hyper,
        domain: DomainId,
        first: u64,
        entries: &mut [P2mEntry],
    ) -> Result<(), Errno> {
        self.ia64.read_p2m(xen, domain, first, entries)
    }

    fn unexpose_p2m(&mut self, xen: &mut Hyper) -> Result<(), Errno> {
        self.ia64.unexpose_p2m(xen)
    }

    fn frames(
        &mut self,
        xen: &mut Hyper,
        domain: DomainId,
        gpfns: &[u64],
    ) -> Result<Vec<u64>, Errno> {
        self.ia64.frames(xen, domain, gpfns)
    }

    fn setup(&mut self, xen: &mut Hyper, domain: DomainId) -> Result<Setup, Errno> {
        self.ia64.setup(xen, domain)
    }

    fn set_setup(&mut self, xen: &mut Hyper, domain: DomainId, setup: &Setup) -> Result<(), Errno> {
        self.ia64.set_setup(xen, domain, setup)
    }

    fn memmap(&mut self, xen: &mut Hyper, info: &Info) -> Result<Vec<u8>, Errno> {
        if xen.page_size() >= 16384 {
            self.ia64.memmap(xen, info)
        } else {
            use ia64save_codec::transfer::ports::PortCall;
            match self.host.strike(PortCall::Memmap) {
                Some(fault) => Err(fault.errno),
                None => self.host.memmap(info.domain.into()),
            }
        }
    }

    fn vcpu_context(
        &mut self,
        xen: &mut Hyper,
        domain: DomainId,
        vcpu: u32,
    ) -> Result<Vec<u8>, Errno> {
        self.ia64.vcpu_context(xen, domain, vcpu)
    }

    fn set_vcpu_context(
        &mut self,
        xen: &mut Hyper,
        domain: DomainId,
        vcpu: u32,
        context: &[u8],
    ) -> Result<(), Errno> {
        self.ia64.set_vcpu_context(xen, domain, vcpu, context)
    }

    fn rbs_voff(&mut self, xen: &mut Hyper) -> Result<Option<u64>, Errno> {
        use ia64save_codec::transfer::ports::PortCall;
        if let Some(fault) = self.host.strike(PortCall::RbsVoff) {
            return Err(fault.errno);
        }
        match self.host.machine().registers {
            Registers::Real => self.ia64.rbs_voff(xen),
            // Such a host shows what it was given.
            Registers::Verbatim => Ok(None),
        }
    }

    fn leftover(&self) -> Option<DomainId> {
        Machine::<Hyper>::leftover(&self.ia64)
    }

    fn logs_device_model(&mut self, xen: &mut Hyper, domain: DomainId) -> Result<bool, Errno> {
        self.ia64.logs_device_model(xen, domain)
    }
}

/// Whether hypercalls reach a host of that era: before 3.0.3 there was no domctl.
#[allow(dead_code)] // not every suite asks
pub fn reach(era: Era) -> bool {
    era.dialect() > Dialect::D0
}

/// Whether a suspended domain of that era can go on: before 3.1 there was no call for it.
#[allow(dead_code)]
pub fn can_resume(era: Era) -> bool {
    era.has_resume()
}

/// An era of the dialect whose suspended domains can go on.
#[allow(dead_code)]
pub fn era(dialect: Dialect) -> Era {
    match dialect {
        Dialect::D1b => "xen-3.1".parse().expect("a release"),
        dialect => dialect.into(),
    }
}

fn hypervisor(host: &Host) -> Hyper {
    let mut transport = way::open(host);
    let counted = host.counts();
    let release = probe(&mut transport).expect("a host of a known release");
    assert_eq!(counted, host.counts(), "probing asks the kernel alone");
    let dialect = host.machine().era.dialect();
    let release = release
        .speaking(dialect)
        .expect("a dialect of that release");
    Direct::new(transport, release)
}

fn domain(host: &Host, domid: DomId) -> XenDomain<Hyper, AnyPages> {
    let machine = AnyPages {
        ia64: Ia64::new(host.machine().era.meaning()),
        host: host.clone(),
    };
    XenDomain::new(hypervisor(host), machine, domid as DomainId)
        .with_toolstack(FakeToolstack::new(host))
        // Simulated time passes while the guest is asked.
        .with_patience(std::time::Duration::ZERO)
}

/// A domain that is saved.
pub struct SimSource {
    xen: XenDomain<Hyper, AnyPages>,
}

impl SimSource {
    /// The port of a domain.
    pub fn new(host: &Host, domid: DomId) -> Self {
        SimSource {
            xen: domain(host, domid),
        }
    }
}

/// A domain that is restored, and what was done to it.
pub struct SimTarget {
    xen: XenDomain<Hyper, AnyPages>,
    host: Host,
    journal: Journal,
}

impl SimTarget {
    /// Creates a domain by hypercalls.
    pub fn create(host: &Host, guest: Guest, vcpus: u32, max_pages: u64) -> Result<Self, Errno> {
        let mut xen = hypervisor(host);
        let domid = xen.create_domain(guest == Guest::Hvm, [7; 16])?;
        xen.set_max_vcpus(domid, vcpus)?;
        xen.set_max_mem(domid, max_pages * (host.machine().page_size as u64) / 1024)?;
        Ok(SimTarget::new(host, domid.into()))
    }

    /// The port of a domain that is there already.
    pub fn new(host: &Host, domid: DomId) -> Self {
        SimTarget {
            xen: domain(host, domid),
            host: host.clone(),
            journal: Journal::default(),
        }
    }

    /// Its number.
    pub fn domid(&self) -> DomId {
        self.xen.domain().into()
    }

    /// Its host.
    #[allow(dead_code)]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What was done to it.
    #[allow(dead_code)]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}

macro_rules! domain {
    ($port:ty, $set:expr, $destroyed:expr) => {
        impl Domain for $port {
            fn dialect(&self) -> Dialect {
                self.xen.dialect()
            }
            fn era(&self) -> ia64save_codec::Era {
                self.xen.era()
            }
            fn page_size(&self) -> usize {
                self.xen.page_size()
            }
            fn info(&mut self) -> Result<DomainInfo, PortError> {
                self.xen.info()
            }
            fn maximum_gpfn(&mut self) -> Result<u64, PortError> {
                self.xen.maximum_gpfn()
            }
            fn expose_p2m(&mut self, memmap: Option<&[u8]>) -> Result<(), PortError> {
                self.xen.expose_p2m(memmap)
            }
            fn read_p2m(&mut self, first: u64, entries: &mut [P2mEntry]) -> Result<(), PortError> {
                self.xen.read_p2m(first, entries)
            }
            fn unexpose_p2m(&mut self) -> Result<(), PortError> {
                self.xen.unexpose_p2m()
            }
            fn read_pages(
                &mut self,
                gpfns: &[u64],
                out: &mut [u8],
                stride: usize,
                at: usize,
                results: &mut [PageResult],
            ) -> Result<(), PortError> {
                self.xen.read_pages(gpfns, out, stride, at, results)
            }
            fn vcpu_info(&mut self, vcpu: u32) -> Result<VcpuInfo, PortError> {
                self.xen.vcpu_info(vcpu)
            }
            fn vcpu_context(&mut self, vcpu: u32) -> Result<Vec<u8>, PortError> {
                self.xen.vcpu_context(vcpu)
            }
            fn write_pages(
                &mut self,
                run: PageRun<'_>,
                results: &mut [PageResult],
            ) -> Result<(), PortError> {
                self.xen.write_pages(run, results)
            }
            fn set_vcpu_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), PortError> {
                #[allow(clippy::redundant_closure_call)]
                $set(self, vcpu, context);
                self.xen.set_vcpu_context(vcpu, context)
            }
            fn pause(&mut self) -> Result<(), PortError> {
                self.xen.pause()
            }
            fn unpause(&mut self) -> Result<(), PortError> {
                self.xen.unpause()
            }
            fn destroy(&mut self) -> Result<(), PortError> {
                self.xen.destroy()?;
                #[allow(clippy::redundant_closure_call)]
                $destroyed(self);
                Ok(())
            }
        }
    };
}

domain!(
    SimSource,
    |_: &mut SimSource, _: u32, _: &[u8]| (),
    |_: &mut SimSource| ()
);
domain!(
    SimTarget,
    |target: &mut SimTarget, vcpu: u32, context: &[u8]| target
        .journal
        .vcpus_set
        .push((vcpu, context.to_vec())),
    |target: &mut SimTarget| target.journal.destroyed = true
);

impl SourceDomain for SimSource {
    fn setup(&mut self) -> Result<Setup, PortError> {
        self.xen.setup()
    }
    fn memmap(&mut self) -> Result<Vec<u8>, PortError> {
        self.xen.memmap()
    }
    fn enable_log_dirty(&mut self) -> Result<(), PortError> {
        self.xen.enable_log_dirty()
    }
    fn disable_log_dirty(&mut self) -> Result<(), PortError> {
        self.xen.disable_log_dirty()
    }
    fn peek_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.xen.peek_dirty(dirty)
    }
    fn clean_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.xen.clean_dirty(dirty)
    }
    fn device_model_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.xen.device_model_dirty(dirty)
    }
    fn suspend(&mut self) -> Result<(), PortError> {
        self.xen.suspend()
    }
    fn resume(&mut self) -> Result<(), PortError> {
        self.xen.resume()
    }
    fn ways_back(&mut self) -> Result<WaysBack, PortError> {
        self.xen.ways_back()
    }
    fn reset_channels(&mut self) -> Result<(u32, u32), PortError> {
        self.xen.reset_channels()
    }
    fn introduce(&mut self, introduction: &Introduction) -> Result<(), PortError> {
        self.xen.introduce(introduction)
    }
    fn hvm_param(&mut self, param: HvmParam) -> Result<u64, PortError> {
        self.xen.hvm_param(param)
    }
    fn hvm_context_size(&mut self) -> Result<usize, PortError> {
        self.xen.hvm_context_size()
    }
    fn hvm_context(&mut self, size: usize) -> Result<Vec<u8>, PortError> {
        self.xen.hvm_context(size)
    }
}

impl TargetDomain for SimTarget {
    fn set_setup(&mut self, setup: &Setup) -> Result<(), PortError> {
        self.xen.set_setup(setup)?;
        self.journal.setup = Some(*setup);
        Ok(())
    }

    fn populate(&mut self, gpfns: &[u64]) -> Result<Populated, PortError> {
        let populated = self.xen.populate(gpfns)?;
        for gpfn in &gpfns[..populated.done as usize] {
            match self.journal.populated.last_mut() {
                Some(range) if range.end == *gpfn => range.end += 1,
                _ => self.journal.populated.push(*gpfn..gpfn + 1),
            }
        }
        Ok(populated)
    }

    fn decrease_reservation(&mut self, gpfns: &[u64]) -> Result<u64, PortError> {
        let there = |gpfn: &u64| {
            let mut entry = [P2mEntry::EMPTY];
            let looked = self.host.p2m(self.xen.domain().into(), *gpfn, &mut entry);
            looked.is_ok() && entry[0].is_present()
        };
        let here: Vec<u64> = gpfns.iter().copied().filter(there).collect();
        let done = self.xen.decrease_reservation(gpfns)?;
        assert_eq!(done, here.len() as u64);
        self.journal.decreased.extend(here);
        Ok(done)
    }

    fn clear_pages(&mut self, gpfns: &[u64]) -> Result<(), PortError> {
        self.xen.clear_pages(gpfns)?;
        self.journal.cleared.extend(gpfns);
        Ok(())
    }

    fn rbs_voff(&mut self) -> Result<Option<u64>, PortError> {
        self.xen.rbs_voff()
    }

    fn set_hvm_param(&mut self, param: HvmParam, value: u64) -> Result<(), PortError> {
        self.xen.set_hvm_param(param, value)?;
        self.journal.hvm_params.push((param, value));
        Ok(())
    }

    fn set_hvm_context(&mut self, context: &[u8]) -> Result<(), PortError> {
        self.xen.set_hvm_context(context)?;
        self.journal.hvm_context = Some(context.to_vec());
        Ok(())
    }
}
