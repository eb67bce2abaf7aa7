//! Vcpus, shared_info, start_info, devices.

use alloc::format;
use alloc::vec;

use super::Restore;
use super::patch;
use super::restored::{PrivregsSet, StartInfoSet, VcpuSet};
use super::stack;
use crate::code::Code;
use crate::dialect::{ContextLayout, Guest, MagicPfn};
use crate::error::Error;
use crate::grammar::{PageRun, PfnRun, Vcpumap};
use crate::transfer::error::Cause;
use crate::transfer::ports::{HvmParam, P2mEntry, PortCall, TargetDomain};
use crate::transfer::start_info;
use crate::wire::Context;

impl<T: TargetDomain> Restore<'_, T> {
    /// Compares the stream's vcpus with those of the target.
    pub(super) fn vcpumap(&mut self, offset: u64, map: &Vcpumap<'_>) -> Result<(), Cause> {
        let highest = self.info.max_vcpu_id;
        if map.max_virt_cpus < u64::from(highest) {
            return Err(
                Error::new(Code::VcpumapMax, offset, "vcpumap.max_virt_cpus")
                    .length(8)
                    .expected(format!(
                        "at least {highest}, the highest vcpu of the target"
                    ))
                    .found(format!("{}", map.max_virt_cpus))
                    .into(),
            );
        }
        match map.online().find(|vcpu| *vcpu > highest) {
            Some(vcpu) => Err(Cause::TooFewVcpus { vcpu, highest }),
            None => Ok(()),
        }
    }

    /// Sets a context; for PV, finds where its privregs page goes.
    pub(super) fn context(
        &mut self,
        vcpu: u32,
        layout: ContextLayout,
        bytes: &[u8],
    ) -> Result<(), Cause> {
        let mut context = bytes.to_vec();
        if let Some(host) = self.rbs_voff {
            stack::lay_out(layout, &mut context, host);
        }
        if self.era.spec().set_twice {
            self.set_context(vcpu, &context)?;
        }
        patch::set_context_flags(layout, &mut context, self.era.spec().context_flags);
        self.set_context(vcpu, &context)?;
        if self.done.guest == Some(Guest::Pv) {
            // The stream's privregs_pfn is of the old domain.
            let got = self.target.vcpu_context(vcpu)?;
            self.privregs_frame = Context::parse(layout, &got).map_or(0, |got| got.privregs_pfn());
        }
        Ok(())
    }

    fn set_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), Cause> {
        self.target.set_vcpu_context(vcpu, context)?;
        self.done.vcpus_set.push(VcpuSet {
            vcpu,
            context: context.to_vec(),
        });
        Ok(())
    }

    pub(super) fn privregs(&mut self, vcpu: u32, page: &[u8]) -> Result<(), Cause> {
        let frame = self.privregs_frame;
        self.write_page(frame, page)?;
        self.done.privregs.push(PrivregsSet {
            vcpu,
            frame,
            page: page.to_vec(),
        });
        Ok(())
    }

    /// Writes shared_info; for PV, patches start_info, which it names.
    pub(super) fn shared_info(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Cause> {
        let Some(&layout) = self.target.dialect().spec().shared_info.last() else {
            return Ok(());
        };
        let mut page = bytes.to_vec();
        patch::clear_events(layout, &mut page);
        self.write_page(self.info.shared_info_frame, &page)?;
        let (at, start_info_pfn) = start_info::pfn(layout, &page);
        self.done.start_info_pfn = start_info_pfn;
        self.done.shared_info = Some(page);
        match self.done.guest {
            Some(Guest::Pv) => self.start_info(offset + at as u64, start_info_pfn),
            _ => Ok(()),
        }
    }

    fn start_info(&mut self, offset: u64, pfn: u64) -> Result<(), Cause> {
        let Some(&layout) = self.target.dialect().spec().start_info.last() else {
            return Ok(());
        };
        if !self.is_ram(pfn) {
            let path = "shared_info.arch.start_info_pfn";
            return Err(Error::new(Code::StartInfoPfn, offset, path)
                .length(8)
                .expected("RAM by the memory map")
                .found(format!("{pfn:#x}"))
                .into());
        }
        // As the original did; a page that was neither sent nor kept is empty then.
        self.populate_one(pfn)?;
        let mut page = vec![0; self.page_size];
        let mut results = [Ok(())];
        let size = self.page_size;
        self.target
            .read_pages(&[pfn], &mut page, size, 0, &mut results)?;
        if let Err(errno) = results[0] {
            let call = PortCall::ReadPages;
            return Err(Cause::Page { call, pfn, errno });
        }
        let mut set = StartInfoSet {
            nr_pages: self.done.p2m_size,
            shared_info: self
                .info
                .shared_info_frame
                .wrapping_mul(self.page_size as u64),
            flags: 0,
            store_mfn: 0,
            store_evtchn: self.options.store_evtchn,
            console_mfn: 0,
            console_evtchn: self.options.console_evtchn,
        };
        patch::patch_start_info(layout, &mut page, &mut set);
        self.write_page(pfn, &page)?;
        self.done.start_info = Some(set);
        self.done.store_mfn = Some(self.ring(set.store_mfn)?);
        self.done.console_mfn = Some(self.ring(set.console_mfn)?);
        Ok(())
    }

    /// The frame of a ring, as the era's tools report it.
    fn ring(&mut self, pfn: u64) -> Result<u64, Cause> {
        if !self.tools.reports_machine_frames {
            return Ok(pfn);
        }
        let mut entry = [P2mEntry::EMPTY];
        self.target.read_p2m(pfn, &mut entry)?;
        Ok(entry[0].frame())
    }

    /// Zeroes the magic pages and sets their parameters, then xenstore's event channel.
    pub(super) fn magic_pfns(
        &mut self,
        offset: u64,
        order: &[MagicPfn],
        bytes: &[u8],
    ) -> Result<(), Cause> {
        let pfns = PfnRun::new(bytes).pfns();
        for ((index, pfn), magic) in pfns.enumerate().zip(order) {
            if !self.is_ram(pfn) {
                let path = format!("magic_pfns.{}", magic.name());
                let at = offset + index as u64 * 8;
                return Err(Error::new(Code::MagicPfnOutsideRam, at, path)
                    .length(8)
                    .expected("RAM by the memory map")
                    .found(format!("{pfn:#x}"))
                    .into());
            }
        }
        for (pfn, &magic) in PfnRun::new(bytes).pfns().zip(order) {
            self.target.clear_pages(&[pfn])?;
            self.done.cleared.push(pfn);
            self.set_param(HvmParam::of_magic(magic), pfn)?;
            if magic == MagicPfn::Store {
                self.done.store_mfn = Some(pfn);
            }
        }
        let store_evtchn = u64::from(self.options.store_evtchn);
        self.set_param(HvmParam::StoreEvtchn, store_evtchn)
    }

    fn set_param(&mut self, param: HvmParam, value: u64) -> Result<(), Cause> {
        self.target.set_hvm_param(param, value)?;
        self.done.hvm_params.push((param, value));
        Ok(())
    }

    /// Writes one page that did not come as a record.
    fn write_page(&mut self, frame: u64, page: &[u8]) -> Result<(), Cause> {
        self.record[..8].copy_from_slice(&frame.to_le_bytes());
        self.record[8..].copy_from_slice(page);
        let run = PageRun::new(&self.record, self.page_size);
        let mut results = [Ok(())];
        self.target.write_pages(run, &mut results)?;
        results[0].map_err(|errno| Cause::Page {
            call: PortCall::WritePages,
            pfn: frame,
            errno,
        })
    }
}
