//! The p2m and the memory map that it is exposed with.

use ia64save_codec::transfer::ports::{Errno, P2mEntry};
use ia64save_codec::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use ia64save_codec::wire::{Wire, layout_of_shared_info};

use crate::fields::Fields;
use crate::hypervisor::count::Op;
use crate::hypervisor::domain::Domain;
use crate::hypervisor::era::Era;
use crate::hypervisor::host::{DomId, Host};
use crate::hypervisor::places::shared_info_frame;

impl Host {
    /// Makes the p2m readable by [`Host::read_p2m`]. From version 2 on the memory map comes with it.
    pub fn expose_p2m(&self, domid: DomId, memmap: Option<&[u8]>) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ExposeP2m);
        let machine = state.machine;
        let domain = state.domain(domid)?;
        if domain.exposed {
            return Err(Errno::EBUSY);
        }
        if machine.era.dialect().spec().version.has_memmap() {
            let memmap = memmap.ok_or(Errno::EINVAL)?;
            check_memmap(memmap, machine.page_size, domain.setup.convmem_end)?;
        }
        domain.exposed = true;
        Ok(())
    }

    /// Entries of an exposed p2m. No call: it is memory that is shared.
    pub fn read_p2m(
        &self,
        domid: DomId,
        first: u64,
        entries: &mut [P2mEntry],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        let domain = state.any_domain(domid)?;
        if !domain.exposed {
            return Err(Errno::EFAULT);
        }
        domain.memory.entries(first, entries);
        Ok(())
    }

    /// What the hypervisor itself knows of the p2m: `getmemlist` answers by it.
    pub fn p2m(&self, domid: DomId, first: u64, entries: &mut [P2mEntry]) -> Result<(), Errno> {
        self.state().domain(domid)?.memory.entries(first, entries);
        Ok(())
    }

    /// Undoes [`Host::expose_p2m`].
    pub fn unexpose_p2m(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::UnexposeP2m);
        let domain = state.any_domain(domid)?;
        if !domain.exposed {
            return Err(Errno::EINVAL);
        }
        domain.exposed = false;
        state.reap(domid);
        Ok(())
    }

    /// The memory map: from 3.4 on by a call of its own, before from the guest's page. What lies
    /// behind the descriptors is the guest's, or from 3.4 on nothing.
    pub fn memmap(&self, domid: DomId) -> Result<Vec<u8>, Errno> {
        let mut state = self.state();
        state.count(Op::GetMemmap);
        let machine = state.machine;
        let domain = state.domain(domid)?;
        let (pfn, pages) = memmap_place(machine.era, domain).ok_or(Errno::ENODATA)?;
        let mut memmap = Vec::new();
        for pfn in pfn..pfn + pages {
            memmap.extend_from_slice(domain.memory.page(pfn).ok_or(Errno::EINVAL)?);
        }
        if machine.era.tells_memmap() {
            let used = MemmapInfo::parse(&memmap).map_or(0, |info| {
                MemmapInfo::SIZE.saturating_add(info.efi_memmap_size as usize)
            });
            if let Some(rest) = memmap.get_mut(used..) {
                rest.fill(0);
            }
        }
        Ok(memmap)
    }
}

/// Where the memory map is, and its pages.
fn memmap_place(era: Era, domain: &Domain) -> Option<(u64, u64)> {
    let page = domain.memory.page(shared_info_frame(era))?;
    let info = Fields::new(layout_of_shared_info(era.shared_info()), page);
    match info.get("arch.memmap_info_pfn") {
        Some(pfn) if pfn != 0 => Some((pfn, info.word("arch.memmap_info_num_pages"))),
        _ => domain.memmap,
    }
}

/// What dom0's kernel and the hypervisor ask of a memory map (spec 4.5): sizes that fit together, a
/// lowest descriptor that is aligned and not empty, an end within what page table pages reach.
fn check_memmap(memmap: &[u8], page_size: usize, convmem_end: u64) -> Result<(), Errno> {
    let info = MemmapInfo::parse(memmap).ok_or(Errno::EINVAL)?;
    let (size, stride) = (info.efi_memmap_size, info.efi_memdesc_size);
    let room = (memmap.len() - MemmapInfo::SIZE) as u64;
    if stride < EfiMemoryDesc::SIZE as u64
        || size < stride
        || !size.is_multiple_of(stride)
        || size > room
    {
        return Err(Errno::EINVAL);
    }
    let table = &memmap[MemmapInfo::SIZE..][..size as usize];
    let descriptors = || {
        table
            .chunks_exact(stride as usize)
            .filter_map(EfiMemoryDesc::parse)
    };
    let lowest = descriptors().min_by_key(|descriptor| descriptor.phys_addr);
    if lowest.is_none_or(|lowest| lowest.phys_addr % 4096 != 0 || lowest.num_pages == 0) {
        return Err(Errno::EINVAL);
    }
    // As many bytes as one page of page table entries maps.
    let unit = (page_size as u64 / 8 * page_size as u64).max(1);
    let end = descriptors().max_by_key(|descriptor| descriptor.phys_addr);
    let end = end.and_then(|last| last.end()).ok_or(Errno::EINVAL)?;
    let limit = convmem_end.checked_next_multiple_of(unit);
    if limit.is_some_and(|limit| end > limit) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}
