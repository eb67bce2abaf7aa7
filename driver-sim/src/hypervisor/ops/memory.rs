//! Memory: given, taken, mapped, copied.

use ia64save_codec::transfer::ports::{Errno, PageResult};

use crate::hypervisor::count::Op;
use crate::hypervisor::domain::Domain;
use crate::hypervisor::era::Era;
use crate::hypervisor::host::{DomId, Host};

impl Host {
    /// Gives a domain memory at these gpfns, in order, as far as its limit and the machine's memory
    /// go: how many are there, and why not more. A gpfn that has a page already is done.
    pub fn populate(&self, domid: DomId, gpfns: &[u64]) -> Result<(u64, Option<Errno>), Errno> {
        let mut state = self.state();
        state.count(Op::PopulatePhysmap);
        let mut free = state.free_pages();
        let bound = Domain::memory_bound(state.machine.era);
        let domain = state.domain(domid)?;
        for (done, gpfn) in gpfns.iter().enumerate() {
            if *gpfn >= bound {
                return Ok((done as u64, Some(Errno::EINVAL)));
            }
            if domain.memory.entry(*gpfn).is_allocated() {
                continue;
            }
            if domain.memory.pages() >= domain.max_pages || free == 0 {
                return Ok((done as u64, Some(Errno::ENOMEM)));
            }
            free -= u64::from(domain.memory.add(*gpfn));
        }
        Ok((gpfns.len() as u64, None))
    }

    /// Takes memory away: how many pages. A hole counts as none.
    pub fn decrease_reservation(&self, domid: DomId, gpfns: &[u64]) -> Result<u64, Errno> {
        let mut state = self.state();
        state.count(Op::DecreaseReservation);
        let domain = state.domain(domid)?;
        let taken = gpfns.iter().filter(|gpfn| domain.memory.remove(**gpfn));
        Ok(taken.count() as u64)
    }

    /// Those of some gpfns that have memory. No call: for records of what a tool did.
    pub(crate) fn populated(&self, domid: DomId, gpfns: &[u64]) -> Vec<u64> {
        let mut state = self.state();
        let Ok(domain) = state.domain(domid) else {
            return Vec::new();
        };
        let here = gpfns.iter().copied();
        here.filter(|gpfn| domain.memory.entry(*gpfn).is_present())
            .collect()
    }

    /// The result of `XENMEM_maximum_gpfn` as the era gives it: up to 3.2 one more than the highest
    /// gpfn, from 3.3 (8b74529532) on the highest gpfn.
    pub fn maximum_gpfn(&self, domid: DomId) -> Result<u64, Errno> {
        let mut state = self.state();
        state.count(Op::MaximumGpfn);
        let era = state.machine.era;
        let end = state.domain(domid)?.gpfn_end(era);
        Ok(if era.names_highest_gpfn() {
            end.saturating_sub(1)
        } else {
            end
        })
    }

    /// Maps pages of a domain: which of them worked. Each that did is held until
    /// [`Host::unmap_pages`]. Success does not mean that every page is there.
    pub fn map_pages(
        &self,
        domid: DomId,
        gpfns: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::MapPages);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        for (gpfn, result) in gpfns.iter().zip(results) {
            *result = mappable(era, domain, *gpfn);
            domain.mapped_pages += u64::from(result.is_ok());
        }
        Ok(())
    }

    /// Unmaps as many pages as were mapped.
    pub fn unmap_pages(&self, domid: DomId, pages: u64) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::UnmapPages);
        let domain = state.any_domain(domid)?;
        if pages > domain.mapped_pages {
            return Err(Errno::EINVAL);
        }
        domain.mapped_pages -= pages;
        state.reap(domid);
        Ok(())
    }

    /// Reads a page that is mapped. No call, but memory that is shared.
    pub fn read_mapped(&self, domid: DomId, gpfn: u64, out: &mut [u8]) -> Result<(), Errno> {
        let mut state = self.state();
        state.counts.pages_read += 1;
        let page = state.any_domain(domid)?.memory.page(gpfn);
        let page = page.ok_or(Errno::EFAULT)?;
        out.get_mut(..page.len())
            .ok_or(Errno::EFAULT)?
            .copy_from_slice(page);
        Ok(())
    }

    /// Writes to a page that is mapped. Log-dirty does not see it.
    pub fn write_mapped(
        &self,
        domid: DomId,
        gpfn: u64,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        state.counts.pages_written += 1;
        let page = state.any_domain(domid)?.memory.page_mut(gpfn);
        page.and_then(|page| page.get_mut(at..at.checked_add(bytes.len())?))
            .ok_or(Errno::EFAULT)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// Maps pages, copies them out, and unmaps them: page `gpfns[i]` to the bytes behind `at` of the
    /// `i`-th stretch of `stride` bytes.
    pub fn read_pages(
        &self,
        domid: DomId,
        gpfns: &[u64],
        out: &mut [u8],
        (stride, at): (usize, usize),
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::MapPages);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        let mut read = 0;
        let places = out.chunks_mut(stride.max(1));
        for ((gpfn, result), place) in gpfns.iter().zip(results).zip(places) {
            *result = mappable(era, domain, *gpfn);
            let Some(page) = domain.memory.page(*gpfn).filter(|_| result.is_ok()) else {
                continue;
            };
            let place = place.get_mut(at..at + page.len()).ok_or(Errno::EFAULT)?;
            place.copy_from_slice(page);
            read += 1;
        }
        state.counts.pages_read += read;
        state.count(Op::UnmapPages);
        Ok(())
    }

    /// Maps pages, copies them in, and unmaps them.
    pub fn write_pages<'a>(
        &self,
        domid: DomId,
        pages: impl Iterator<Item = (u64, &'a [u8])>,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::MapPages);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        let mut written = 0;
        for ((gpfn, content), result) in pages.zip(results) {
            *result = mappable(era, domain, gpfn);
            let Some(page) = domain.memory.page_mut(gpfn).filter(|_| result.is_ok()) else {
                continue;
            };
            page.copy_from_slice(content);
            written += 1;
        }
        state.counts.pages_written += written;
        state.count(Op::UnmapPages);
        Ok(())
    }
}

/// Whether a tool can map a page: memory, and in version 1 whatever else is there.
fn mappable(era: Era, domain: &Domain, gpfn: u64) -> PageResult {
    let entry = domain.memory.entry(gpfn);
    let old = !era.dialect().spec().version.has_memmap();
    if entry.is_present() || (old && entry.is_mapped()) {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}
