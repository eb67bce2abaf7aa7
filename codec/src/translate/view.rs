//! All mappings of a vcpu.

use alloc::vec::Vec;
use core::fmt;

use super::register::{Register, Slot};
use crate::dialect::{Dialect, Guest};
use crate::image::{Image, Vcpu};
use crate::memory::{Memory, Run};
use crate::pfns::Pfns;
use crate::wire::privregs::MappedRegs;
use crate::wire::vcpu_context::Context;

/// psr.dt: data addresses are virtual.
const PSR_DT: u64 = 1 << 17;
/// psr.it: code addresses are virtual.
const PSR_IT: u64 = 1 << 36;
/// Bits of an address within its region.
const IN_REGION: u64 = (1 << 61) - 1;
/// What a physical address has in bit 63 when the access is uncached.
const UNCACHED: u64 = 1 << 63;

/// What maps an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// A translation register.
    Register(Slot),
    /// The one-to-one mapping of region 6 or 7, as Linux made it.
    Region(u8),
    /// The vcpu uses physical addresses.
    Physical,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Register(slot) => slot.fmt(f),
            By::Region(number) => write!(f, "region {number}, one to one"),
            By::Physical => f.write_str("physical addressing"),
        }
    }
}

/// A range of virtual addresses with what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First virtual address.
    pub first: u64,
    /// Last virtual address.
    pub last: u64,
    /// Guest physical address of the first.
    pub physical: u64,
    /// What says so.
    pub by: By,
}

impl Mapping {
    fn part(&self, first: u64, last: u64) -> Self {
        Mapping {
            first,
            last,
            physical: self.physical + (first - self.first),
            by: self.by,
        }
    }
}

/// Virtual addresses with pages behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First virtual address.
    pub virt: u64,
    /// Guest physical address of the first.
    pub physical: u64,
    /// Bytes.
    pub size: u64,
    /// The run that holds them.
    pub run: Run,
    /// What maps them.
    pub by: By,
}

/// Why an address leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unresolved {
    /// A process's address: only its page tables know.
    Process(u8),
    /// A kernel address that no translation register pins: only the page tables know.
    PageTables(u8),
    /// The translation register that would map it is for another region id than the region has.
    OtherRegion(Slot, u64),
    /// It is mapped to a page that the memory does not have.
    NoPage {
        /// The guest physical address.
        physical: u64,
        /// What maps it.
        by: By,
    },
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unresolved::Process(region) => write!(
                f,
                "region {region} belongs to processes, whose page tables only the guest's kernel walks"
            ),
            Unresolved::PageTables(region) => write!(
                f,
                "no translation register maps it, and the page tables of region {region} only the \
                 guest's kernel walks"
            ),
            Unresolved::OtherRegion(slot, rid) => write!(
                f,
                "{slot} maps it for region id {rid:#x}, which its region register does not have"
            ),
            Unresolved::NoPage { physical, by } => write!(
                f,
                "{by} leads to guest physical {physical:#x}, which has no page in the image"
            ),
        }
    }
}

impl core::error::Error for Unresolved {}

/// How a vcpu sees memory.
#[derive(Clone, Debug)]
pub struct View {
    /// Ascending, without overlap.
    mappings: Vec<Mapping>,
    /// Registers whose region id is not that of their region register.
    inactive: Vec<Register>,
    /// Registers that another mapping hides in part, with a different page behind.
    hidden: Vec<Register>,
    physical: bool,
}

impl View {
    /// The view of a vcpu of an image. `None` where its context cannot be read.
    pub fn of_vcpu(image: &Image, vcpu: &Vcpu) -> Option<View> {
        let context = Context::parse(vcpu.layout, &vcpu.context.bytes)?;
        let regs = image.read_as().and_then(|dialect: Dialect| {
            let layout = *dialect.spec().mapped_regs.last()?;
            MappedRegs::parse(layout, &vcpu.privregs.as_ref()?.bytes)
        });
        Some(View::new(
            image.guest().unwrap_or(Guest::Pv),
            &context,
            regs.as_ref(),
        ))
    }

    /// The view of a vcpu with these registers.
    pub fn new(guest: Guest, context: &Context, regs: Option<&MappedRegs>) -> View {
        let own = context.rr();
        let shared = regs.filter(|_| guest == Guest::Pv).map(MappedRegs::rrs);
        // A PV guest's own are in its privregs page; those in the context are what Xen loaded.
        let rid = |region: usize| -> Option<u64> {
            let rr = shared
                .and_then(|rrs| rrs.get(region))
                .or_else(|| own.and_then(|rrs| rrs.get(region)))?;
            (*rr != 0 && *rr != u64::MAX).then_some(rr >> 8 & 0xff_ffff)
        };
        let metaphysical = regs
            .filter(|_| guest == Guest::Pv)
            .map(|regs| regs.metaphysical_mode() != 0);
        let psr = context.psr();
        let physical = metaphysical.unwrap_or(psr & PSR_DT == 0 || psr & PSR_IT == 0);

        let mut view = View {
            mappings: Vec::new(),
            inactive: Vec::new(),
            hidden: Vec::new(),
            physical,
        };
        if physical {
            for base in [0, UNCACHED] {
                view.add(Mapping {
                    first: base,
                    last: base | IN_REGION,
                    physical: 0,
                    by: By::Physical,
                });
            }
        }
        let data = context.dtrs().iter().enumerate();
        let data = data.filter_map(|(n, entry)| Register::decode(Slot::Data(n), entry));
        let code = context.itrs().iter().enumerate();
        let code = code.filter_map(|(n, entry)| Register::decode(Slot::Code(n), entry));
        for register in data.chain(code) {
            if rid(register.region()).is_some_and(|rid| rid != register.rid) {
                view.inactive.push(register);
                continue;
            }
            let mapping = Mapping {
                first: register.first,
                last: register.last(),
                physical: register.physical,
                by: By::Register(register.slot),
            };
            if view.contradicts(&mapping) {
                view.hidden.push(register);
            }
            view.add(mapping);
        }
        for region in [7u8, 6] {
            let base = u64::from(region) << 61;
            view.add(Mapping {
                first: base,
                last: base | IN_REGION,
                physical: 0,
                by: By::Region(region),
            });
        }
        view
    }

    /// Adds what is not mapped yet.
    fn add(&mut self, new: Mapping) {
        let mut parts = Vec::new();
        let mut from = Some(new.first);
        for old in &self.mappings {
            let Some(first) = from else { break };
            if old.last < first {
                continue;
            }
            if old.first > new.last {
                break;
            }
            if old.first > first {
                parts.push(new.part(first, old.first - 1));
            }
            from = old.last.checked_add(1).filter(|next| *next <= new.last);
        }
        if let Some(first) = from {
            parts.push(new.part(first, new.last));
        }
        self.mappings.extend(parts);
        self.mappings.sort_unstable_by_key(|mapping| mapping.first);
    }

    /// Whether an address of it is mapped to something else already.
    fn contradicts(&self, new: &Mapping) -> bool {
        self.mappings.iter().any(|old| {
            let first = old.first.max(new.first);
            first <= old.last.min(new.last)
                && old.part(first, first).physical != new.part(first, first).physical
        })
    }

    /// The mappings, ascending by virtual address.
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// The vcpu uses physical addresses.
    pub fn is_physical(&self) -> bool {
        self.physical
    }

    /// Translation registers for another region id than their region has now.
    pub fn inactive(&self) -> &[Register] {
        &self.inactive
    }

    /// Translation registers that an earlier mapping hides with other pages: data wins over code.
    pub fn hidden(&self) -> &[Register] {
        &self.hidden
    }

    /// Where an address leads: the guest physical address, and what says so.
    ///
    /// # Errors
    /// Why it leads nowhere; whether a page is there is not looked at.
    pub fn translate(&self, address: u64) -> Result<(u64, By), Unresolved> {
        let place = self.mappings.partition_point(|m| m.last < address);
        if let Some(mapping) = self.mappings.get(place).filter(|m| m.first <= address) {
            let physical = mapping.physical + (address - mapping.first);
            return Ok((physical, mapping.by));
        }
        let other = self.inactive.iter();
        let mut other = other.filter(|r| (r.first..=r.last()).contains(&address));
        Err(match (other.next(), (address >> 61) as u8) {
            (Some(register), _) => Unresolved::OtherRegion(register.slot, register.rid),
            (None, region @ 0..5) => Unresolved::Process(region),
            (None, region) => Unresolved::PageTables(region),
        })
    }

    /// As [`Self::translate`], and the page has to be there.
    ///
    /// # Errors
    /// Why it leads nowhere.
    pub fn resolve(&self, memory: &Memory<'_>, address: u64) -> Result<(u64, By), Unresolved> {
        let (physical, by) = self.translate(address)?;
        match memory.run_of(physical / memory.page_size()) {
            Some(_) => Ok((physical, by)),
            None => Err(Unresolved::NoPage { physical, by }),
        }
    }

    /// Every part of the view that has pages, ascending by virtual address.
    pub fn segments(&self, memory: &Memory<'_>) -> Vec<Segment> {
        let size = memory.page_size();
        let mut segments = Vec::new();
        for mapping in &self.mappings {
            let last = mapping.physical + (mapping.last - mapping.first);
            let pfns = Pfns::new(mapping.physical / size, last / size);
            for run in pfns.into_iter().flat_map(|pfns| memory.within(pfns)) {
                // Frames that no address reaches are beyond `last` and never come here.
                let begin = (run.pfns.first() * size).max(mapping.physical);
                let end = run.pfns.last() * size + (size - 1);
                let end = end.min(last);
                segments.push(Segment {
                    virt: mapping.first + (begin - mapping.physical),
                    physical: begin,
                    size: end - begin + 1,
                    run,
                    by: mapping.by,
                });
            }
        }
        segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ContextLayout;
    use crate::wire::layout_of_context;
    use alloc::vec;

    /// A context with these words.
    fn context(words: &[(&str, u64)]) -> Context {
        let layout = layout_of_context(ContextLayout::F);
        let mut bytes = vec![0; layout.size];
        for (path, word) in words {
            let at = layout.find(path).unwrap().offset;
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        Context::parse(ContextLayout::F, &bytes).unwrap()
    }

    const VIRTUAL: (&str, u64) = ("regs.psr", PSR_DT | PSR_IT);

    #[test]
    fn a_linux_kernel_is_found_by_its_register_and_its_regions() {
        let context = context(&[
            VIRTUAL,
            ("regs.rr[5]", 0x10539),
            ("regs.tr.dtrs[0].pte", 0x0010_0000_0400_0661),
            ("regs.tr.dtrs[0].itir", 0x68),
            ("regs.tr.dtrs[0].vadr", 0xa000_0001_0000_0000),
            ("regs.tr.dtrs[0].rid", 0x105),
        ]);
        let view = View::new(Guest::Hvm, &context, None);
        assert!(!view.is_physical());
        let register = By::Register(Slot::Data(0));
        assert_eq!(
            view.translate(0xa000_0001_0000_1234),
            Ok((0x400_1234, register))
        );
        assert_eq!(
            view.translate(0xe000_0000_0000_4000),
            Ok((0x4000, By::Region(7)))
        );
        assert_eq!(
            view.translate(0xc000_0000_0000_4000),
            Ok((0x4000, By::Region(6)))
        );
        assert_eq!(view.translate(u64::MAX), Ok((IN_REGION, By::Region(7))));
        let vmalloc = view.translate(0xa000_0002_0000_0000);
        assert_eq!(vmalloc, Err(Unresolved::PageTables(5)));
        assert_eq!(view.translate(0x4000), Err(Unresolved::Process(0)));
    }

    #[test]
    fn a_register_of_another_address_space_maps_nothing() {
        let context = context(&[
            VIRTUAL,
            ("regs.rr[5]", 0x10639),
            ("regs.tr.itrs[3].pte", 0x4000_0661),
            ("regs.tr.itrs[3].itir", 14 << 2),
            ("regs.tr.itrs[3].vadr", 0xa000_0000_0000_0000),
            ("regs.tr.itrs[3].rid", 0x105),
        ]);
        let view = View::new(Guest::Hvm, &context, None);
        let error = Err(Unresolved::OtherRegion(Slot::Code(3), 0x105));
        assert_eq!(view.translate(0xa000_0000_0000_0010), error);
        assert_eq!(view.inactive().len(), 1);
    }

    #[test]
    fn a_register_stands_before_the_region_that_it_lies_in() {
        let context = context(&[
            VIRTUAL,
            ("regs.tr.dtrs[1].pte", 0x8000_0661),
            ("regs.tr.dtrs[1].itir", 16 << 2),
            ("regs.tr.dtrs[1].vadr", 0xffff_ffff_ffff_0000),
            ("regs.tr.itrs[1].pte", 0x1_0000_0661),
            ("regs.tr.itrs[1].itir", 16 << 2),
            ("regs.tr.itrs[1].vadr", 0xffff_ffff_ffff_0000),
        ]);
        let view = View::new(Guest::Hvm, &context, None);
        let register = By::Register(Slot::Data(1));
        assert_eq!(view.translate(u64::MAX), Ok((0x8000_ffff, register)));
        assert_eq!(
            view.translate(0xffff_ffff_fffe_ffff).unwrap().1,
            By::Region(7)
        );
        assert_eq!(view.hidden().len(), 1);
        assert_eq!(view.mappings().len(), 3);
    }

    #[test]
    fn without_translation_an_address_is_physical() {
        let view = View::new(Guest::Hvm, &context(&[]), None);
        assert!(view.is_physical());
        assert_eq!(view.translate(0x1234), Ok((0x1234, By::Physical)));
        assert_eq!(
            view.translate(UNCACHED | 0x1234),
            Ok((0x1234, By::Physical))
        );
        assert_eq!(
            view.translate(0x2000_0000_0000_0000),
            Err(Unresolved::Process(1))
        );
    }
}
