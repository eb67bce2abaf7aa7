//! Itanium.

use std::collections::BTreeSet;
use std::ops::Range;

use ia64save_codec::Era;
use ia64save_codec::dialect::{ArchSetupLayout, Dialect};
use ia64save_codec::transfer::ports::{Errno, P2mEntry, Setup};
use ia64save_codec::wire::arch_setup::{ArchSetupPlain, ArchSetupVhpt, QUERY};
use ia64save_codec::wire::{Context, SharedInfo, Wire};

use super::{Machine, scratch};
use crate::abi::domctl::GetMemList;
use crate::abi::hvm::ModifiedMemory;
use crate::abi::numbers;
use crate::hypervisor::Pointed;
use crate::hypervisor::{Direct, Hypervisor, Info};
use crate::transport::{Argument, Buffer, DomainId, Hypercall, Layout, Region, Transport};

/// Most pages of a memory map that are read; no hypervisor accepts more than one.
const MEMMAP_PAGES: u32 = 16;
/// Interface version of 4.0.
const FIRST_THAT_LOGS: u32 = 6;
/// A page that is not there, in the answer of `getmemlist`.
const NO_FRAME: u64 = u64::MAX;

/// Itanium, as a [`Direct`] hypervisor has it.
#[derive(Debug)]
pub struct Ia64 {
    dialect: Dialect,
    era: Era,
    /// The exposed map.
    table: Option<Table>,
    /// The domain is being built, and pages of its map have to be made.
    building: bool,
    /// Frames that this domain reported itself by machine frame (3.0.3).
    machine_frames: BTreeSet<u64>,
    /// A domain that was made to ask the host something, while it is there.
    scratch: Option<DomainId>,
}

#[derive(Clone, Copy, Debug)]
enum Table {
    /// Version 1: asked for by list, this long.
    List { entries: u64 },
    /// From version 2 on: exposed, this long.
    Exposed { region: Region, entries: u64 },
}

impl Ia64 {
    /// The machine of one domain, in an era of the hypervisor's release; a dialect means its usual one.
    pub fn new(era: impl Into<Era>) -> Self {
        let era = era.into();
        Ia64 {
            dialect: era.dialect(),
            era,
            table: None,
            building: false,
            machine_frames: BTreeSet::new(),
            scratch: None,
        }
    }

    fn spec(&self) -> &'static ia64save_codec::dialect::Spec {
        self.dialect.spec()
    }

    /// What `getmemlist` says of the pages from `first` on.
    fn list<T: Transport>(
        xen: &mut Direct<T>,
        domain: DomainId,
        first: u64,
        frames: &mut [u64],
    ) -> Result<(), Errno> {
        let longest = (xen.transport().geometry().buffer / 8).max(1);
        let mut start = first;
        for piece in frames.chunks_mut(longest) {
            let mut bytes = vec![0xff; piece.len() * 8];
            let arguments = GetMemList {
                max_pfns: piece.len() as u64,
                start_pfn: start,
                buffer: 0,
                num_pfns: 0,
            }
            .to_bytes();
            let pointed = Pointed {
                offset: 16,
                // In and out: what the hypervisor leaves alone stays "not there".
                buffer: Buffer::in_out(&mut bytes),
            };
            let domctl = xen.domctl(numbers::GETMEMLIST, domain, &arguments, Some(pointed))?;
            let answered = GetMemList::parse(&domctl.u).ok_or(Errno::EPROTO)?.num_pfns;
            for (at, (frame, bytes)) in piece.iter_mut().zip(bytes.chunks_exact(8)).enumerate() {
                let listed = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
                *frame = if (at as u64) < answered {
                    listed
                } else {
                    NO_FRAME
                };
            }
            start += piece.len() as u64;
        }
        Ok(())
    }

    fn entry(frame: u64) -> P2mEntry {
        if frame == NO_FRAME {
            P2mEntry::EMPTY
        } else {
            let frame = frame << 14 & 0x0003_ffff_ffff_f000;
            P2mEntry(P2mEntry::PRESENT | P2mEntry::ALLOCATED | frame)
        }
    }

    fn page<T: Transport>(
        xen: &mut Direct<T>,
        domain: DomainId,
        frame: u64,
    ) -> Result<Vec<u8>, Errno> {
        let size = xen.page_size();
        let (mut page, mut results) = (vec![0; size], [Ok(())]);
        xen.read_foreign(
            domain,
            &[frame],
            &mut page,
            Layout::packed(size),
            &mut results,
        )?;
        results[0]?;
        Ok(page)
    }

    /// Pages of the guest, one behind the other.
    fn pages<T: Transport>(
        xen: &mut Direct<T>,
        domain: DomainId,
        pfns: Range<u64>,
    ) -> Result<Vec<u8>, Errno> {
        let mut copied = Vec::new();
        for pfn in pfns {
            copied.extend(Self::page(xen, domain, pfn)?);
        }
        Ok(copied)
    }

    /// Where the memory map lies and how many pages it has, as shared_info says.
    fn memmap_place<T: Transport>(
        &self,
        xen: &mut Direct<T>,
        info: &Info,
    ) -> Result<(u64, u64), Errno> {
        let layout = *self.spec().shared_info.last().ok_or(Errno::ENOSYS)?;
        let page = Self::page(xen, info.domain, info.shared_info_frame)?;
        let Some(shared) = SharedInfo::parse(layout, &page) else {
            // Pages shorter than any real one: a map takes one page, and only the hypervisor knows which.
            return Ok((u64::MAX, 1));
        };
        let pages = shared.memmap_info_num_pages().ok_or(Errno::ENOSYS)?;
        let pfn = shared.memmap_info_pfn().ok_or(Errno::ENOSYS)?;
        if pages == 0 || pages > MEMMAP_PAGES {
            return Err(Errno::EINVAL);
        }
        Ok((pfn, u64::from(pages)))
    }

    fn setup_call<T: Transport>(
        &self,
        xen: &mut Direct<T>,
        domain: DomainId,
        setup: &Setup,
    ) -> Result<Setup, Errno> {
        let arguments = match self.spec().arch_setup {
            ArchSetupLayout::Vhpt => ArchSetupVhpt {
                flags: setup.flags,
                bp: setup.bp,
                maxmem: setup.maxmem,
                xsi_va: setup.xsi_va,
                hypercall_imm: setup.hypercall_imm,
                vhpt_size_log2: setup.vhpt_size_log2,
                pad37: [0; 3],
            }
            .to_bytes(),
            ArchSetupLayout::Plain => ArchSetupPlain {
                flags: setup.flags,
                bp: setup.bp,
                maxmem: setup.maxmem,
                xsi_va: setup.xsi_va,
                hypercall_imm: setup.hypercall_imm,
                pad36: [0; 4],
            }
            .to_bytes(),
            // An operation of the interface before domctl, which no release had.
            ArchSetupLayout::Dom0Op => return Err(Errno::ENOSYS),
        };
        let domctl = xen.domctl(numbers::ARCH_SETUP, domain, &arguments, None)?;
        let answer = ArchSetupVhpt::parse(&domctl.u).ok_or(Errno::EPROTO)?;
        Ok(Setup {
            flags: answer.flags,
            bp: answer.bp,
            maxmem: answer.maxmem,
            xsi_va: answer.xsi_va,
            hypercall_imm: answer.hypercall_imm,
            vhpt_size_log2: match self.spec().arch_setup {
                ArchSetupLayout::Vhpt => answer.vhpt_size_log2,
                _ => 0,
            },
        })
    }

    fn is_exposed(&self) -> bool {
        self.spec().version.has_memmap()
    }
}

impl<T: Transport> Machine<Direct<T>> for Ia64 {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn era(&self) -> Era {
        self.era
    }

    fn maximum_gpfn(&mut self, xen: &mut Direct<T>, info: &Info) -> Result<u64, Errno> {
        match xen.maximum_gpfn(info.domain) {
            Ok(highest) if xen.release().maximum_is_highest => Ok(highest.saturating_add(1)),
            Ok(end) => Ok(end),
            // Before 3.2 nobody knew; tools took the limit of the domain's memory.
            Err(Errno::ENOSYS) => Ok(info.max_pages),
            Err(errno) => Err(errno),
        }
    }

    fn expose_p2m(
        &mut self,
        xen: &mut Direct<T>,
        info: &Info,
        memmap: Option<&[u8]>,
    ) -> Result<(), Errno> {
        if self.table.is_some() {
            return Err(Errno::EEXIST);
        }
        let entries = self.maximum_gpfn(xen, info)?;
        if !self.is_exposed() {
            self.table = Some(Table::List { entries });
            return Ok(());
        }
        let mut memmap = memmap.ok_or(Errno::EINVAL)?.to_vec();
        let page_size = xen.page_size();
        let entries_per_page = page_size as u64 / 8;
        let pages = entries.div_ceil(entries_per_page).max(1);
        let bytes = usize::try_from(pages)
            .ok()
            .and_then(|pages| pages.checked_mul(page_size))
            .ok_or(Errno::ENOMEM)?;
        let region = xen.transport().reserve(bytes)?;
        let flags = if self.building {
            numbers::EFP_ALLOC_PTE
        } else {
            0
        };
        let exposed = xen.transport().hypercall(&mut Hypercall {
            number: numbers::DOM0VP_OP,
            arguments: [
                Argument::Value(numbers::DOM0VP_EXPOSE_FOREIGN_P2M),
                Argument::Region(region),
                Argument::Value(info.domain.into()),
                Argument::Buffer(0),
                Argument::Value(flags),
            ],
            buffers: &mut [Buffer::input(&mut memmap)],
            links: &[],
        });
        if let Err(errno) = exposed {
            // The error to report is that of the call.
            let _ = xen.transport().release(region);
            return Err(errno);
        }
        self.table = Some(Table::Exposed {
            region,
            entries: pages * entries_per_page,
        });
        Ok(())
    }

    fn read_p2m(
        &mut self,
        xen: &mut Direct<T>,
        domain: DomainId,
        first: u64,
        entries: &mut [P2mEntry],
    ) -> Result<(), Errno> {
        let end = match self.table.ok_or(Errno::EINVAL)? {
            Table::List { entries } | Table::Exposed { entries, .. } => entries,
        };
        let there = end.saturating_sub(first).min(entries.len() as u64) as usize;
        let (there, beyond) = entries.split_at_mut(there);
        beyond.fill(P2mEntry::EMPTY);
        if there.is_empty() {
            return Ok(());
        }
        if let Some(Table::Exposed { region, .. }) = self.table {
            let mut bytes = vec![0; there.len() * 8];
            xen.transport()
                .read_region(region, first as usize * 8, &mut bytes)?;
            for (entry, bytes) in there.iter_mut().zip(bytes.chunks_exact(8)) {
                *entry = P2mEntry(u64::from_le_bytes(bytes.try_into().unwrap_or_default()));
            }
        } else {
            let mut frames = vec![NO_FRAME; there.len()];
            Self::list(xen, domain, first, &mut frames)?;
            for (entry, frame) in there.iter_mut().zip(frames) {
                *entry = Self::entry(frame);
            }
        }
        Ok(())
    }

    fn unexpose_p2m(&mut self, xen: &mut Direct<T>) -> Result<(), Errno> {
        match self.table.take() {
            // The kernel unexposes what is unmapped.
            Some(Table::Exposed { region, .. }) => xen.transport().release(region),
            _ => Ok(()),
        }
    }

    /// In 3.0.3 the tools look up every machine frame. Frames that the domain reported itself, of
    /// shared_info and the privregs pages, are machine frames already: they are meant where a single
    /// page is asked for by such a number.
    fn frames(
        &mut self,
        xen: &mut Direct<T>,
        domain: DomainId,
        gpfns: &[u64],
    ) -> Result<Vec<u64>, Errno> {
        if !xen.release().maps_machine_frames {
            return Ok(gpfns.to_vec());
        }
        if let [frame] = gpfns {
            let info = xen.domain_info(domain)?;
            if *frame == info.shared_info_frame || self.machine_frames.contains(frame) {
                return Ok(vec![*frame]);
            }
        }
        let mut frames = vec![NO_FRAME; gpfns.len()];
        let mut at = 0;
        for run in gpfns.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
            Self::list(xen, domain, run[0], &mut frames[at..at + run.len()])?;
            at += run.len();
        }
        Ok(frames)
    }

    fn setup(&mut self, xen: &mut Direct<T>, domain: DomainId) -> Result<Setup, Errno> {
        let query = Setup {
            flags: QUERY,
            ..Setup::default()
        };
        self.setup_call(xen, domain, &query)
    }

    fn set_setup(
        &mut self,
        xen: &mut Direct<T>,
        domain: DomainId,
        setup: &Setup,
    ) -> Result<(), Errno> {
        self.setup_call(xen, domain, setup)?;
        self.building = true;
        Ok(())
    }

    /// From 3.4 on there is a call. Before, tools mapped the guest's own page, and where the call does not
    /// get through that is done still: kernels answer `EINVAL` to an operation on physical maps that is not
    /// on their list, `ENOSYS` where they have no list of those at all; a tree on the way to 3.4 answers
    /// `EPERM` ([`Release::gives_memmap`](crate::abi::Release::gives_memmap)).
    fn memmap(&mut self, xen: &mut Direct<T>, info: &Info) -> Result<Vec<u8>, Errno> {
        let (pfn, pages) = self.memmap_place(xen, info)?;
        if !xen.release().gives_memmap {
            return Self::pages(xen, info.domain, pfn..pfn.saturating_add(pages));
        }
        let mut memmap = vec![0; pages as usize * xen.page_size()];
        let asked = xen.transport().hypercall(&mut Hypercall {
            number: numbers::DOM0VP_OP,
            arguments: [
                Argument::Value(numbers::DOM0VP_GET_MEMMAP),
                Argument::Value(info.domain.into()),
                Argument::Buffer(0),
                Argument::Value(memmap.len() as u64),
                Argument::Value(0),
            ],
            buffers: &mut [Buffer::output(&mut memmap)],
            links: &[],
        });
        match asked {
            Ok(_) => Ok(memmap),
            Err(Errno::ENOSYS | Errno::EINVAL | Errno::EPERM) => {
                Self::pages(xen, info.domain, pfn..pfn.saturating_add(pages))
            }
            Err(errno) => Err(errno),
        }
    }

    fn vcpu_context(
        &mut self,
        xen: &mut Direct<T>,
        domain: DomainId,
        vcpu: u32,
    ) -> Result<Vec<u8>, Errno> {
        let layout = self.spec().context;
        let context = xen.vcpu_context(domain, vcpu, layout.size())?;
        if self.spec().privregs_is_machine_frame
            && let Some(context) = Context::parse(layout, &context)
        {
            self.machine_frames.insert(context.privregs_pfn());
        }
        Ok(context)
    }

    fn rbs_voff(&mut self, xen: &mut Direct<T>) -> Result<Option<u64>, Errno> {
        scratch::rbs_voff(xen, self.spec().context, &mut self.scratch).map(Some)
    }

    fn leftover(&self) -> Option<DomainId> {
        self.scratch
    }

    fn set_vcpu_context(
        &mut self,
        xen: &mut Direct<T>,
        domain: DomainId,
        vcpu: u32,
        context: &[u8],
    ) -> Result<(), Errno> {
        // The kernel copies as many bytes as its own structure has.
        if context.len() != self.spec().context.size() {
            return Err(Errno::EINVAL);
        }
        xen.set_vcpu_context(domain, vcpu, context)
    }

    /// From 4.0 on device models have a hypercall for it (0c98ffd10a). The ia64 kernels that are known
    /// do not pass it on, and answer `EINVAL`; so it is tried, for no pages. A hypervisor answers 0 to that:
    /// whatever else is answered, no write of a device model would be seen.
    fn logs_device_model(&mut self, xen: &mut Direct<T>, domain: DomainId) -> Result<bool, Errno> {
        if xen.release().interface < FIRST_THAT_LOGS {
            return Ok(false);
        }
        let mut bytes = ModifiedMemory {
            domid: domain,
            pad2: 0,
            nr: 0,
            first_pfn: 0,
        }
        .to_bytes();
        let operation = Some(numbers::HVM_MODIFIED_MEMORY);
        match xen.operation(numbers::HVM_OP, operation, &mut bytes, None) {
            Ok(_) => Ok(true),
            Err(Errno::ENOSYS | Errno::EINVAL | Errno::EPERM) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}
