//! The psr: that of the machine while the guest ran, or that which the guest sees (spec 8.3).
//!
//! A PV guest runs with translation and interrupts on, whatever it believes; what it believes is in
//! its privregs page and in shared_info.

use alloc::format;

use super::{Names, Side};
use crate::convert::fields::get;
use crate::convert::privregs::layout;
use crate::wire::{layout_of_mapped_regs, layout_of_shared_info};

const IC: u64 = 1 << 13;
const I: u64 = 1 << 14;
const DT: u64 = 1 << 17;
const DFH: u64 = 1 << 19;
const PP: u64 = 1 << 21;
const DI: u64 = 1 << 22;
const RT: u64 = 1 << 27;
const CPL_SHIFT: u32 = 32;
const CPL: u64 = 3 << CPL_SHIFT;
const IT: u64 = 1 << 36;
const BN: u64 = 1 << 44;
const TRANSLATION: u64 = DT | RT | IT;
/// Bits that the guest sets for itself: be, up, ac, mfl, mfh, pk, dfl, sp, db, lp, tb, id, da, dd,
/// ss, ri, ed, ia.
const OWN: u64 = 0x3e | 1 << 15 | 1 << 18 | 1 << 20 | 7 << 24 | 0x7f << 37 | 1 << 45;
/// Privilege level at which the kernel of a PV guest ran (until 46867b9c10, 2007-07-02).
const KERNEL_CPL: u64 = 2;

/// Converts the psr, and says so where that changes it.
pub(super) fn convert(
    source: &Side<'_>,
    target: &mut Side<'_>,
    privregs: Option<&[u8]>,
    shared_info: &[u8],
    names: &mut Names<'_>,
) {
    let old = source.get("regs.psr");
    let new = if source.has_machine_psr() {
        of_guest(
            old,
            source,
            privregs.unwrap_or(&[]),
            shared_info,
            names.vcpu,
        )
    } else {
        of_machine(old)
    };
    target.set("regs.psr", new);
    if new != old {
        let whose = if source.has_machine_psr() {
            "that of the guest is made from its privregs and shared_info"
        } else {
            "that of the machine is made from that of the guest"
        };
        let what = format!("{old:#x} becomes {new:#x}: {whose}");
        names.name(source, "regs.psr", what);
    }
}

/// What the guest sees.
fn of_guest(machine: u64, side: &Side<'_>, privregs: &[u8], shared_info: &[u8], vcpu: u32) -> u64 {
    let regs = layout_of_mapped_regs(layout(side.dialect));
    let reg = |path: &str| get(regs, privregs, path);
    let info = layout_of_shared_info(crate::dialect::SharedInfoLayout::S1);
    let mask = format!("vcpu_info[{vcpu}].evtchn_upcall_mask");
    let masked = get(info, shared_info, &mask).unwrap_or(0) != 0;
    let bit = |bits: u64, set: bool| if set { bits } else { 0 };
    // The kernel was raised from level 0 and the rest of the guest was not.
    let cpl = if machine & CPL == CPL { CPL } else { 0 };
    let dfh = reg("vpsr_dfh").map_or(machine & DFH != 0, |dfh| dfh != 0);
    (machine & OWN)
        | DI
        | cpl
        | bit(DFH, dfh)
        | bit(I, !masked)
        | bit(IC, reg("interrupt_collection_enabled").unwrap_or(0) != 0)
        | bit(PP, reg("vpsr_pp").unwrap_or(0) != 0)
        | bit(TRANSLATION, reg("metaphysical_mode").unwrap_or(0) == 0)
        | bit(BN, reg("banknum").unwrap_or(0) != 0)
}

/// What a hypervisor of the time would run that guest with.
fn of_machine(guest: u64) -> u64 {
    let cpl = ((guest & CPL) >> CPL_SHIFT).max(KERNEL_CPL) << CPL_SHIFT;
    guest & (OWN | DFH | PP) | I | IC | TRANSLATION | BN | DI | cpl
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;
    use crate::convert::fields::set;
    use alloc::borrow::Cow;
    use alloc::vec;

    #[test]
    fn the_guests_psr_is_in_its_pages() {
        let side = Side::new(Dialect::D3, Cow::Owned(vec![]));
        let regs = layout_of_mapped_regs(layout(Dialect::D3));
        let mut page = vec![0; 4096];
        let mut info = vec![0; 4384];
        // The machine's psr of a real 3.1 guest: ac mfl mfh ic i dt dfh sp pp rt cpl 2 it ri bn.
        let machine = 0x1412_083a_6038;
        info[1] = 1;
        let quiet = of_guest(machine, &side, &page, &info, 0);
        assert_eq!(quiet, 0x38 | 1 << 20 | 1 << 42 | DI | TRANSLATION);
        info[1] = 0;
        set(regs, &mut page, "metaphysical_mode", 1);
        set(regs, &mut page, "interrupt_collection_enabled", 1);
        set(regs, &mut page, "banknum", 1);
        set(regs, &mut page, "vpsr_dfh", 1);
        let guest = of_guest(machine, &side, &page, &info, 0);
        assert_eq!(guest, 0x38 | 1 << 20 | 1 << 42 | DI | IC | I | BN | DFH);
    }

    #[test]
    fn the_machines_psr_has_its_bits_forced() {
        let machine = of_machine(0x1400_0040_2038);
        let forced = I | IC | TRANSLATION | BN | DI;
        assert_eq!(machine & forced, forced);
        assert_eq!((machine & CPL) >> CPL_SHIFT, 2);
        assert_eq!(machine & 0x3e, 0x38);
        assert_eq!((of_machine(CPL) & CPL) >> CPL_SHIFT, 3);
    }
}
