//! What a domain is to be like.

use std::ops::Range;

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{Errno, HvmParam, Setup};
use ia64save_codec::wire::arch_setup;
use ia64save_codec::wire::memmap::EfiMemoryDesc;

use super::map::Map;
use super::{pages, registers};
use crate::hypervisor::{DomId, Era, Host};
use crate::workload::{Pattern, Workload};
use ia64save_generate::Random;

/// Pages that a guest of 16 KiB pages has for its firmware.
const FIRMWARE_PAGES: u64 = 1024;

/// What is in the memory of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Noise, and now and then a page of zeros.
    Random,
    /// A few bytes at the start of each page, the rest zeros: quick for large domains.
    Marked,
    /// Nothing: all zeros.
    Empty,
}

/// A domain that is to be built.
#[derive(Clone, Debug)]
pub struct GuestSpec {
    /// Paravirtual or fully virtualised.
    pub guest: Guest,
    /// Pages of RAM, without holes and firmware.
    pub pages: u64,
    /// Vcpus.
    pub vcpus: u32,
    /// Those of them that are down; 0 cannot be.
    pub offline: Vec<u32>,
    /// Pfns within RAM that no descriptor covers (PV).
    pub holes: Vec<Range<u64>>,
    /// Pages of RAM that the domain has given back.
    pub ballooned: u64,
    /// Pages of firmware (HVM).
    pub firmware: u64,
    /// What is in memory.
    pub contents: Contents,
    /// What all that is random depends on.
    pub seed: u64,
    /// The memory map, instead of one that fits: descriptors that overlap, or are not aligned to pages.
    pub descriptors: Option<Vec<EfiMemoryDesc>>,
    /// Pages of the memory map.
    pub memmap_pages: u64,
}

impl GuestSpec {
    /// A plain domain with so many pages of memory and one vcpu.
    pub fn new(guest: Guest, pages: u64) -> Self {
        GuestSpec {
            guest,
            pages,
            vcpus: 1,
            offline: Vec::new(),
            holes: Vec::new(),
            ballooned: 0,
            firmware: FIRMWARE_PAGES,
            contents: Contents::Random,
            seed: 1,
            descriptors: None,
            memmap_pages: 1,
        }
    }

    /// The ids of the vcpus that are up.
    pub fn online(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.vcpus).filter(|vcpu| *vcpu == 0 || !self.offline.contains(vcpu))
    }

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
