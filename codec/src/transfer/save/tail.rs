//! What follows the pages: unallocated list, vcpus, shared_info, devices.

use alloc::vec;
use alloc::vec::Vec;

use super::memory::Memory;
use super::saving::Saving;
use crate::decode::Event;
use crate::dialect::{Guest, MagicPfn};
use crate::grammar::{MAX_VIRT_CPUS, PfnRun, Vcpumap};
use crate::transfer::error::Cause;
use crate::transfer::ports::{HvmParam, PortCall, Sink, SourceDomain};
use crate::wire::Context;

/// Pfns of one piece of the unallocated list.
const PIECE: usize = 1024;

impl HvmParam {
    /// The parameter that holds a magic pfn.
    pub(in crate::transfer) fn of_magic(magic: MagicPfn) -> HvmParam {
        match magic {
            MagicPfn::Store => HvmParam::StorePfn,
            MagicPfn::Ioreq => HvmParam::IoreqPfn,
            MagicPfn::Bufioreq => HvmParam::BufioreqPfn,
            MagicPfn::Bufpioreq => HvmParam::BufpioreqPfn,
        }
    }
}

impl<D: SourceDomain, S: Sink> Saving<'_, '_, D, S> {
    /// Terminator and unallocated list of the snapshot.
    pub(super) fn unallocated(&mut self, memory: &Memory) -> Result<(), Cause> {
        self.out.put(&Event::PagesEnd)?;
        let count = memory.unallocated_count();
        let short = u32::try_from(count).map_err(|_| Cause::TooManyUnallocated(count))?;
        self.out.put(&Event::UnallocatedCount(short))?;
        self.saved.unallocated = short;
        let mut bytes = Vec::with_capacity(PIECE * 8);
        let mut pfns = memory.unallocated().peekable();
        while pfns.peek().is_some() {
            bytes.clear();
            bytes.extend(pfns.by_ref().take(PIECE).flat_map(u64::to_le_bytes));
            self.out.put(&Event::Unallocated(PfnRun::new(&bytes)))?;
        }
        Ok(())
    }

    /// Everything behind the list.
    pub(super) fn tail(&mut self) -> Result<(), Cause> {
        match self.saved.guest {
            Guest::Pv => {
                self.vcpus()?;
                self.shared_info()
            }
            Guest::Hvm => {
                self.shared_info()?;
                self.vcpus()?;
                self.devices()
            }
        }
    }

    /// The vcpumap, where there is one, and each vcpu.
    fn vcpus(&mut self) -> Result<(), Cause> {
        let (dialect, guest) = (self.saved.dialect, self.saved.guest);
        let spec = dialect.spec();
        let mut online = vec![0];
        if dialect.has_vcpumap(guest) {
            online.clear();
            let mut bytes = vec![0; spec.vcpumap.size(MAX_VIRT_CPUS).unwrap_or(0) as usize];
            for vcpu in 0..=self.info.max_vcpu_id.min(MAX_VIRT_CPUS as u32 - 1) {
                // The original took an error for an offline vcpu, and would have lost it. Hypervisors
                // make vcpus without gaps up to the highest id, so that none of them is missing.
                if self.domain.vcpu_info(vcpu)?.online {
                    bytes[vcpu as usize / 8] |= 1 << (vcpu % 8);
                    online.push(vcpu);
                }
            }
            self.out.put(&Event::Vcpumap(Vcpumap {
                max_virt_cpus: MAX_VIRT_CPUS,
                bytes: &bytes,
            }))?;
        }
        for &vcpu in &online {
            let bytes = self.domain.vcpu_context(vcpu)?;
            self.out.put(&Event::Context {
                vcpu,
                layout: spec.context,
                bytes: &bytes,
            })?;
            if guest == Guest::Pv {
                let frame = Context::parse(spec.context, &bytes).map_or(0, |c| c.privregs_pfn());
                let page = self.page(frame)?;
                self.out.put(&Event::Privregs { vcpu, bytes: &page })?;
            }
        }
        self.saved.vcpus = online;
        Ok(())
    }

    fn shared_info(&mut self) -> Result<(), Cause> {
        let page = self.page(self.info.shared_info_frame)?;
        self.out.put(&Event::SharedInfo(&page))
    }

    /// Magic pfns and HVM context.
    fn devices(&mut self) -> Result<(), Cause> {
        let order = self.saved.dialect.spec().magic_pfns;
        let mut bytes = Vec::with_capacity(order.len() * 8);
        for &magic in order {
            let pfn = self.domain.hvm_param(HvmParam::of_magic(magic))?;
            bytes.extend_from_slice(&pfn.to_le_bytes());
        }
        self.out.put(&Event::MagicPfns {
            order,
            bytes: &bytes,
        })?;
        // The size is an upper bound; how many bytes there are shows when they come.
        let most = self.domain.hvm_context_size()?;
        let blob = self.domain.hvm_context(most)?;
        self.out.put(&Event::HvmContext(&blob))
    }

    /// One page that does not travel as a record.
    fn page(&mut self, frame: u64) -> Result<Vec<u8>, Cause> {
        let size = self.domain.page_size();
        let mut page = vec![0; size];
        let mut results = [Ok(())];
        self.domain
            .read_pages(&[frame], &mut page, size, 0, &mut results)?;
        match results[0] {
            Ok(()) => Ok(page),
            Err(errno) => Err(Cause::Page {
                call: PortCall::ReadPages,
                pfn: frame,
                errno,
            }),
        }
    }
}
