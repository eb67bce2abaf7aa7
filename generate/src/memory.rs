//! Which pages there are, in which order they are sent, and the memory map that says so.

use std::ops::Range;

use ia64save_codec::dialect::Tools;
use ia64save_codec::ram::RamMap;
use ia64save_codec::wire::Wire;
use ia64save_codec::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use ia64save_codec::{Dialect, Guest};

use crate::params::Params;
use crate::random::Random;

/// Where the pages that every HVM domain has begin.
const SPECIAL_PAGES: u64 = 0x39000;
/// First frame behind the firmware, and `p2m_size` of a domain below 3 GiB.
const FIRMWARE_END: u64 = 0x40000;
/// Where RAM goes on behind the VGA hole.
const BEHIND_VGA: u64 = 0x30;

/// The memory of a domain.
pub(crate) struct Memory {
    /// RAM by pfn, in the order of the memory map.
    pub(crate) ram: Vec<Range<u64>>,
    /// What of it can be seen in the map's page, which is all unless pages are small.
    pub(crate) visible: RamMap,
    /// The page of the map; empty in version 1.
    pub(crate) memmap: Vec<u8>,
    /// Pages that the domain has, in the order of the map.
    pub(crate) present: Vec<u64>,
    /// Pages that it gave back while it was saved.
    pub(crate) ballooned: Vec<u64>,
    /// One more than the highest pfn.
    pub(crate) end: u64,
    /// Where the start_info page is (PV).
    pub(crate) start_info: u64,
}

impl Memory {
    pub(crate) fn new(params: &Params, random: &mut Random) -> Self {
        let has_map = params.dialect.spec().version.has_memmap();
        let (ram, end) = match (params.guest, has_map) {
            (Guest::Hvm, _) => hvm_ram(params),
            (Guest::Pv, true) => pv_ram(params, random),
            (Guest::Pv, false) => {
                let end = params.pages + params.pages.div_ceil(8);
                (std::iter::once(0..end).collect(), end)
            }
        };
        let memmap = if has_map {
            memmap_page(params, &ram, random)
        } else {
            Vec::new()
        };
        let visible = if has_map {
            RamMap::from_memmap(&memmap, params.page_size)
        } else {
            RamMap::flat(end)
        };
        let present = present(params, &ram, random);
        let mut memory = Memory {
            start_info: present[0],
            ballooned: Vec::new(),
            ram,
            visible,
            memmap,
            present,
            end,
        };
        let seen = |pfn: &&u64| memory.visible.contains(**pfn);
        memory.start_info = *memory.present.iter().rfind(seen).unwrap_or(&0);
        if params.passes > 1 {
            let may_go = memory.present.iter().skip(1).copied();
            memory.ballooned = may_go
                .filter(|pfn| !is_special(*pfn) && *pfn != memory.start_info)
                .filter(|_| random.once_in(5))
                .collect();
        }
        memory
    }

    /// RAM pages that the domain does not have at the end, in the order of the map.
    pub(crate) fn unallocated(&self) -> Vec<u64> {
        let here = |pfn: u64| self.present.contains(&pfn) && !self.ballooned.contains(&pfn);
        let all = self.ram.iter().cloned().flatten();
        all.filter(|pfn| !here(*pfn)).collect()
    }

    /// The pfns of the page records, and the number of the first record of each pass.
    pub(crate) fn passes(&self, params: &Params, random: &mut Random) -> (Vec<u64>, Vec<usize>) {
        let mut order = self.present.clone();
        let mut starts = vec![0];
        let kept: Vec<u64> = self
            .present
            .iter()
            .copied()
            .filter(|pfn| !self.ballooned.contains(pfn))
            .collect();
        for pass in 1..params.passes {
            starts.push(order.len());
            let last = pass + 1 == params.passes;
            // Before c5df471dc7 (2008-02-07, within D10) the last pass sent every page again.
            let whole = last
                && match params.dialect {
                    Dialect::D10 => random.once_in(2),
                    dialect => Tools::of(dialect).resends_all,
                };
            // The first page is always dirty, so that it can be told where a pass begins.
            let is_dirty = |(index, _): &(usize, u64)| whole || *index == 0 || random.once_in(3);
            order.extend(dirty(&kept, is_dirty));
        }
        (order, starts)
    }

    /// The pages of a Remus round: some that a reader knows to be RAM, ascending.
    pub(crate) fn round(&self, random: &mut Random) -> Vec<u64> {
        let known: Vec<u64> = self
            .present
            .iter()
            .copied()
            .filter(|pfn| self.visible.contains(*pfn) && !self.ballooned.contains(pfn))
            .collect();
        dirty(&known, |_| random.once_in(2))
    }
}

/// Those of some pages that are dirty by number or by chance.
fn dirty(pages: &[u64], is_dirty: impl FnMut(&(usize, u64)) -> bool) -> Vec<u64> {
    let pages = pages.iter().copied().enumerate();
    pages.filter(is_dirty).map(|(_, pfn)| pfn).collect()
}

/// Pages of which a descriptor has a whole number: its unit is 4 KiB.
fn unit(params: &Params) -> u64 {
    (4096 / params.page_size as u64).max(1)
}

/// Descriptors that a map of one page has room for.
fn room(params: &Params) -> usize {
    params.page_size.saturating_sub(MemmapInfo::SIZE) / EfiMemoryDesc::SIZE
}

fn pv_ram(params: &Params, random: &mut Random) -> (Vec<Range<u64>>, u64) {
    let unit = unit(params);
    let count = params.descriptors.min(room(params)).max(1) as u64;
    let pages = params.pages + params.pages.div_ceil(8);
    let each = pages.div_ceil(count).next_multiple_of(unit);
    let mut at = 0;
    let mut ranges: Vec<Range<u64>> = (0..count)
        .map(|_| {
            let range = at..at + each;
            at = range.end + unit * random.below(3);
            range
        })
        .collect();
    let end = ranges.last().map_or(0, |range| range.end);
    if random.once_in(2) {
        ranges.reverse();
    }
    (ranges, end)
}

fn hvm_ram(params: &Params) -> (Vec<Range<u64>>, u64) {
    let unit = unit(params);
    let low = (params.pages / 2).next_multiple_of(unit);
    let behind_vga = BEHIND_VGA.next_multiple_of(unit).max(low);
    let firmware = if unit == 1 { 1024 } else { unit };
    let mut ranges = vec![0..low, behind_vga..behind_vga + low];
    if unit == 1 {
        // One descriptor each: ioreq, store, bufioreq, bufpioreq, the memory map.
        ranges.extend((SPECIAL_PAGES..SPECIAL_PAGES + 5).map(|pfn| pfn..pfn + 1));
    } else {
        ranges.push(SPECIAL_PAGES..SPECIAL_PAGES + unit.max(8));
    }
    ranges.push(FIRMWARE_END - firmware..FIRMWARE_END);
    (ranges, FIRMWARE_END)
}

/// ioreq, store, bufioreq, bufpioreq and memory map of an HVM domain: it cannot do without them.
fn is_special(pfn: u64) -> bool {
    (SPECIAL_PAGES..SPECIAL_PAGES + 5).contains(&pfn)
}

/// The pages that a domain has: the first of every range, the special ones, and most of the rest.
fn present(params: &Params, ram: &[Range<u64>], random: &mut Random) -> Vec<u64> {
    let mut left = params.pages;
    let mut present = Vec::new();
    for range in ram {
        for pfn in range.clone() {
            let special = is_special(pfn);
            let wanted = pfn == range.start || !random.once_in(8);
            if special || (wanted && left > 0) {
                left = left.saturating_sub(1);
                present.push(pfn);
            }
        }
    }
    present
}

/// The map's page, cut off where pages are small. Version 1 has none.
fn memmap_page(params: &Params, ram: &[Range<u64>], random: &mut Random) -> Vec<u8> {
    let page_size = params.page_size as u64;
    let descriptor = |kind, range: &Range<u64>, attribute| EfiMemoryDesc {
        r#type: kind,
        pad: 0,
        phys_addr: range.start * page_size,
        virt_addr: 0,
        num_pages: (range.end - range.start) * page_size / 4096,
        attribute,
    };
    let mut table: Vec<EfiMemoryDesc> = ram.iter().map(|r| descriptor(7, r, 8)).collect();
    // Things that are not RAM, above it: firmware, memory that is not only write-back, an empty range.
    let end = ram.iter().map(|range| range.end).max().unwrap_or(0);
    let above = |place: u64, units: u64| {
        let start = end + place * 16 * unit(params);
        start..start + units * unit(params)
    };
    let others = [
        descriptor(13, &above(1, 2), 8),
        descriptor(7, &above(2, 4), 9),
        descriptor(7, &above(3, 0), 8),
        descriptor(11, &above(4, 1), 1),
    ];
    for other in others {
        if params.guest == Guest::Pv && table.len() < room(params) {
            let at = random.below(table.len() as u64 + 1) as usize;
            table.insert(at, other);
        }
    }
    let info = MemmapInfo {
        efi_memmap_size: (table.len() * EfiMemoryDesc::SIZE) as u64,
        efi_memdesc_size: EfiMemoryDesc::SIZE as u64,
        efi_memdesc_version: 1,
        pad20: (random.word() as u32).to_le_bytes(),
    };
    let mut page = info.to_bytes();
    for descriptor in &table {
        descriptor.write_to(&mut page);
    }
    let rest = params.page_size.saturating_sub(page.len());
    page.extend(random.garbage(rest));
    page.truncate(params.page_size);
    page
}
