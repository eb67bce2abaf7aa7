//! What tools can do to domains.
//!
//! Each operation is one call as a tool makes it: it is counted once, however many pages it moves.

use std::sync::Arc;
use std::time::Duration;

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    DomainInfo, Errno, P2mEntry, PageResult, Setup, ShutdownReason, VcpuInfo,
};
use ia64save_codec::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use ia64save_codec::wire::{Wire, arch_setup, layout_of_shared_info};
use ia64save_codec::{Dialect, Guest};

use super::count::Op;
use super::domain::{Domain, shared_info_frame};
use super::era::{Era, Release};
use super::host::{DomId, Host, State};
use super::vcpu::Frame;
use super::vcpu::set::Refusal;
use crate::fields::Fields;

/// Numbers of HVM parameters end before this.
const HVM_PARAMS: u64 = 17;
/// Parameters that name a page which the hypervisor maps: once, and only memory.
const PAGES_OF_DEVICE_MODEL: [u64; 3] = [5, 6, 9];
/// No domain of Xen has this many vcpus.
const MOST_VCPUS: u32 = 64;

impl Host {
    /// Creates a domain, paused, without memory, with vcpus that are all down.
    pub fn create_domain(&self, guest: Guest, vcpus: u32, max_pages: u64) -> Result<DomId, Errno> {
        let mut state = self.state();
        state.count(Op::CreateDomain);
        if vcpus == 0 || vcpus > MOST_VCPUS {
            return Err(Errno::EINVAL);
        }
        let machine = state.machine;
        state.count(Op::MaxVcpus);
        state.count(Op::MaxMem);
        let domain = Domain::new(
            machine.era,
            guest,
            vcpus,
            max_pages,
            machine.page_size,
            &state.pool,
        );
        Ok(state.add(domain))
    }

    /// Ends a domain. What still holds something of it keeps it as a zombie.
    pub fn destroy_domain(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::DestroyDomain);
        let domain = state.domain(domid)?;
        domain.dying = true;
        domain.workload = None;
        domain.device_model.recording = false;
        domain.memory.disable_log_dirty();
        state.reap(domid);
        Ok(())
    }

    /// What is known of a domain. One that is dying is still known.
    pub fn domain_info(&self, domid: DomId) -> Result<DomainInfo, Errno> {
        let mut state = self.state();
        state.count(Op::GetDomainInfo);
        let era = state.machine.era;
        let domain = state.any_domain(domid)?;
        Ok(DomainInfo {
            guest: domain.guest,
            max_vcpu_id: domain.vcpus.len() as u32 - 1,
            paused: domain.paused,
            dying: domain.dying,
            shutdown: domain.shutdown,
            tot_pages: domain.memory.pages(),
            max_pages: domain.max_pages,
            shared_info_frame: shared_info_frame(era),
        })
    }

    /// Stops a domain until [`Host::unpause`].
    pub fn pause(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::PauseDomain);
        state.domain(domid)?.paused = true;
        Ok(())
    }

    /// Lets a domain run.
    pub fn unpause(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::UnpauseDomain);
        state.domain(domid)?.paused = false;
        Ok(())
    }

    /// Lets a domain that has suspended itself go on, its device model with it. One that runs, or has
    /// shut down otherwise, is left alone.
    pub fn resume(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ResumeDomain);
        let domain = state.domain(domid)?;
        if domain.shutdown == Some(ShutdownReason::Suspend) {
            domain.shutdown = None;
            domain.device_model.stopped = false;
        }
        Ok(())
    }

    /// Changes how many pages a domain may have.
    pub fn set_max_pages(&self, domid: DomId, pages: u64) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::MaxMem);
        state.domain(domid)?.max_pages = pages;
        Ok(())
    }

    /// Changes how many vcpus a domain has that has nothing else yet.
    pub fn set_max_vcpus(&self, domid: DomId, vcpus: u32) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::MaxVcpus);
        let machine = state.machine;
        let pool = Arc::clone(&state.pool);
        let domain = state.domain(domid)?;
        let blank = domain.memory.pages() == 0 && !domain.setup.done;
        if vcpus == 0 || vcpus > MOST_VCPUS || !blank {
            return Err(Errno::EINVAL);
        }
        let (guest, pages) = (domain.guest, domain.max_pages);
        *domain = Domain::new(machine.era, guest, vcpus, pages, machine.page_size, &pool);
        Ok(())
    }

    /// The result of `XENMEM_maximum_gpfn` as the era gives it: up to 3.2 one more than the highest
    /// gpfn, from 3.3 (8b74529532) on the highest gpfn.
    pub fn maximum_gpfn(&self, domid: DomId) -> Result<u64, Errno> {
        let mut state = self.state();
        state.count(Op::MaximumGpfn);
        let era = state.machine.era;
        let end = state.domain(domid)?.gpfn_end(era);
        Ok(if era.release() >= Release::Xen33 {
            end.saturating_sub(1)
        } else {
            end
        })
    }

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

    /// Vcpus of a domain that are up: what `getdomaininfo` says besides.
    pub fn online_vcpus(&self, domid: DomId) -> Result<u32, Errno> {
        let mut state = self.state();
        let vcpus = &state.any_domain(domid)?.vcpus;
        Ok(vcpus.iter().filter(|vcpu| vcpu.online).count() as u32)
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

    /// Sets a domain up, once. The HVM bit makes it an HVM domain.
    pub fn arch_setup(&self, domid: DomId, setup: &Setup) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ArchSetup);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        if setup.flags & arch_setup::QUERY != 0 {
            return Err(Errno::EINVAL);
        }
        if domain.setup.done {
            return Err(Errno::EBUSY);
        }
        if setup.flags & arch_setup::HVM_GUEST != 0 {
            if !era.dialect().supports(Guest::Hvm) {
                return Err(Errno::ENOSYS);
            }
            domain.turn(era, Guest::Hvm);
        }
        domain.setup.done = true;
        domain.setup.bp = setup.bp;
        domain.setup.convmem_end = setup.maxmem;
        if domain.guest == Guest::Pv {
            if setup.xsi_va != 0 {
                domain.setup.xsi_va = setup.xsi_va;
            }
            if setup.hypercall_imm != 0 {
                domain.setup.hypercall_imm = setup.hypercall_imm;
            }
            domain.setup.vhpt_size_log2 = setup.vhpt_size_log2;
        } else {
            domain.setup.vhpt_size_log2 = setup.vhpt_size_log2;
        }
        Ok(())
    }

    /// What setup has said, with the query bit.
    pub fn arch_setup_query(&self, domid: DomId) -> Result<Setup, Errno> {
        let mut state = self.state();
        state.count(Op::ArchSetup);
        let era = state.machine.era;
        let domain = state.domain(domid)?;
        let setup = domain.setup;
        let hvm = match domain.guest {
            Guest::Pv => 0,
            Guest::Hvm => arch_setup::HVM_GUEST,
        };
        Ok(Setup {
            flags: arch_setup::QUERY | hvm,
            bp: 0,
            maxmem: if era.has_maxmem() {
                setup.convmem_end
            } else {
                0
            },
            xsi_va: setup.xsi_va,
            hypercall_imm: setup.hypercall_imm,
            vhpt_size_log2: if era.dialect() >= Dialect::D8 {
                setup.vhpt_size_log2
            } else {
                0
            },
        })
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
        if machine.era.release() >= Release::Xen34 {
            let used = MemmapInfo::parse(&memmap).map_or(0, |info| {
                MemmapInfo::SIZE.saturating_add(info.efi_memmap_size as usize)
            });
            if let Some(rest) = memmap.get_mut(used..) {
                rest.fill(0);
            }
        }
        Ok(memmap)
    }

    /// Whether a vcpu is up. `EINVAL` where there is none.
    pub fn vcpu_info(&self, domid: DomId, vcpu: u32) -> Result<VcpuInfo, Errno> {
        let mut state = self.state();
        state.count(Op::GetVcpuInfo);
        let domain = state.domain(domid)?;
        let vcpu = domain.vcpus.get(vcpu as usize).ok_or(Errno::EINVAL)?;
        Ok(VcpuInfo {
            online: vcpu.online,
        })
    }

    /// A vcpu's context in the layout of the era. `ENODATA` where it has none; `EIO` where a real
    /// hypervisor would not live to answer, because a set-context failed half-way.
    pub fn vcpu_context(&self, domid: DomId, vcpu: u32) -> Result<Vec<u8>, Errno> {
        let mut state = self.state();
        state.count(Op::GetVcpuContext);
        let machine = state.machine;
        let domain = state.domain(domid)?;
        let shared = domain.shared(machine.era, vcpu);
        let frame = Frame {
            machine: &machine,
            guest: domain.guest,
            vcpu: vcpu.into(),
            privregs_pfn: domain.privregs_pfn(machine.era, vcpu),
        };
        let vcpu = domain.vcpus.get(vcpu as usize).ok_or(Errno::EINVAL)?;
        vcpu.context(frame, shared.as_ref())
    }

    /// Sets a vcpu's context in the layout of the era.
    pub fn set_vcpu_context(&self, domid: DomId, vcpu: u32, context: &[u8]) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::SetVcpuContext);
        let machine = state.machine;
        let domain = state.domain(domid)?;
        let mut shared = domain.shared(machine.era, vcpu);
        let frame = Frame {
            machine: &machine,
            guest: domain.guest,
            vcpu: vcpu.into(),
            privregs_pfn: domain.privregs_pfn(machine.era, vcpu),
        };
        let place = domain.vcpus.get_mut(vcpu as usize).ok_or(Errno::EINVAL)?;
        match place.set_context(frame, context, shared.as_mut()) {
            Ok(()) => {
                if let Some(shared) = shared {
                    domain.put_shared(machine.era, vcpu, &shared);
                }
                Ok(())
            }
            Err(Refusal::Fails(errno) | Refusal::Wedges(errno)) => Err(errno),
            Err(Refusal::Kills) => {
                domain.shutdown = Some(ShutdownReason::Crash);
                Err(Errno::EINVAL)
            }
        }
    }

    /// A parameter of an HVM domain.
    pub fn hvm_param(&self, domid: DomId, index: u64) -> Result<u64, Errno> {
        let mut state = self.state();
        state.count(Op::GetHvmParam);
        let domain = state.domain(domid)?;
        if domain.guest != Guest::Hvm || index >= HVM_PARAMS {
            return Err(Errno::EINVAL);
        }
        Ok(domain.params.get(&index).copied().unwrap_or(0))
    }

    /// Sets a parameter of an HVM domain. Those that name pages of the device model must name
    /// memory, and can be set once.
    pub fn set_hvm_param(&self, domid: DomId, index: u64, value: u64) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::SetHvmParam);
        let domain = state.domain(domid)?;
        if domain.guest != Guest::Hvm || index >= HVM_PARAMS {
            return Err(Errno::EINVAL);
        }
        if PAGES_OF_DEVICE_MODEL.contains(&index)
            && (!domain.memory.entry(value).is_present() || domain.params.contains_key(&index))
        {
            return Err(Errno::EINVAL);
        }
        domain.params.insert(index, value);
        Ok(())
    }

    /// How many bytes the HVM context takes at most.
    pub fn hvm_context_size(&self, domid: DomId) -> Result<usize, Errno> {
        let mut state = self.state();
        state.count(Op::GetHvmContext);
        let era = state.machine.era;
        Ok(hvm_domain(&mut state, domid)?.hvm_context_size(era))
    }

    /// The HVM context, in a buffer of `size` bytes.
    pub fn hvm_context(&self, domid: DomId, size: usize) -> Result<Vec<u8>, Errno> {
        let mut state = self.state();
        state.count(Op::GetHvmContext);
        let era = state.machine.era;
        let blob = hvm_domain(&mut state, domid)?.hvm_context(era);
        if blob.len() > size {
            return Err(Errno::ENOSPC);
        }
        Ok(blob)
    }

    /// Loads an HVM context.
    pub fn set_hvm_context(&self, domid: DomId, blob: &[u8]) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::SetHvmContext);
        let machine = state.machine;
        hvm_domain(&mut state, domid)?.load_hvm_context(&machine, blob)
    }

    /// Begins to record writes. `EINVAL` where that goes on already.
    pub fn enable_log_dirty(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ShadowOp);
        if state.domain(domid)?.memory.enable_log_dirty() {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }

    /// Ends the record.
    pub fn disable_log_dirty(&self, domid: DomId) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ShadowOp);
        state.domain(domid)?.memory.disable_log_dirty();
        Ok(())
    }

    /// The pages written to, without or with beginning anew; none, and no error, where no record is
    /// kept. However large the bitmap is, it counts as filled.
    pub fn dirty(&self, domid: DomId, dirty: &mut PfnBitmap, clean: bool) -> Result<(), Errno> {
        let mut state = self.state();
        state.count(Op::ShadowOp);
        state.domain(domid)?.memory.dirty(dirty, clean);
        Ok(())
    }

    /// Time since the machine was switched on.
    pub fn now(&self) -> Duration {
        self.state().now
    }
}

fn hvm_domain(state: &mut State, domid: DomId) -> Result<&mut Domain, Errno> {
    let domain = state.domain(domid)?;
    if domain.guest == Guest::Hvm {
        Ok(domain)
    } else {
        Err(Errno::EINVAL)
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
