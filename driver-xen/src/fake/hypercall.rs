//! What the kernel and the hypervisor do with a hypercall.

use ia64save_codec::Guest;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    DomainInfo, Errno, P2mEntry, PortCall, Setup, ShutdownReason,
};
use ia64save_sim::DomId;

use super::process::{Content, u16_at, u32_at, u64_at};
use super::{FIRST_FRAME, FakeDevice};

/// Pages of the longest buffer: as many as a descriptor page lists.
const LONGEST: usize = 2047;

impl FakeDevice {
    pub(super) fn hypercall(&mut self, argument: &[u8]) -> Result<u64, Errno> {
        let arg = |n: usize| u64_at(argument, 8 + 8 * n);
        match u64_at(argument, 0) {
            17 if arg(0) == 0 => Ok(self.release.versions[0].into()),
            12 => self.memory_op(arg(0), arg(1)),
            29 if arg(0) == 4 => self.remote_shutdown(arg(1)),
            32 if arg(0) == 5 => self.channel_status(arg(1)),
            32 if arg(0) == 6 => self.alloc_unbound(arg(1)),
            // A kernel's own list ends there; a control domain of another kind passes it on.
            32 if arg(0) == 10 && self.host.machine().passes_reset => self.reset_channels(arg(1)),
            // Two lists of the kernel's own, which it answers so for what is not on them.
            29 | 32 => Err(Errno::EINVAL),
            34 => self.hvm_op(arg(0), arg(1)),
            36 => self.domctl(arg(0)),
            48 => self.dom0vp([arg(0), arg(1), arg(2), arg(3), arg(4)]),
            _ => Err(Errno::ENOSYS),
        }
    }

    /// Reads a buffer that a hypercall points to: the kernel makes a handle of it.
    fn buffer(&self, address: u64, bytes: usize) -> Result<Vec<u8>, Errno> {
        let page_size = self.host.machine().page_size;
        if bytes.div_ceil(page_size) > LONGEST {
            return Err(Errno::ENOMEM);
        }
        self.process.copy_in(address, bytes)
    }

    fn memory_op(&mut self, operation: u64, address: u64) -> Result<u64, Errno> {
        match operation {
            1 | 6 => {
                let bytes = self.buffer(address, 32)?;
                let count = u64_at(&bytes, 8) as usize;
                let domain = u16_at(&bytes, 24).into();
                // Single pages and no wishes.
                if u32_at(&bytes, 16) != 0 || u32_at(&bytes, 20) != 0 {
                    return Err(Errno::EINVAL);
                }
                let list = self.buffer(u64_at(&bytes, 0), count.saturating_mul(8))?;
                let gpfns: Vec<u64> = list.chunks_exact(8).map(|b| u64_at(b, 0)).collect();
                if operation == 6 {
                    self.populate(domain, &gpfns)
                } else {
                    self.decrease(domain, &gpfns)
                }
            }
            14 if self.knows_maximum_gpfn() => {
                let domain = u16_at(&self.buffer(address, 2)?, 0);
                self.enter(PortCall::MaximumGpfn)?;
                self.host.maximum_gpfn(domain.into())
            }
            _ => Err(Errno::ENOSYS),
        }
    }

    /// ia64 has it since p2m_size means it.
    fn knows_maximum_gpfn(&self) -> bool {
        use ia64save_codec::dialect::P2mSizeMeaning;
        self.release.dialect.spec().p2m_size == P2mSizeMeaning::MaximumGpfn
    }

    fn populate(&mut self, domain: DomId, gpfns: &[u64]) -> Result<u64, Errno> {
        let fault = self.enter(PortCall::Populate)?;
        let most = fault.and_then(|fault| fault.after).unwrap_or(u64::MAX);
        let gpfns = &gpfns[..gpfns.len().min(most as usize)];
        match self.host.populate(domain, gpfns)? {
            (0, Some(errno)) => Err(errno),
            // Short, and no word why.
            (done, _) => Ok(done),
        }
    }

    /// Stops at the first frame that is not there.
    fn decrease(&mut self, domain: DomId, gpfns: &[u64]) -> Result<u64, Errno> {
        let fault = self.enter(PortCall::DecreaseReservation)?;
        let most = fault.and_then(|fault| fault.after).unwrap_or(u64::MAX);
        let mut done = 0;
        for gpfn in gpfns {
            if done == most {
                break;
            }
            let taken = self.host.decrease_reservation(domain, &[*gpfn])?;
            if taken == 0 {
                break;
            }
            done += taken;
        }
        match fault {
            Some(fault) if done == most => Err(fault.errno),
            _ => Ok(done),
        }
    }

    fn remote_shutdown(&mut self, address: u64) -> Result<u64, Errno> {
        let bytes = self.buffer(address, 8)?;
        let reason = match u32_at(&bytes, 4) {
            0 => ShutdownReason::Poweroff,
            1 => ShutdownReason::Reboot,
            2 => ShutdownReason::Suspend,
            3 => ShutdownReason::Crash,
            _ => return Err(Errno::EINVAL),
        };
        self.host.shut_down(u16_at(&bytes, 0).into(), reason)?;
        Ok(0)
    }

    /// Channel 0 is there until the domain is being destroyed.
    fn channel_status(&mut self, address: u64) -> Result<u64, Errno> {
        let bytes = self.buffer(address, 24)?;
        let (domain, port) = (DomId::from(u16_at(&bytes, 0)), u32_at(&bytes, 4));
        if domain != 0 {
            self.host.domain_info(domain)?;
        }
        if port != 0 || self.halves.contains(domain) {
            return Err(Errno::EINVAL);
        }
        self.process.copy_out(address + 8, &[0; 16])?;
        Ok(0)
    }

    /// Takes a page with each call, where it was told to go slowly: channels first, and nothing but the
    /// pages says how far it is.
    fn destroy(&mut self, domain: DomId) -> Result<(), Errno> {
        if self.slow {
            self.halves.begin(domain);
            if let Some(gpfn) = self.host.guest_pages(domain).last() {
                self.host.decrease_reservation(domain, &[*gpfn])?;
                return Err(Errno::EAGAIN);
            }
        }
        self.host.destroy_domain(domain)?;
        self.halves.end(domain);
        Ok(())
    }

    fn alloc_unbound(&mut self, address: u64) -> Result<u64, Errno> {
        let bytes = self.buffer(address, 8)?;
        let domain = u16_at(&bytes, 0).into();
        let port = self.host.alloc_unbound(domain)?;
        self.process.copy_out(address + 4, &port.to_le_bytes())?;
        Ok(0)
    }

    fn reset_channels(&mut self, address: u64) -> Result<u64, Errno> {
        let domain = u16_at(&self.buffer(address, 2)?, 0).into();
        if self.host.domain_info(domain).is_ok() {
            self.enter(PortCall::ResetChannels)?;
        }
        self.host.reset_channels(domain)?;
        Ok(0)
    }

    fn hvm_op(&mut self, operation: u64, address: u64) -> Result<u64, Errno> {
        // The kernel has no other operation of device models but interrupts.
        let bytes = match operation {
            0 | 1 => self.buffer(address, 16)?,
            _ => return Err(Errno::EINVAL),
        };
        let (domain, index) = (u16_at(&bytes, 0).into(), u32_at(&bytes, 4));
        if operation == 0 {
            self.enter(PortCall::SetHvmParam)?;
            self.host
                .set_hvm_param(domain, index.into(), u64_at(&bytes, 8))?;
        } else {
            self.enter(PortCall::HvmParam)?;
            let value = self.host.hvm_param(domain, index.into())?;
            self.process.copy_out(address + 8, &value.to_le_bytes())?;
        }
        Ok(0)
    }

    fn dom0vp(&mut self, arg: [u64; 5]) -> Result<u64, Errno> {
        let has_memmap = self.release.dialect.spec().version.has_memmap();
        match arg[0] {
            12 if has_memmap => self.expose(arg[1], arg[2] as DomId, arg[3], arg[4]),
            14 if !self.knows_get_memmap => Err(Errno::EINVAL),
            14 if self.release.gives_memmap => {
                self.enter(PortCall::Memmap)?;
                let memmap = self.host.memmap(arg[1] as DomId)?;
                let used = 24 + u64_at(&memmap, 0) as usize;
                // The hypervisor copies what there is, and does not look at the size it was told.
                let used = memmap.get(..used).ok_or(Errno::EINVAL)?;
                self.process.copy_out(arg[2], used)?;
                Ok(0)
            }
            // What the hypervisor says to what it does not know: -1.
            12 | 14 => Err(Errno::EPERM),
            // What the kernel says to what is not on its list.
            _ => Err(Errno::EINVAL),
        }
    }

    fn expose(
        &mut self,
        address: u64,
        domain: DomId,
        memmap: u64,
        flags: u64,
    ) -> Result<u64, Errno> {
        let page_size = self.host.machine().page_size;
        let pages = self.process.pages(address).ok_or(Errno::EINVAL)?;
        self.process.vacant(address, pages)?;
        if domain == 0 || flags > 1 {
            return Err(Errno::EINVAL);
        }
        // The kernel copies the map's header, then all of it.
        let size = u64_at(&self.process.copy_in(memmap, 24)?, 0);
        let bytes = usize::try_from(size)
            .ok()
            .and_then(|size| size.checked_add(24));
        let bytes = bytes
            .filter(|bytes| *bytes <= page_size)
            .ok_or(Errno::EINVAL)?;
        let mut map = self.process.copy_in(memmap, bytes)?;
        self.enter(PortCall::ExposeP2m)?;
        // The hypervisor knows as much of it as there is, in whole pages.
        map.resize(page_size, 0);
        self.host.expose_p2m(domain, Some(&map))?;
        let content = (0..pages as u64).map(|page| Content::Table { domain, page });
        self.process.fill(address, content.collect());
        Ok(0)
    }

    fn domctl(&mut self, address: u64) -> Result<u64, Errno> {
        let bytes = self.buffer(address, 144)?;
        // First the kernel's own, before anything else is looked at.
        if u32_at(&bytes, 4) != self.interface || self.interface != self.release.interface {
            return Err(Errno::EACCES);
        }
        let (command, domain) = (u32_at(&bytes, 0), DomId::from(u16_at(&bytes, 8)));
        let arguments = &bytes[16..];
        let mut answer = arguments.to_vec();
        match command {
            1 => {
                let hvm = self.release.interface > 3 && u32_at(arguments, 20) & 1 != 0;
                let guest = if hvm { Guest::Hvm } else { Guest::Pv };
                let domain = self.host.create_domain(guest, 1, 0)?;
                self.process
                    .copy_out(address + 8, &(domain as u16).to_le_bytes())?;
            }
            2 => self.port(PortCall::Destroy, |kernel| kernel.destroy(domain))?,
            3 => self.port(PortCall::Pause, |kernel| kernel.host.pause(domain))?,
            4 => self.port(PortCall::Unpause, |kernel| kernel.host.unpause(domain))?,
            5 => {
                // How the control domain finds out about itself is not of the simulation.
                if domain != 0 {
                    self.enter(PortCall::Info)?;
                }
                let (domain, info) = self.next_domain(domain)?;
                self.write_info(&mut answer, domain, &info);
                self.process
                    .copy_out(address + 8, &(domain as u16).to_le_bytes())?;
            }
            6 => self.getmemlist(domain, &mut answer)?,
            10 => self.shadow_op(domain, &mut answer)?,
            11 => {
                let page = self.host.machine().page_size as u64;
                let most = u64_at(arguments, 0).saturating_mul(1024) / page;
                if most < self.host.domain_info(domain)?.tot_pages {
                    return Err(Errno::EINVAL);
                }
                self.host.set_max_pages(domain, most)?;
            }
            12 => {
                let size = self.release.dialect.spec().context.size();
                let context = self.buffer(u64_at(arguments, 8), size)?;
                let vcpu = u32_at(arguments, 0);
                self.port(PortCall::SetVcpuContext, |kernel| {
                    kernel.host.set_vcpu_context(domain, vcpu, &context)
                })?;
            }
            13 => {
                let vcpu = u32_at(arguments, 0);
                self.enter(PortCall::VcpuContext)?;
                let context = self.host.vcpu_context(domain, vcpu)?;
                self.process.copy_out(u64_at(arguments, 8), &context)?;
            }
            14 => {
                self.enter(PortCall::VcpuInfo)?;
                let info = self.host.vcpu_info(domain, u32_at(arguments, 0))?;
                answer[4] = info.online.into();
            }
            15 => self.host.set_max_vcpus(domain, u32_at(arguments, 0))?,
            23 => self.arch_setup(domain, &mut answer)?,
            27 if self.release.interface >= 5 => {
                self.port(PortCall::Resume, |kernel| kernel.host.resume(domain))?;
            }
            33 if self.release.interface >= 5 => {
                let (size, buffer) = (u32_at(arguments, 0) as usize, u64_at(arguments, 8));
                let used = if buffer == 0 {
                    self.enter(PortCall::HvmContextSize)?;
                    self.host.hvm_context_size(domain)?
                } else {
                    self.buffer(buffer, size)?;
                    self.enter(PortCall::HvmContext)?;
                    let context = self.host.hvm_context(domain, size)?;
                    self.process.copy_out(buffer, &context)?;
                    context.len()
                };
                answer[..4].copy_from_slice(&(used as u32).to_le_bytes());
            }
            34 if self.release.interface >= 5 => {
                let context = self.buffer(u64_at(arguments, 8), u32_at(arguments, 0) as usize)?;
                self.port(PortCall::SetHvmContext, |kernel| {
                    kernel.host.set_hvm_context(domain, &context)
                })?;
            }
            // gethvmcontext_partial among them.
            _ => return Err(Errno::ENOSYS),
        }
        self.process.copy_out(address + 16, &answer)?;
        Ok(0)
    }

    fn port(
        &mut self,
        call: PortCall,
        operation: impl FnOnce(&mut Self) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.enter(call)?;
        operation(self)
    }

    /// The first domain with this number or a higher one. Number 0 is where this runs.
    fn next_domain(&self, first: DomId) -> Result<(DomId, DomainInfo), Errno> {
        if first == 0 {
            let control = DomainInfo {
                guest: Guest::Pv,
                max_vcpu_id: 0,
                paused: false,
                dying: false,
                shutdown: None,
                tot_pages: 1 << 14,
                max_pages: 1 << 14,
                shared_info_frame: 0,
            };
            return Ok((0, control));
        }
        // One that is dying is still there.
        if let Ok(info) = self.host.domain_info(first) {
            return Ok((first, info));
        }
        let next = self
            .host
            .domains()
            .into_iter()
            .find(|domain| *domain >= first);
        let domain = next.ok_or(Errno::ESRCH)?;
        Ok((domain, self.host.domain_info(domain)?))
    }

    fn write_info(&self, answer: &mut [u8], domain: DomId, info: &DomainInfo) {
        answer.fill(0);
        let reason = match info.shutdown {
            None | Some(ShutdownReason::Poweroff) => 0,
            Some(ShutdownReason::Reboot) => 1,
            Some(ShutdownReason::Suspend) => 2,
            Some(ShutdownReason::Crash) => 3,
            Some(ShutdownReason::Other(other)) => u32::from(other),
        };
        let flags = u32::from(info.dying)
            | u32::from(info.guest == Guest::Hvm) << 1
            | u32::from(info.shutdown.is_some()) << 2
            | u32::from(info.paused) << 3
            | u32::from(domain == 0) << 5
            | reason << 16;
        // Where shared_info's frame and the vcpus lie, by interface version.
        let (frame, vcpus) = match self.release.interface {
            0..=5 => (24, 40),
            6 | 7 => (32, 48),
            _ => (40, 56),
        };
        // The control domain has one, and is not of the simulation.
        let online = self.host.online_vcpus(domain).unwrap_or(1);
        answer[..2].copy_from_slice(&(domain as u16).to_le_bytes());
        answer[4..8].copy_from_slice(&flags.to_le_bytes());
        answer[8..16].copy_from_slice(&info.tot_pages.to_le_bytes());
        answer[16..24].copy_from_slice(&info.max_pages.to_le_bytes());
        answer[frame..frame + 8].copy_from_slice(&info.shared_info_frame.to_le_bytes());
        answer[vcpus..vcpus + 4].copy_from_slice(&online.to_le_bytes());
        answer[vcpus + 4..vcpus + 8].copy_from_slice(&info.max_vcpu_id.to_le_bytes());
    }

    /// The frame behind each gpfn: in 3.0.3 the machine frame, then the gpfn once more.
    fn getmemlist(&mut self, domain: DomId, answer: &mut [u8]) -> Result<(), Errno> {
        let (most, first) = (u64_at(answer, 0), u64_at(answer, 8));
        let buffer = u64_at(answer, 16);
        self.buffer(buffer, most as usize * 8)?;
        self.enter(PortCall::ReadP2m)?;
        let mut entries = vec![P2mEntry::EMPTY; most as usize];
        self.host.p2m(domain, first, &mut entries)?;
        for (index, entry) in entries.iter().enumerate() {
            let gpfn = first + index as u64;
            let frame = match entry.is_mapped() {
                false => u64::MAX,
                true if self.release.maps_machine_frames => FIRST_FRAME + gpfn,
                true => gpfn,
            };
            self.process
                .copy_out(buffer + index as u64 * 8, &frame.to_le_bytes())?;
        }
        answer[24..32].copy_from_slice(&most.to_le_bytes());
        Ok(())
    }

    fn shadow_op(&mut self, domain: DomId, answer: &mut [u8]) -> Result<(), Errno> {
        let operation = u32_at(answer, 0);
        match operation {
            0 => self.port(PortCall::DisableLogDirty, |kernel| {
                kernel.host.disable_log_dirty(domain)
            }),
            2 => self.port(PortCall::EnableLogDirty, |kernel| {
                kernel.host.enable_log_dirty(domain)
            }),
            11 | 12 => {
                let clean = operation == 11;
                let pages = u64_at(answer, 24);
                let bytes = (pages.div_ceil(64) * 8) as usize;
                self.buffer(u64_at(answer, 16), bytes)?;
                if clean {
                    self.enter(PortCall::CleanDirty)?;
                    self.host.play_until_clean(domain);
                } else {
                    self.enter(PortCall::PeekDirty)?;
                    self.host.play_until_peek(domain);
                }
                let mut dirty = PfnBitmap::new(pages);
                self.host.dirty(domain, &mut dirty, clean)?;
                let words: Vec<u8> = dirty.words().iter().flat_map(|w| w.to_le_bytes()).collect();
                self.process.copy_out(u64_at(answer, 16), &words)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn arch_setup(&mut self, domain: DomId, answer: &mut [u8]) -> Result<(), Errno> {
        let flags = u64_at(answer, 0);
        if flags & 2 != 0 {
            self.enter(PortCall::Setup)?;
            let setup = self.host.arch_setup_query(domain)?;
            answer[..8].copy_from_slice(&setup.flags.to_le_bytes());
            answer[8..16].copy_from_slice(&setup.bp.to_le_bytes());
            answer[16..24].copy_from_slice(&setup.maxmem.to_le_bytes());
            answer[24..32].copy_from_slice(&setup.xsi_va.to_le_bytes());
            answer[32..36].copy_from_slice(&setup.hypercall_imm.to_le_bytes());
            answer[36] = setup.vhpt_size_log2 as u8;
            return Ok(());
        }
        let setup = Setup {
            flags,
            bp: u64_at(answer, 8),
            maxmem: u64_at(answer, 16),
            xsi_va: u64_at(answer, 24),
            hypercall_imm: u32_at(answer, 32),
            vhpt_size_log2: answer[36] as i8,
        };
        self.port(PortCall::SetSetup, |kernel| {
            kernel.host.arch_setup(domain, &setup)
        })
    }
}
