//! A domain that takes everything and checks nothing but what the ports say of themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use ia64save_codec::grammar::PageRun;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    Domain, DomainInfo, Errno, HvmParam, Introduction, P2mEntry, PageResult, Populated, PortCall,
    PortError, Setup, ShutdownReason, Sink, SinkError, SourceDomain, TargetDomain, VcpuInfo,
    WaysBack,
};
use ia64save_codec::wire::{Context, layout_of_context};
use ia64save_codec::{Dialect, Guest};

/// What happens to the domain while a call is made: before it takes effect.
pub type Script = Box<dyn FnMut(PortCall, &mut State)>;

/// Frame of shared_info; those of the privregs pages follow.
pub const SHARED_INFO: u64 = 0x400_0000;

/// What the domain consists of.
#[derive(Clone, Debug)]
pub struct State {
    pub p2m: BTreeMap<u64, P2mEntry>,
    pub pages: BTreeMap<u64, Vec<u8>>,
    pub contexts: BTreeMap<u32, Vec<u8>>,
    pub params: BTreeMap<HvmParam, u64>,
    pub hvm_context: Vec<u8>,
    pub setup: Setup,
    pub memmap: Vec<u8>,
    pub shutdown: Option<ShutdownReason>,
    /// What it says when it is told to suspend itself.
    pub answer: Option<ShutdownReason>,
    pub dirty: Option<PfnBitmap>,
    /// What the device model has written to since it was asked.
    pub device_model: Vec<u64>,
    /// Pages that cannot be mapped.
    pub unmappable: Vec<u64>,
    next_frame: u64,
}

impl State {
    /// The guest writes to a page.
    pub fn write(&mut self, pfn: u64, value: u8) {
        if let Some(page) = self.pages.get_mut(&pfn) {
            page[0] = value;
            if let Some(dirty) = &mut self.dirty {
                dirty.insert(pfn);
            }
        }
    }

    /// The guest gives a page back.
    pub fn balloon_out(&mut self, pfn: u64) {
        self.p2m.remove(&pfn);
        self.pages.remove(&pfn);
    }

    /// The guest gets a page, empty, which log-dirty does not notice.
    pub fn balloon_in(&mut self, pfn: u64, page_size: usize) {
        self.next_frame += 1;
        let entry = P2mEntry::PRESENT | P2mEntry::ALLOCATED | self.next_frame << 14;
        self.p2m.insert(pfn, P2mEntry(entry));
        self.pages.insert(pfn, vec![0; page_size]);
    }
}

/// The domain.
pub struct Fake {
    pub dialect: Dialect,
    pub guest: Guest,
    pub page_size: usize,
    pub max_vcpu_id: u32,
    pub state: State,
    pub calls: Vec<PortCall>,
    /// Fails the call of this number.
    pub fault: Option<(usize, Errno)>,
    /// Fails every call of this kind.
    pub broken: Option<PortCall>,
    pub script: Option<Script>,
    pub exposed: bool,
    pub destroyed: bool,
    /// What there is to bring it back.
    pub ways_back: WaysBack,
    /// What the daemons of store and console were told last.
    pub introduced: Option<Introduction>,
    /// A source; otherwise log-dirty and suspension are out of place.
    p2m_end: u64,
}

impl Fake {
    pub fn new(dialect: Dialect, guest: Guest, page_size: usize, vcpus: &[u32]) -> Fake {
        let layout = dialect.spec().context;
        let field = layout_of_context(layout).find("privregs_pfn").unwrap();
        let mut contexts = BTreeMap::new();
        let mut pages = BTreeMap::from([(SHARED_INFO, vec![0; page_size])]);
        for &vcpu in vcpus {
            let mut context = vec![0; layout.size()];
            let frame = SHARED_INFO + 1 + u64::from(vcpu);
            context[field.offset..][..8].copy_from_slice(&frame.to_le_bytes());
            contexts.insert(vcpu, context);
            pages.insert(frame, vec![0; page_size]);
        }
        Fake {
            dialect,
            guest,
            page_size,
            max_vcpu_id: *vcpus.last().unwrap(),
            state: State {
                p2m: BTreeMap::new(),
                pages,
                contexts,
                params: BTreeMap::new(),
                hvm_context: Vec::new(),
                setup: Setup::default(),
                memmap: Vec::new(),
                shutdown: None,
                answer: Some(ShutdownReason::Suspend),
                dirty: None,
                device_model: Vec::new(),
                unmappable: Vec::new(),
                next_frame: 0,
            },
            calls: Vec::new(),
            fault: None,
            broken: None,
            script: None,
            exposed: false,
            destroyed: false,
            ways_back: WaysBack {
                call: true,
                reset: true,
                introduction: true,
            },
            introduced: None,
            p2m_end: 0,
        }
    }

    /// How large its p2m is said to be.
    pub fn with_p2m_size(mut self, pages: u64) -> Fake {
        self.p2m_end = pages;
        self
    }

    fn call(&mut self, call: PortCall) -> Result<(), PortError> {
        let number = self.calls.len();
        self.calls.push(call);
        assert!(
            !self.destroyed || call == PortCall::Destroy,
            "{} of a destroyed domain",
            call.name()
        );
        if let Some(script) = &mut self.script {
            script(call, &mut self.state);
        }
        if self.broken == Some(call) {
            return Err(PortError::new(call, Errno::EIO));
        }
        match self.fault {
            Some((at, errno)) if at == number => Err(PortError::new(call, errno)),
            _ => Ok(()),
        }
    }

    /// Where the context of vcpu 0 has what its call returns.
    pub fn result(&self) -> usize {
        let layout = layout_of_context(self.dialect.spec().context);
        let found = layout.find("regs.r[8]").or(layout.find("user_regs.r8"));
        found.expect("r8").offset
    }

    pub fn count(&self, call: PortCall) -> usize {
        self.calls.iter().filter(|made| **made == call).count()
    }
}

impl Domain for Fake {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn page_size(&self) -> usize {
        self.page_size
    }

    fn info(&mut self) -> Result<DomainInfo, PortError> {
        self.call(PortCall::Info)?;
        Ok(DomainInfo {
            guest: self.guest,
            max_vcpu_id: self.max_vcpu_id,
            paused: false,
            dying: false,
            shutdown: self.state.shutdown,
            tot_pages: self.state.p2m.len() as u64,
            max_pages: self.p2m_end,
            shared_info_frame: SHARED_INFO,
        })
    }

    fn maximum_gpfn(&mut self) -> Result<u64, PortError> {
        self.call(PortCall::MaximumGpfn)?;
        Ok(self.p2m_end)
    }

    fn expose_p2m(&mut self, memmap: Option<&[u8]>) -> Result<(), PortError> {
        self.call(PortCall::ExposeP2m)?;
        assert!(!self.exposed, "exposed twice");
        assert_eq!(memmap.is_some(), self.dialect.spec().version.has_memmap());
        if let Some(memmap) = memmap {
            self.state.memmap = memmap.to_vec();
        }
        self.exposed = true;
        Ok(())
    }

    fn read_p2m(&mut self, first: u64, entries: &mut [P2mEntry]) -> Result<(), PortError> {
        assert!(self.exposed, "the p2m is not exposed");
        for (entry, pfn) in entries.iter_mut().zip(first..) {
            *entry = self.state.p2m.get(&pfn).copied().unwrap_or_default();
        }
        Ok(())
    }

    fn unexpose_p2m(&mut self) -> Result<(), PortError> {
        self.call(PortCall::UnexposeP2m)?;
        self.exposed = false;
        Ok(())
    }

    fn read_pages(
        &mut self,
        gpfns: &[u64],
        out: &mut [u8],
        stride: usize,
        at: usize,
        results: &mut [PageResult],
    ) -> Result<(), PortError> {
        self.call(PortCall::ReadPages)?;
        for (index, gpfn) in gpfns.iter().enumerate() {
            let space = &mut out[index * stride + at..][..self.page_size];
            let mappable = !self.state.unmappable.contains(gpfn);
            match self.state.pages.get(gpfn) {
                Some(page) if mappable => {
                    space.copy_from_slice(page);
                    results[index] = Ok(());
                }
                _ => {
                    space.fill(0xee);
                    results[index] = Err(Errno::EINVAL);
                }
            }
        }
        Ok(())
    }

    fn vcpu_info(&mut self, vcpu: u32) -> Result<VcpuInfo, PortError> {
        self.call(PortCall::VcpuInfo)?;
        Ok(VcpuInfo {
            online: self.state.contexts.contains_key(&vcpu),
        })
    }

    fn vcpu_context(&mut self, vcpu: u32) -> Result<Vec<u8>, PortError> {
        self.call(PortCall::VcpuContext)?;
        Ok(self.state.contexts[&vcpu].clone())
    }

    fn write_pages(
        &mut self,
        run: PageRun<'_>,
        results: &mut [PageResult],
    ) -> Result<(), PortError> {
        self.call(PortCall::WritePages)?;
        for (record, result) in run.records().zip(results) {
            *result = match self.state.pages.get_mut(&record.gmfn) {
                Some(page) => {
                    page.copy_from_slice(record.page);
                    Ok(())
                }
                None => Err(Errno::EINVAL),
            };
        }
        Ok(())
    }

    fn set_vcpu_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), PortError> {
        self.call(PortCall::SetVcpuContext)?;
        // It keeps its own privregs page.
        let layout = self.dialect.spec().context;
        let field = layout_of_context(layout).find("privregs_pfn").unwrap();
        let mut context = context.to_vec();
        let frame = SHARED_INFO + 1 + u64::from(vcpu);
        self.state
            .pages
            .entry(frame)
            .or_insert(vec![0; self.page_size]);
        context[field.offset..][..8].copy_from_slice(&frame.to_le_bytes());
        assert!(Context::parse(layout, &context).is_some());
        self.state.contexts.insert(vcpu, context);
        Ok(())
    }

    fn pause(&mut self) -> Result<(), PortError> {
        self.call(PortCall::Pause)
    }

    fn unpause(&mut self) -> Result<(), PortError> {
        self.call(PortCall::Unpause)
    }

    fn destroy(&mut self) -> Result<(), PortError> {
        self.call(PortCall::Destroy)?;
        assert!(!self.exposed, "destroyed with its p2m exposed");
        self.destroyed = true;
        Ok(())
    }
}

impl SourceDomain for Fake {
    fn setup(&mut self) -> Result<Setup, PortError> {
        self.call(PortCall::Setup)?;
        Ok(self.state.setup)
    }

    fn memmap(&mut self) -> Result<Vec<u8>, PortError> {
        self.call(PortCall::Memmap)?;
        Ok(self.state.memmap.clone())
    }

    fn enable_log_dirty(&mut self) -> Result<(), PortError> {
        self.call(PortCall::EnableLogDirty)?;
        if self.state.dirty.is_some() {
            return Err(PortError::new(PortCall::EnableLogDirty, Errno::EINVAL));
        }
        self.state.dirty = Some(PfnBitmap::new(self.p2m_end));
        Ok(())
    }

    fn disable_log_dirty(&mut self) -> Result<(), PortError> {
        self.call(PortCall::DisableLogDirty)?;
        self.state.dirty = None;
        Ok(())
    }

    fn peek_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.call(PortCall::PeekDirty)?;
        dirty.clear();
        dirty.union(self.state.dirty.as_ref().expect("log-dirty is on"));
        Ok(())
    }

    fn clean_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.call(PortCall::CleanDirty)?;
        dirty.clear();
        let record = self.state.dirty.as_mut().expect("log-dirty is on");
        dirty.union(record);
        record.clear();
        Ok(())
    }

    fn device_model_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError> {
        self.call(PortCall::DeviceModelDirty)?;
        for pfn in self.state.device_model.drain(..) {
            dirty.insert(pfn);
        }
        Ok(())
    }

    fn suspend(&mut self) -> Result<(), PortError> {
        self.call(PortCall::Suspend)?;
        self.state.shutdown = self.state.answer;
        Ok(())
    }

    fn resume(&mut self) -> Result<(), PortError> {
        assert!(
            self.state.dirty.is_none() || self.exposed,
            "given back first"
        );
        self.call(PortCall::Resume)?;
        if self.guest == Guest::Pv && self.state.shutdown == Some(ShutdownReason::Suspend) {
            // Its suspend call has to return 1, or it has to look like a domain that was restored.
            let returned = self.state.contexts[&0][self.result()];
            assert!(
                returned == 1 || self.introduced.is_some(),
                "it stops in a BUG"
            );
            let at = self.result();
            self.state.contexts.get_mut(&0).unwrap()[at] = 0;
        }
        self.state.shutdown = None;
        Ok(())
    }

    fn ways_back(&mut self) -> Result<WaysBack, PortError> {
        self.call(PortCall::WaysBack)?;
        Ok(self.ways_back)
    }

    fn reset_channels(&mut self) -> Result<(u32, u32), PortError> {
        self.call(PortCall::ResetChannels)?;
        Ok((7, 8))
    }

    fn introduce(&mut self, introduction: &Introduction) -> Result<(), PortError> {
        self.call(PortCall::Introduce)?;
        self.introduced = Some(*introduction);
        Ok(())
    }

    fn hvm_param(&mut self, param: HvmParam) -> Result<u64, PortError> {
        self.call(PortCall::HvmParam)?;
        Ok(self.state.params.get(&param).copied().unwrap_or(0))
    }

    fn hvm_context_size(&mut self) -> Result<usize, PortError> {
        self.call(PortCall::HvmContextSize)?;
        Ok(self.state.hvm_context.len() + 1000)
    }

    fn hvm_context(&mut self, size: usize) -> Result<Vec<u8>, PortError> {
        self.call(PortCall::HvmContext)?;
        assert!(size >= self.state.hvm_context.len());
        Ok(self.state.hvm_context.clone())
    }
}

impl TargetDomain for Fake {
    fn set_setup(&mut self, setup: &Setup) -> Result<(), PortError> {
        self.call(PortCall::SetSetup)?;
        self.state.setup = *setup;
        Ok(())
    }

    fn populate(&mut self, gpfns: &[u64]) -> Result<Populated, PortError> {
        self.call(PortCall::Populate)?;
        for gpfn in gpfns {
            assert!(
                !self.state.p2m.contains_key(gpfn),
                "{gpfn:#x} populated twice"
            );
            self.state.balloon_in(*gpfn, self.page_size);
        }
        Ok(Populated {
            done: gpfns.len() as u64,
            error: None,
        })
    }

    fn decrease_reservation(&mut self, gpfns: &[u64]) -> Result<u64, PortError> {
        self.call(PortCall::DecreaseReservation)?;
        let before = self.state.p2m.len();
        for gpfn in gpfns {
            self.state.balloon_out(*gpfn);
        }
        Ok((before - self.state.p2m.len()) as u64)
    }

    fn clear_pages(&mut self, gpfns: &[u64]) -> Result<(), PortError> {
        self.call(PortCall::ClearPages)?;
        for gpfn in gpfns {
            self.state.pages.get_mut(gpfn).expect("there").fill(0);
        }
        Ok(())
    }

    fn rbs_voff(&mut self) -> Result<Option<u64>, PortError> {
        self.call(PortCall::RbsVoff)?;
        Ok(Some(0x34))
    }

    fn set_hvm_param(&mut self, param: HvmParam, value: u64) -> Result<(), PortError> {
        self.call(PortCall::SetHvmParam)?;
        assert_eq!(self.state.params.insert(param, value), None, "set twice");
        Ok(())
    }

    fn set_hvm_context(&mut self, context: &[u8]) -> Result<(), PortError> {
        self.call(PortCall::SetHvmContext)?;
        self.state.hvm_context = context.to_vec();
        Ok(())
    }
}

/// A sink that keeps what it gets; each page takes a millisecond.
#[derive(Default)]
pub struct Kept {
    pub bytes: Vec<u8>,
    pub space: Vec<u8>,
    pub flushed: usize,
    /// Refuses what goes beyond.
    pub room: Option<usize>,
}

impl Sink for Kept {
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError> {
        assert!(bytes <= Self::LARGEST);
        self.space.clear();
        self.space.resize(bytes, 0xdd);
        Ok(&mut self.space)
    }

    fn commit(&mut self, bytes: usize) -> Result<(), SinkError> {
        if self
            .room
            .is_some_and(|room| self.bytes.len() + bytes > room)
        {
            return Err(SinkError {
                reason: "full".to_string(),
            });
        }
        self.bytes.extend_from_slice(&self.space[..bytes]);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.flushed = self.bytes.len();
        Ok(())
    }

    fn now(&mut self) -> Duration {
        Duration::from_micros(self.bytes.len() as u64 / 16)
    }
}
