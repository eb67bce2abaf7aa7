//! Where the memory of a domain is: the maps that the real builders made.
//!
//! Pfns are those of 16 KiB pages, whatever the page size. Where pages are smaller than the 4 KiB in
//! which descriptors count, ranges begin and end at whole units.

use std::ops::Range;

use ia64save_codec::Guest;
use ia64save_codec::dialect::MagicPfn;
use ia64save_codec::wire::Wire;
use ia64save_codec::wire::memmap::{
    EFI_CONVENTIONAL_MEMORY, EFI_MEMORY_WB, EfiMemoryDesc, MemmapInfo,
};

use super::spec::GuestSpec;
use crate::hypervisor::Era;
use ia64save_generate::Random;

/// The VGA frame buffer of an HVM domain.
const VGA: Range<u64> = 0x28..0x30;
/// Devices below 4 GiB, then the I/O ports.
const LOW_IO: Range<u64> = 0x3_0000..0x3_9000;
/// The pages that an HVM domain shares with its device model, then that of the memory map.
const SPECIAL: Range<u64> = 0x3_9000..0x3_9005;
/// The interrupt controller, and the interrupt block of the processors.
const IOSAPIC: Range<u64> = 0x3_fb00..0x3_fb40;
const PIB: Range<u64> = 0x3_fb80..0x3_fc00;
/// The firmware ends at 4 GiB.
const FIRMWARE_END: u64 = 0x4_0000;
/// Most pages of firmware.
const FIRMWARE: u64 = 0x400;
/// Pages at the top of a PV domain: memory map, start_info, xenstore, console.
const TOP: u64 = 4;
/// Most pages of the memory map.
const MEMMAP_PAGES: u64 = 64;

pub(super) struct Map {
    /// RAM by pfn, in the order of the descriptors.
    pub(super) ram: Vec<Range<u64>>,
    pub(super) descriptors: Vec<EfiMemoryDesc>,
    /// Frames of devices.
    pub(super) io: Vec<Range<u64>>,
    /// One more than the highest pfn.
    pub(super) end: u64,
    pub(super) memmap: Range<u64>,
    /// PV only.
    pub(super) start_info: Option<u64>,
    pub(super) console: u64,
    pub(super) store: u64,
    pub(super) ioreq: u64,
    pub(super) bufioreq: u64,
    pub(super) bufpioreq: u64,
}

impl Map {
    /// `None` where the specification makes no domain.
    pub(super) fn new(spec: &GuestSpec, era: Era, page_size: usize) -> Option<Map> {
        let unit = (4096 / page_size as u64).max(1);
        if spec.pages == 0 || spec.vcpus == 0 || !(1..=MEMMAP_PAGES).contains(&spec.memmap_pages) {
            return None;
        }
        let has_memmap = era.dialect().spec().version.has_memmap();
        let memmap_pages = if has_memmap { spec.memmap_pages } else { 1 };
        let mut map = match spec.guest {
            Guest::Pv => Map::paravirtual(spec, unit, memmap_pages)?,
            Guest::Hvm => Map::fully_virtual(spec, unit, memmap_pages),
        };
        let bytes = |range: &Range<u64>| EfiMemoryDesc {
            r#type: EFI_CONVENTIONAL_MEMORY,
            pad: 0,
            phys_addr: range.start * page_size as u64,
            virt_addr: 0,
            num_pages: (range.end - range.start) * page_size as u64 / 4096,
            attribute: EFI_MEMORY_WB,
        };
        map.descriptors = match &spec.descriptors {
            Some(descriptors) => descriptors.clone(),
            None => map.ram.iter().map(bytes).collect(),
        };
        Some(map)
    }

    fn paravirtual(spec: &GuestSpec, unit: u64, memmap_pages: u64) -> Option<Map> {
        let holes: u64 = spec.holes.iter().map(|hole| hole.end - hole.start).sum();
        let end = (spec.pages + holes).next_multiple_of(unit);
        // A domain of few pages does without some of what stands at the top.
        let place = |from_top: u64| end.saturating_sub(from_top);
        let mut ram = Vec::new();
        let mut at = 0;
        let mut holes = spec.holes.clone();
        holes.sort_by_key(|hole| hole.start);
        for hole in holes {
            let (start, stop) = (hole.start / unit * unit, hole.end.next_multiple_of(unit));
            if start < at || stop > place(TOP + memmap_pages) {
                return None;
            }
            ram.push(at..start);
            at = stop;
        }
        ram.push(at..end);
        ram.retain(|range| !range.is_empty());
        let memmap = place(TOP - 1 + memmap_pages)..place(TOP - 1).max(1);
        Some(Map {
            ram,
            descriptors: Vec::new(),
            io: Vec::new(),
            end,
            memmap,
            start_info: Some(place(3)),
            store: place(2),
            console: place(1),
            ioreq: 0,
            bufioreq: 0,
            bufpioreq: 0,
        })
    }

    fn fully_virtual(spec: &GuestSpec, unit: u64, memmap_pages: u64) -> Map {
        let pages = spec.pages.next_multiple_of(unit);
        let low = pages.min(VGA.start / unit * unit);
        let behind_vga = VGA.end.next_multiple_of(unit);
        let high = pages - low;
        let below = high.min(LOW_IO.start - behind_vga);
        let above = high - below;
        let special = SPECIAL.start..SPECIAL.end - 1 + memmap_pages;
        let special: Vec<Range<u64>> = if unit == 1 {
            // A descriptor each, as the builder wrote them.
            special.map(|pfn| pfn..pfn + 1).collect()
        } else {
            std::iter::once(special.start..special.end.next_multiple_of(unit)).collect()
        };
        let firmware = spec.firmware.clamp(1, FIRMWARE).next_multiple_of(unit);
        let mut ram = vec![0..low, behind_vga..behind_vga + below];
        ram.extend(special);
        ram.push(FIRMWARE_END - firmware..FIRMWARE_END);
        ram.push(FIRMWARE_END..FIRMWARE_END + above);
        ram.retain(|range| !range.is_empty());
        let memmap = SPECIAL.end - 1..SPECIAL.end - 1 + memmap_pages;
        Map {
            ram,
            descriptors: Vec::new(),
            io: vec![VGA, LOW_IO, IOSAPIC, PIB],
            end: FIRMWARE_END + above,
            memmap,
            start_info: None,
            console: 0,
            store: MagicPfn::Store.usual_gpfn(),
            ioreq: MagicPfn::Ioreq.usual_gpfn(),
            bufioreq: MagicPfn::Bufioreq.usual_gpfn(),
            bufpioreq: MagicPfn::Bufpioreq.usual_gpfn(),
        }
    }

    /// The pages that the domain may have.
    pub(super) fn max_pages(&self, spec: &GuestSpec) -> u64 {
        let all: u64 = self.ram.iter().map(|range| range.end - range.start).sum();
        match spec.guest {
            // What version 1 sends as `p2m_size`.
            Guest::Pv => self.end.max(all),
            Guest::Hvm => all,
        }
    }

    /// Whether the domain could not do without the page.
    pub(super) fn is_special(&self, pfn: u64) -> bool {
        let top = [self.start_info, Some(self.store), Some(self.console)];
        pfn == 0
            || self.memmap.contains(&pfn)
            || top.contains(&Some(pfn))
            || (SPECIAL.contains(&pfn) && self.start_info.is_none())
            || (self.start_info.is_none() && pfn == nvram_pfn())
    }

    /// The pages that the domain has, ascending: all of RAM but for those that it has given back.
    pub(super) fn present(&self, spec: &GuestSpec, random: &mut Random) -> Vec<u64> {
        let mut all: Vec<u64> = self.ram.iter().cloned().flatten().collect();
        all.sort_unstable();
        all.dedup();
        let special = all.iter().filter(|pfn| self.is_special(**pfn)).count() as u64;
        let mut left = all.len() as u64 - special;
        let mut gone = spec.ballooned.min(left);
        all.retain(|pfn| {
            if self.is_special(*pfn) {
                return true;
            }
            let goes = gone > 0 && random.below(left) < gone;
            left -= 1;
            gone -= u64::from(goes);
            !goes
        });
        all
    }

    /// RAM without the pages that the domain could not do without.
    pub(super) fn workable(&self) -> Vec<Range<u64>> {
        let mut out = Vec::new();
        for range in &self.ram {
            let mut at = range.start;
            let special = [0, self.store, self.console, self.ioreq, self.bufioreq];
            let special = special
                .into_iter()
                .chain([self.bufpioreq, nvram_pfn()])
                .chain(self.start_info)
                .chain(self.memmap.clone());
            let mut stops: Vec<u64> = special
                .filter(|pfn| range.contains(pfn) && self.is_special(*pfn))
                .collect();
            stops.sort_unstable();
            stops.dedup();
            for stop in stops {
                out.push(at..stop);
                at = stop + 1;
            }
            out.push(at..range.end);
        }
        out.retain(|range| !range.is_empty());
        out
    }

    /// The memory map, in whole pages; what does not fit is cut off.
    pub(super) fn memmap_bytes(&self, page_size: usize) -> Vec<u8> {
        let info = MemmapInfo {
            efi_memmap_size: (self.descriptors.len() * EfiMemoryDesc::SIZE) as u64,
            efi_memdesc_size: EfiMemoryDesc::SIZE as u64,
            efi_memdesc_version: 1,
            pad20: [0; 4],
        };
        let mut bytes = info.to_bytes();
        for descriptor in &self.descriptors {
            descriptor.write_to(&mut bytes);
        }
        let pages = self.memmap.end - self.memmap.start;
        bytes.resize(page_size * pages as usize, 0);
        bytes
    }
}

/// The page in which an HVM guest's firmware says where its variables are.
pub(super) fn nvram_pfn() -> u64 {
    0x3_fe80
}
