//! What set-context makes of single registers.

use ia64save_codec::Guest;

use super::kept::Translation;
use super::{Frame, psr};

/// The hypervisor's own part of the address space, to which no breakpoint may point.
const XEN: std::ops::RangeInclusive<u64> = 0xf000_0000_0000_0000..=0xf800_0000_0000_0000;
/// The frame in a page table entry.
const PPN: u64 = 0x0003_ffff_ffff_f000;
/// Bits of a page table entry that the architecture reserves: 1 and 50, 51.
const PTE_RESERVED: u64 = 1 << 1 | 3 << 50;
/// The smallest page of a translation register, as a power of two.
const SMALLEST: u64 = 12;
/// The largest.
const LARGEST: u64 = 28;

/// Raises a privilege level of two bits to that of a PV guest's kernel: where that is 2, by setting a
/// bit (spec 8.6).
pub(super) fn raised(word: u64, shift: u32, level: u64) -> u64 {
    let given = word >> shift & 3;
    let level = if level == 2 {
        given | level
    } else {
        given.max(level)
    };
    word & !(3 << shift) | level << shift
}

/// The machine's psr for the psr that a PV guest asks for. Some of that is in pages instead.
pub(super) fn machine_psr(wanted: u64, level: u64, pp_forced: bool) -> u64 {
    let pp = if pp_forced { psr::PP } else { 0 };
    wanted & psr::KEPT | raised(wanted, 32, level) & psr::CPL | psr::MACHINE | psr::DI | pp
}

/// The psr that a guest asks for has all of address translation or none.
pub(super) fn translates(wanted: u64) -> bool {
    wanted & psr::TRANSLATION == psr::TRANSLATION
}

/// A breakpoint register: an address in the hypervisor's own memory is refused, and nobody is told.
pub(super) fn breakpoint(place: &mut u64, value: u64, index: usize, guest: Guest) {
    if index.is_multiple_of(2) {
        if !XEN.contains(&value) {
            *place = value;
        }
    } else if guest == Guest::Pv {
        *place = value & !(1 << 56);
    } else {
        *place = value;
    }
}

/// A translation register of a PV guest: not more privileged than its kernel, aligned to its size.
/// One that is empty is treated alike.
pub(super) fn translation(given: Translation, level: u64) -> Translation {
    let [pte, itir, vadr, rid] = given;
    let within = within(itir);
    let pte = raised(pte, 7, level) & !(within & PPN);
    [pte, itir, vadr & !within, rid]
}

/// A translation register of an HVM guest: its region is that of the region register. `None` where the
/// size of the page stops the hypervisor.
pub(super) fn hvm_translation(given: Translation, rr: &[u64; 8]) -> Option<Translation> {
    let [pte, itir, vadr, _] = given;
    let size = itir >> 2 & 0x3f;
    if pte & 1 != 0 && !(SMALLEST..=LARGEST).contains(&size) {
        return None;
    }
    let rid = rr[(vadr >> 61) as usize] & 0xffff_ff00;
    Some([pte & !PTE_RESERVED, itir, vadr & !within(itir), rid])
}

fn within(itir: u64) -> u64 {
    (1_u64 << (itir >> 2 & 0x3f)) - 1
}

/// Whether a region register is one that a PV guest may have: reserved bits, page size, region id.
pub(super) fn is_region(frame: Frame<'_>, rr: u64) -> bool {
    let size = rr >> 2 & 0x3f;
    rr & 2 == 0
        && rr >> 32 == 0
        && (SMALLEST..=LARGEST).contains(&size)
        && (size <= 15 || size.is_multiple_of(2))
        && has_region_id(frame, rr)
}

/// Whether its region id is one of the domain's.
pub(super) fn has_region_id(frame: Frame<'_>, rr: u64) -> bool {
    rr >> 8 & 0xff_ffff < 1 << frame.machine.rid_bits
}
