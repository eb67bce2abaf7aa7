//! All that a vcpu sees.

use alloc::vec::Vec;
use core::fmt;

use super::fault::Fault;
use super::fixed::{Fixed, Mapping};
use super::geometry::Geometry;
use super::how::How;
use super::overlay::Overlay;
use super::registers::Registers;
use super::stack::RegisterStack;
use super::tables::{Directory, Tables};
use super::tr::Register;
use crate::dialect::Guest;
use crate::era::Era;
use crate::image::{Section, Vcpu};
use crate::memory::Memory;
use crate::wire::arch_setup::ArchSetup;
use crate::wire::vcpu_context::Context;

/// Bytes of a page of Xen.
const XEN_PAGE: u64 = crate::PAGE_SIZE as u64;

/// How a vcpu sees memory.
///
/// ```
/// # use bytes::Bytes;
/// # use ia64save_codec::image::{Image, Options};
/// use ia64save_codec::memory::Memory;
/// use ia64save_codec::translate::View;
///
/// # fn look(image: &Image) -> Option<u64> {
/// let memory = Memory::new(image, 0);
/// let view = View::new(&memory, 0, 0).ok()?; // vcpu 0 of the first checkpoint
/// let banner = view.translate(0xa000_0001_0000_0000).ok()?;
/// let mut bytes = [0; 64];
/// view.read(0xa000_0001_0000_0000, &mut bytes).ok()?;
/// banner.physical
/// # }
/// # assert_eq!(look(&Image::parse(&Bytes::new(), &Options::default())), None);
/// ```
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub(super) memory: &'a Memory<'a>,
    registers: Registers,
    pub(super) fixed: Fixed,
    pub(super) tables: Tables,
    pub(super) windows: Vec<Window<'a>>,
    stack: Option<RegisterStack>,
    pub(super) overlay: Overlay,
}

/// A page of Xen's that a PV guest sees: no part of its memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    pub first: u64,
    pub page: &'a Section,
    pub how: How,
}

impl Window<'_> {
    /// Where an address is in it, if it is.
    pub fn offset(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.first)?;
        (offset < self.page.bytes.len() as u64).then_some(offset)
    }
}

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The guest physical address; `None` of shared_info and privregs pages, which are no memory of the
    /// guest.
    pub physical: Option<u64>,
    /// File offset of the byte; `None` where the image has no page for it.
    pub offset: Option<u64>,
    /// What maps it.
    pub how: How,
    /// Bytes from here to the end of what maps it, itself included.
    pub left: u64,
}

/// Why there is no view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoView {
    /// The checkpoint has no vcpu of that number.
    NoVcpu(u32),
    /// Its context is not whole.
    NoContext(u32),
}

impl fmt::Display for NoView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoView::NoVcpu(id) => write!(f, "no vcpu {id}"),
            NoView::NoContext(id) => write!(f, "no whole context of vcpu {id}"),
        }
    }
}

impl core::error::Error for NoView {}

impl<'a> View<'a> {
    /// The view of a vcpu of a checkpoint, whose memory this is.
    ///
    /// # Errors
    /// Where there is no such vcpu, or its context cannot be read.
    pub fn new(memory: &'a Memory<'a>, checkpoint: usize, id: u32) -> Result<Self, NoView> {
        let round = memory.image().checkpoints.get(checkpoint);
        let vcpus = round.map_or(&[][..], |round| &round.vcpus);
        let vcpu = vcpus.iter().find(|vcpu| vcpu.id == id);
        Self::of_vcpu(memory, checkpoint, vcpu.ok_or(NoView::NoVcpu(id))?)
    }

    /// The view of that vcpu.
    ///
    /// # Errors
    /// Where its context cannot be read.
    pub fn of_vcpu(
        memory: &'a Memory<'a>,
        checkpoint: usize,
        vcpu: &'a Vcpu,
    ) -> Result<Self, NoView> {
        let image = memory.image();
        let guest = image.guest().unwrap_or(Guest::Pv);
        let none = NoView::NoContext(vcpu.id);
        let registers = Registers::of_vcpu(vcpu, guest, image.era()).ok_or(none)?;
        let mut view = Self::of(memory, registers);
        if guest == Guest::Pv {
            view.open_windows(checkpoint, vcpu);
        }
        let context = Context::parse(vcpu.layout, &vcpu.context.bytes).ok_or(none)?;
        let era = image.era().unwrap_or(Era::D11B);
        view.stack = RegisterStack::of(&context, era, guest);
        if let Some(stack) = &view.stack {
            view.overlay = view.laid_over(stack);
        }
        Ok(view)
    }

    /// The view of a vcpu with these registers, of which nothing else is known.
    pub fn of(memory: &'a Memory<'a>, registers: Registers) -> Self {
        let fixed = Fixed::new(&registers, memory, false);
        View {
            memory,
            tables: Tables::new(&registers, &fixed, memory),
            fixed,
            registers,
            windows: Vec::new(),
            stack: None,
            overlay: Overlay::default(),
        }
    }

    /// The pages that Xen maps for a PV guest, wherever it asked for them.
    fn open_windows(&mut self, checkpoint: usize, vcpu: &'a Vcpu) {
        let image = self.memory.image();
        let setup = || {
            let layout = image.arch_setup_layout()?;
            ArchSetup::parse(layout, &image.arch_setup.as_ref()?.bytes)
        };
        let Some(first) = setup().map(|setup| setup.xsi_va()).filter(|at| *at != 0) else {
            return;
        };
        let shared = image.checkpoints.get(checkpoint);
        let shared = shared.and_then(|round| round.shared_info.as_ref());
        let pages = [
            (0, shared, How::SharedInfo),
            (XEN_PAGE, vcpu.privregs.as_ref(), How::Privregs),
        ];
        for (offset, page, how) in pages {
            if let (Some(first), Some(page)) = (first.checked_add(offset), page) {
                self.windows.push(Window { first, page, how });
            }
        }
    }

    /// The view of a process: regions 0 to 4 are mapped by the page directory at that guest physical
    /// address, not by that which `ar.k7` names.
    #[must_use]
    pub fn with_directory(mut self, physical: u64) -> Self {
        self.fixed = Fixed::new(&self.registers, self.memory, true);
        self.tables.given(self.memory, Some(physical), None);
        self
    }

    /// Region 5 is mapped by the page directory at that guest physical address (`swapper_pg_dir`), not by
    /// that which the miss handler names.
    #[must_use]
    pub fn with_kernel_directory(mut self, physical: u64) -> Self {
        self.tables.given(self.memory, None, Some(physical));
        self
    }

    /// The memory.
    pub fn memory(&self) -> &'a Memory<'a> {
        self.memory
    }

    /// What of the vcpu decides.
    pub fn registers(&self) -> &Registers {
        &self.registers
    }

    /// The dirty part of its register stack. `None` where no stack has such bounds.
    pub fn stack(&self) -> Option<&RegisterStack> {
        self.stack.as_ref()
    }

    /// How page tables are laid out.
    pub fn geometry(&self) -> Geometry {
        self.tables.geometry
    }

    /// The pages that Xen shows a PV guest, which are no memory of it: first virtual address, the page, and
    /// which it is.
    pub fn windows(&self) -> impl Iterator<Item = (u64, &'a Section, How)> + '_ {
        let windows = self.windows.iter();
        windows.map(|window| (window.first, window.page, window.how))
    }

    /// The page directory of regions 0 to 4, a guest physical address, and what names it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn process_directory(&self) -> Directory {
        self.tables.process
    }

    /// The page directory of region 5.
    ///
    /// # Errors
    /// Why there is none.
    pub fn kernel_directory(&self) -> Directory {
        self.tables.kernel
    }

    /// What is mapped without tables, ascending by virtual address.
    pub fn pinned(&self) -> &[Mapping] {
        &self.fixed.mappings
    }

    /// The vcpu uses physical addresses.
    pub fn is_physical(&self) -> bool {
        self.registers.physical
    }

    /// Translation registers for another region id than their region has now.
    pub fn inactive(&self) -> &[Register] {
        &self.fixed.inactive
    }

    /// Translation registers that an earlier mapping hides with other pages: data wins over code.
    pub fn hidden(&self) -> &[Register] {
        &self.fixed.hidden
    }

    /// Where an address leads, and what says so. That it translates does not mean that the image has the
    /// page: [`Translation::offset`] says that.
    ///
    /// # Errors
    /// Why it leads nowhere.
    pub fn translate(&self, address: u64) -> Result<Translation, Fault> {
        for window in &self.windows {
            if let Some(offset) = window.offset(address) {
                return Ok(Translation {
                    physical: None,
                    offset: Some(window.page.offset + offset),
                    how: window.how,
                    left: window.page.bytes.len() as u64 - offset,
                });
            }
        }
        if let Some(mapping) = self.fixed.of(address) {
            let physical = mapping.physical + (address - mapping.first);
            let left = (mapping.last - address).saturating_add(1);
            return Ok(self.found(physical, mapping.how, left));
        }
        let mut other = self.fixed.inactive.iter();
        let other = other.find(|r| (r.first..=r.last()).contains(&address));
        let region = (address >> 61) as usize;
        let walked = match region {
            6 | 7 => Err(Fault::NoPhysical),
            _ => {
                let log2 = self.registers.page_log2(region);
                self.tables.walk(self.memory, address, log2)
            }
        };
        match (walked, other) {
            (Ok((leaf, how)), _) => {
                let within = address & ((1 << leaf.log2) - 1);
                Ok(self.found(leaf.physical | within, how, (1 << leaf.log2) - within))
            }
            (Err(_), Some(register)) => Err(Fault::OtherRegion {
                slot: register.slot,
                rid: register.rid,
            }),
            (Err(fault), None) => Err(fault),
        }
    }

    fn found(&self, physical: u64, how: How, left: u64) -> Translation {
        Translation {
            physical: Some(physical),
            offset: self.offset_of(physical),
            how,
            left,
        }
    }

    /// The words of a stack, where this view maps them to pages of the image.
    pub fn laid_over(&self, stack: &RegisterStack) -> Overlay {
        let resolved = |address| {
            let to = self.translate(address).ok()?;
            Some((to.physical?, to.left))
        };
        Overlay::of(stack, resolved, |physical| {
            self.offset_of(physical).is_some()
        })
    }

    /// File offset of the byte at a guest physical address, where the image has its page.
    pub fn offset_of(&self, physical: u64) -> Option<u64> {
        let size = self.memory.page_size();
        let pfn = physical.checked_div(size)?;
        Some(self.memory.run_of(pfn)?.offset_of(pfn) + physical % size)
    }

    /// Every virtual address of a guest physical one that registers and regions give; what tables map
    /// [`Backward`](super::Backward) knows.
    pub fn pinned_at(&self, physical: u64) -> impl Iterator<Item = (u64, How)> + '_ {
        self.fixed.mappings.iter().filter_map(move |mapping| {
            let offset = physical.checked_sub(mapping.physical)?;
            (offset <= mapping.last - mapping.first).then(|| (mapping.first + offset, mapping.how))
        })
    }
}
