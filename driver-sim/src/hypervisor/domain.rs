//! A domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use ia64save_codec::Guest;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::ShutdownReason;

use super::channels::Channels;
use super::devices::Devices;
use super::era::Era;
use super::kernel::Kernel;
use super::memory::{Memory, Pool};
use super::places::shared_info_frame;
use super::vcpu::{Shared, Vcpu, fresh_privregs, hvm_privregs_pfn};
use crate::fields::Fields;
use crate::workload::{Script, Workload};
use ia64save_codec::wire::{layout_of_shared_info, layout_of_start_info};

pub(crate) struct Domain {
    pub(crate) guest: Guest,
    pub(crate) memory: Memory,
    pub(crate) max_pages: u64,
    pub(crate) vcpus: Vec<Vcpu>,
    pub(crate) paused: bool,
    pub(crate) dying: bool,
    pub(crate) shutdown: Option<ShutdownReason>,
    pub(crate) setup: SetupState,
    /// HVM parameters by index; those never set are 0.
    pub(crate) params: BTreeMap<u64, u64>,
    pub(crate) devices: Devices,
    pub(crate) exposed: bool,
    pub(crate) mapped_pages: u64,
    pub(crate) device_model: DeviceModel,
    pub(crate) suspends: Suspends,
    pub(crate) channels: Channels,
    pub(crate) kernel: Option<Kernel>,
    /// vcpu 0 as it was before its guest suspended itself.
    before_call: Option<Vcpu>,
    pub(crate) workload: Option<Workload>,
    pub(crate) script: Option<Script>,
    /// The memory map that a builder has put into the guest's memory, or a restore has shown.
    pub(crate) memmap: Option<(u64, u64)>,
}

/// What setup has told the hypervisor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SetupState {
    pub(crate) done: bool,
    pub(crate) convmem_end: u64,
    pub(crate) bp: u64,
    pub(crate) xsi_va: u64,
    pub(crate) hypercall_imm: u32,
    pub(crate) vhpt_size_log2: i8,
}

/// The device model's own record of the pages that it has written to.
#[derive(Default)]
pub(crate) struct DeviceModel {
    pub(crate) recording: bool,
    pub(crate) dirty: PfnBitmap,
    pub(crate) stopped: bool,
}

/// What a guest does when it is asked to suspend itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suspends {
    /// It suspends itself.
    #[default]
    Obeys,
    /// It goes on; whoever waits runs into a time-out.
    Ignores,
    /// It shuts down for another reason.
    ShutsDown(ShutdownReason),
}

impl Domain {
    pub(crate) fn new(
        era: Era,
        guest: Guest,
        vcpus: u32,
        max_pages: u64,
        page_size: usize,
        pool: &Arc<Pool>,
    ) -> Self {
        let mut domain = Domain {
            guest,
            memory: Memory::new(page_size, pool),
            max_pages,
            vcpus: vec![Vcpu::new(era, guest); vcpus as usize],
            paused: true,
            dying: false,
            shutdown: None,
            setup: SetupState {
                xsi_va: era.spec().xsi_va,
                hypercall_imm: 0x1000,
                ..SetupState::default()
            },
            params: BTreeMap::new(),
            devices: Devices::new(),
            exposed: false,
            mapped_pages: 0,
            device_model: DeviceModel::default(),
            suspends: Suspends::default(),
            channels: Channels::default(),
            kernel: None,
            before_call: None,
            workload: None,
            script: None,
            memmap: None,
        };
        domain.add_special_pages(era, page_size);
        domain
    }

    fn add_special_pages(&mut self, era: Era, page_size: usize) {
        let frame = shared_info_frame(era);
        let privregs = if self.guest == Guest::Pv {
            self.vcpus.len() as u64
        } else {
            0
        };
        for n in 0..=privregs {
            self.memory.add(frame + n);
            self.memory.disown(frame + n);
        }
        for (vcpu, page) in (0..).zip(fresh_privregs(era, privregs, page_size)) {
            if let Some(place) = self.memory.page_mut(frame + 1 + vcpu) {
                place.copy_from_slice(&page);
            }
        }
    }

    /// Setup says that this is an HVM domain after all (3.2 learns it so).
    pub(crate) fn turn(&mut self, era: Era, guest: Guest) {
        if self.guest == guest {
            return;
        }
        self.guest = guest;
        for vcpu in &mut self.vcpus {
            vcpu.turn(era, guest);
        }
    }

    /// Memory that belongs to the guest ends below this.
    pub(crate) fn memory_bound(era: Era) -> u64 {
        shared_info_frame(era)
    }

    /// One more than the highest gpfn: what setup said, or else where memory ends.
    pub(crate) fn gpfn_end(&self, era: Era) -> u64 {
        let page = self.memory_page_size();
        match self.setup.convmem_end.div_ceil(page) {
            0 => self.memory.end_below(Domain::memory_bound(era)),
            end => end,
        }
    }

    fn memory_page_size(&self) -> u64 {
        self.memory.page_size() as u64
    }

    /// Whether the guest is on a processor.
    pub(crate) fn runs(&self) -> bool {
        !self.paused && !self.dying && self.shutdown.is_none()
    }

    /// The guest of a PV domain makes its suspend call.
    pub(crate) fn make_call(&mut self, era: Era) {
        if self.guest == Guest::Hvm || self.vcpus.is_empty() {
            return;
        }
        self.before_call = Some(self.vcpus[0].clone());
        if self.kernel.is_some() {
            self.vcpus[0].enter_call(era);
        }
    }

    /// The suspend call returns, and the guest's kernel goes on, or crashes.
    pub(crate) fn return_from_call(&mut self, era: Era) {
        let standing = self
            .vcpus
            .first()
            .is_some_and(|vcpu| vcpu.stands_in_call(era));
        let before = self.before_call.take();
        let called = before.is_some() || standing;
        if let Some(kernel) = self.kernel.filter(|_| called) {
            let returned = self.vcpus[0].returned(era);
            let ports = self.start_info_ports(era);
            if !kernel.goes_on(returned, &mut self.channels, ports) {
                self.shutdown = Some(ShutdownReason::Crash);
                return;
            }
        }
        if let Some(before) = before {
            // What the call returned is dealt with.
            self.vcpus[0] = before;
        }
    }

    /// The ports of store and console, as start_info says. Where pages are too short for that, 1 and 2.
    fn start_info_ports(&self, era: Era) -> (u32, u32) {
        let find = || {
            let info = self.memory.page(shared_info_frame(era))?.to_vec();
            let info = Fields::new(layout_of_shared_info(era.shared_info()), &info);
            let pfn = info.get("arch.start_info_pfn")?;
            let page = self.memory.page(pfn)?.to_vec();
            let fields = Fields::new(layout_of_start_info(era.start_info()), &page);
            let console = fields
                .get("console_evtchn")
                .or(fields.get("console.domU.evtchn"))?;
            Some((fields.get("store_evtchn")? as u32, console as u32))
        };
        find().unwrap_or((1, 2))
    }

    /// The pages that a PV vcpu shares with the hypervisor.
    pub(crate) fn shared(&self, era: Era, vcpu: u32) -> Option<Shared> {
        let frame = shared_info_frame(era);
        let page = |gpfn| self.memory.page(gpfn).map(<[u8]>::to_vec);
        (self.guest == Guest::Pv).then_some(())?;
        Some(Shared {
            privregs: page(frame + 1 + u64::from(vcpu))?,
            shared_info: page(frame)?,
        })
    }

    pub(crate) fn put_shared(&mut self, era: Era, vcpu: u32, shared: &Shared) {
        let frame = shared_info_frame(era);
        let pages = [
            (frame + 1 + u64::from(vcpu), &shared.privregs),
            (frame, &shared.shared_info),
        ];
        for (gpfn, page) in pages {
            if let Some(place) = self.memory.page_mut(gpfn) {
                place.copy_from_slice(page);
            }
        }
    }

    /// What get-context reports as the frame of a vcpu's privregs page.
    pub(crate) fn privregs_pfn(&self, era: Era, vcpu: u32) -> u64 {
        match self.guest {
            Guest::Pv => shared_info_frame(era) + 1 + u64::from(vcpu),
            Guest::Hvm => hvm_privregs_pfn(era, vcpu.into()),
        }
    }

    /// Whether something of it is held, so that it cannot go away.
    pub(crate) fn is_held(&self) -> bool {
        self.exposed || self.mapped_pages > 0
    }
}
