//! What saving and restoring have in common.

use ia64save_codec::grammar::PageRun;
use ia64save_codec::transfer::ports::{
    Domain, DomainInfo, P2mEntry, PageResult, PortCall, PortError, ShutdownReason, VcpuInfo,
};
use ia64save_codec::{Dialect, Era, Guest};

use super::{XenDomain, failed};
use crate::abi::domctl;
use crate::hypervisor::{Hypervisor, Info};
use crate::machine::Machine;
use crate::transport::Layout;

/// What the hypervisor's flags say.
pub(super) fn domain_info(info: &Info) -> DomainInfo {
    let has = |flag| info.flags & flag != 0;
    DomainInfo {
        guest: if has(domctl::HVM) {
            Guest::Hvm
        } else {
            Guest::Pv
        },
        max_vcpu_id: info.max_vcpu_id,
        paused: has(domctl::PAUSED),
        dying: has(domctl::DYING),
        shutdown: has(domctl::SHUTDOWN).then(|| reason((info.flags >> domctl::REASON_SHIFT) as u8)),
        tot_pages: info.tot_pages,
        max_pages: info.max_pages,
        shared_info_frame: info.shared_info_frame,
    }
}

fn reason(number: u8) -> ShutdownReason {
    match number {
        0 => ShutdownReason::Poweroff,
        1 => ShutdownReason::Reboot,
        2 => ShutdownReason::Suspend,
        3 => ShutdownReason::Crash,
        other => ShutdownReason::Other(other),
    }
}

impl<H: Hypervisor, M: Machine<H>> Domain for XenDomain<H, M> {
    fn dialect(&self) -> Dialect {
        self.machine.dialect()
    }

    fn era(&self) -> Era {
        self.machine.era()
    }

    fn page_size(&self) -> usize {
        self.xen.page_size()
    }

    fn info(&mut self) -> Result<DomainInfo, PortError> {
        let info = self.asked().map_err(failed(PortCall::Info))?;
        Ok(domain_info(&info))
    }

    fn maximum_gpfn(&mut self) -> Result<u64, PortError> {
        let failed = failed(PortCall::MaximumGpfn);
        let info = self.asked().map_err(&failed)?;
        self.machine
            .maximum_gpfn(&mut self.xen, &info)
            .map_err(failed)
    }

    fn expose_p2m(&mut self, memmap: Option<&[u8]>) -> Result<(), PortError> {
        let failed = failed(PortCall::ExposeP2m);
        let info = self.asked().map_err(&failed)?;
        self.machine
            .expose_p2m(&mut self.xen, &info, memmap)
            .map_err(failed)
    }

    fn read_p2m(&mut self, first: u64, entries: &mut [P2mEntry]) -> Result<(), PortError> {
        self.machine
            .read_p2m(&mut self.xen, self.domain, first, entries)
            .map_err(failed(PortCall::ReadP2m))
    }

    fn unexpose_p2m(&mut self) -> Result<(), PortError> {
        self.machine
            .unexpose_p2m(&mut self.xen)
            .map_err(failed(PortCall::UnexposeP2m))
    }

    fn read_pages(
        &mut self,
        gpfns: &[u64],
        out: &mut [u8],
        stride: usize,
        at: usize,
        results: &mut [PageResult],
    ) -> Result<(), PortError> {
        let failed = failed(PortCall::ReadPages);
        let frames = self
            .machine
            .frames(&mut self.xen, self.domain, gpfns)
            .map_err(&failed)?;
        let layout = Layout { at, stride };
        self.xen
            .read_foreign(self.domain, &frames, out, layout, results)
            .map_err(failed)
    }

    fn vcpu_info(&mut self, vcpu: u32) -> Result<VcpuInfo, PortError> {
        let info = self
            .xen
            .vcpu_info(self.domain, vcpu)
            .map_err(failed(PortCall::VcpuInfo))?;
        Ok(VcpuInfo {
            online: info.online,
        })
    }

    fn vcpu_context(&mut self, vcpu: u32) -> Result<Vec<u8>, PortError> {
        self.machine
            .vcpu_context(&mut self.xen, self.domain, vcpu)
            .map_err(failed(PortCall::VcpuContext))
    }

    fn write_pages(
        &mut self,
        run: PageRun<'_>,
        results: &mut [PageResult],
    ) -> Result<(), PortError> {
        let failed = failed(PortCall::WritePages);
        let gpfns: Vec<u64> = run.gmfns().collect();
        let frames = self
            .machine
            .frames(&mut self.xen, self.domain, &gpfns)
            .map_err(&failed)?;
        // A record is its gmfn and its page.
        let layout = Layout {
            at: 8,
            stride: run.stride(),
        };
        self.xen
            .write_foreign(self.domain, &frames, run.bytes(), layout, results)
            .map_err(failed)
    }

    fn set_vcpu_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), PortError> {
        self.machine
            .set_vcpu_context(&mut self.xen, self.domain, vcpu, context)
            .map_err(failed(PortCall::SetVcpuContext))
    }

    fn pause(&mut self) -> Result<(), PortError> {
        self.xen.pause(self.domain).map_err(failed(PortCall::Pause))
    }

    fn unpause(&mut self) -> Result<(), PortError> {
        self.xen
            .unpause(self.domain)
            .map_err(failed(PortCall::Unpause))
    }

    fn destroy(&mut self) -> Result<(), PortError> {
        self.xen
            .destroy(self.domain)
            .map_err(failed(PortCall::Destroy))
    }
}
