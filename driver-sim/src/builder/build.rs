//! A domain is built, and given work.

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{Errno, HvmParam, Setup};
use ia64save_codec::wire::arch_setup;
use ia64save_generate::Random;

use super::map::Map;
use super::spec::GuestSpec;
use super::{pages, registers};
use crate::hypervisor::{DomId, Era, Host};
use crate::workload::{Pattern, Workload};

impl GuestSpec {
    /// Builds the domain, running.
    ///
    /// # Errors
    /// `ENOSYS` where the host's era has no such guests, `EINVAL` for a specification that makes no
    /// domain, and whatever the hypervisor refuses.
    pub fn build(&self, host: &Host) -> Result<DomId, Errno> {
        let machine = host.machine();
        if !machine.era.dialect().supports(self.guest) {
            return Err(Errno::ENOSYS);
        }
        let map = Map::new(self, machine.era, machine.page_size).ok_or(Errno::EINVAL)?;
        let present = map.present(self, &mut Random::new(self.seed, &[1]));
        let domid = host.create_domain(self.guest, self.vcpus, map.max_pages(self))?;
        let built = self.fill(host, domid, &map, &present);
        if built.is_err() {
            let _ = host.destroy_domain(domid);
        }
        built.map(|()| domid)
    }

    fn fill(&self, host: &Host, domid: DomId, map: &Map, present: &[u64]) -> Result<(), Errno> {
        let machine = host.machine();
        let era: Era = machine.era;
        host.arch_setup(
            domid,
            &Setup {
                flags: match self.guest {
                    Guest::Pv => 0,
                    Guest::Hvm => arch_setup::HVM_GUEST,
                },
                bp: map.start_info.unwrap_or(0) * machine.page_size as u64,
                maxmem: map.end * machine.page_size as u64,
                xsi_va: 0,
                hypercall_imm: 0,
                vhpt_size_log2: 0,
            },
        )?;
        for batch in present.chunks(1 << 16) {
            if let (_, Some(errno)) = host.populate(domid, batch)? {
                return Err(errno);
            }
        }
        for range in &map.io {
            for gpfn in range.clone() {
                host.add_io(domid, gpfn)?;
            }
        }
        pages::write(self, host, domid, map, present)?;
        if self.guest == Guest::Hvm {
            let params = [
                (HvmParam::StorePfn, map.store),
                (HvmParam::IoreqPfn, map.ioreq),
                (HvmParam::BufioreqPfn, map.bufioreq),
                (HvmParam::BufpioreqPfn, map.bufpioreq),
            ];
            for (param, gpfn) in params {
                host.set_hvm_param(domid, param as u64, gpfn)?;
            }
            host.set_hvm_param(domid, HvmParam::StoreEvtchn as u64, 1)?;
        }
        for vcpu in self.online() {
            registers::write(self, host, domid, era, vcpu)?;
        }
        host.unpause(domid)
    }

    /// A workload over the RAM of this domain, apart from the pages that it could not do without.
    ///
    /// # Errors
    /// As [`GuestSpec::build`].
    pub fn workload(&self, host: &Host, pattern: Pattern, rate: u64) -> Result<Workload, Errno> {
        let machine = host.machine();
        let map = Map::new(self, machine.era, machine.page_size).ok_or(Errno::EINVAL)?;
        let ranges = map.workable();
        Ok(Workload::new(pattern, rate, self.seed, ranges))
    }
}
