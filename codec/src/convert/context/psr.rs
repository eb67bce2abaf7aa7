//! The psr of a PV vcpu: that of the machine while the guest ran, or that which the guest sees (spec 8.5).
//!
//! A PV guest runs with translation and interrupts on, whatever it believes; what it believes is in
//! its privregs page and in shared_info, which a restore loads last. So the machine's psr says nothing
//! of the guest but its own bits and whether its kernel ran, and until M3 whether f32 to f127 were
//! disabled.

use alloc::format;

use super::{Names, Side};
use crate::convert::fields::get;
use crate::convert::privregs::Page;
use crate::dialect::{Guest, SharedInfoLayout};
use crate::era::PsrForm;
use crate::wire::layout_of_shared_info;

const IC: u64 = 1 << 13;
const I: u64 = 1 << 14;
const DT: u64 = 1 << 17;
const DFH: u64 = 1 << 19;
/// A new vcpu of a PV guest had it set, and its guest never saw it.
const SP: u64 = 1 << 20;
const PP: u64 = 1 << 21;
const DI: u64 = 1 << 22;
const RT: u64 = 1 << 27;
const CPL_SHIFT: u32 = 32;
const CPL: u64 = 3 << CPL_SHIFT;
const IT: u64 = 1 << 36;
const BN: u64 = 1 << 44;
const TRANSLATION: u64 = DT | RT | IT;
/// Bits that the guest sets for itself: be, up, ac, mfl, mfh, pk, dfl, db, lp, tb, id, da, dd, ss, ri,
/// ed, ia.
const OWN: u64 = 0x3e | 1 << 15 | 1 << 18 | 7 << 24 | 0x7f << 37 | 1 << 45;
/// Bits that the hypervisor has for itself in the machine's psr.
const FORCED: u64 = IC | I | TRANSLATION | SP | PP | DI | BN | DFH | CPL;
/// The level of the kernel of a PV guest wherever the machine's psr was given.
const KERNEL_CPL: u64 = 2 << CPL_SHIFT;

/// psr.dfh of a psr.
pub(super) fn dfh(psr: u64) -> bool {
    psr & DFH != 0
}

/// Converts the psr, and says so where something of the guest's is lost by that.
pub(super) fn convert(
    source: &Side<'_>,
    target: &mut Side<'_>,
    [old_page, new_page]: [Option<Page<'_>>; 2],
    shared_info: &[u8],
    names: &mut Names<'_>,
) {
    const NAME: &str = "regs.psr";
    if target.guest == Guest::Hvm {
        return;
    }
    let old = source.get(NAME);
    let masked = is_masked(shared_info, names.vcpu);
    let (new, lost, noted) = match (source.spec().psr, target.spec().psr) {
        (PsrForm::Machine, PsrForm::Machine) => (on_another(old, source, target, old_page), 0, 0),
        (PsrForm::Machine, PsrForm::Virtual) => {
            let new = of_guest(old, old_page, masked);
            // Every hypervisor of these eras had set it.
            (new, old & !(OWN | FORCED), SP & !old)
        }
        (PsrForm::Virtual, PsrForm::Machine) => {
            let new = of_machine(old, target, old_page);
            let differs = of_guest(new, new_page, masked) ^ old;
            (
                new,
                differs & (OWN | CPL | !FORCED),
                differs & FORCED & !CPL,
            )
        }
        (PsrForm::Virtual, PsrForm::Virtual) => {
            let new = shown(old, target);
            (new, new ^ old, 0)
        }
    };
    target.set(NAME, new);
    if lost != 0 {
        let what = format!("{old:#x}: {} has no place for bits {lost:#x}", target.era);
        names.name(source, NAME, what);
    }
    if noted != 0 {
        let what = match source.spec().psr {
            PsrForm::Machine => {
                format!("bits {noted:#x} are clear in {old:#x}, and no guest saw them")
            }
            PsrForm::Virtual => format!(
                "bits {noted:#x} of {old:#x} are not those of privregs and shared_info, which win"
            ),
        };
        names.note(target, NAME, what);
    }
}

/// What the guest sees of its interrupts.
fn is_masked(shared_info: &[u8], vcpu: u32) -> bool {
    let info = layout_of_shared_info(SharedInfoLayout::S1);
    let mask = format!("vcpu_info[{vcpu}].evtchn_upcall_mask");
    get(info, shared_info, &mask).unwrap_or(0) != 0
}

/// What the guest sees.
fn of_guest(machine: u64, page: Option<Page<'_>>, masked: bool) -> u64 {
    let reg = |name: &str| page.and_then(|page| page.get(name));
    let is = |name: &str| reg(name).unwrap_or(0) != 0;
    let bit = |bits: u64, set: bool| if set { bits } else { 0 };
    // The kernel was raised from level 0 and the rest of the guest was not.
    let cpl = if machine & CPL == CPL { CPL } else { 0 };
    let dfh = reg("vpsr_dfh").map_or(dfh(machine), |dfh| dfh != 0);
    (machine & OWN)
        | DI
        | cpl
        | bit(DFH, dfh)
        | bit(I, !masked)
        | bit(IC, is("interrupt_collection_enabled"))
        | bit(PP, is("vpsr_pp"))
        | bit(TRANSLATION, !is("metaphysical_mode"))
        | bit(BN, is("banknum"))
}

/// What a hypervisor of the target would run that guest with. Set-context of those days takes the psr
/// as it is, but for its level.
fn of_machine(guest: u64, target: &Side<'_>, page: Option<Page<'_>>) -> u64 {
    let cpl = if guest & CPL == CPL { CPL } else { KERNEL_CPL };
    let told = page.and_then(|page| page.get("vpsr_dfh"));
    let dfh = told.map_or(dfh(guest), |dfh| dfh != 0);
    // Where it is the hypervisor's own, it waits for the guest to use f32 to f127.
    let dfh = if dfh || !target.spec().dfh_in_psr {
        DFH
    } else {
        0
    };
    guest & OWN | IC | I | TRANSLATION | SP | PP | BN | dfh | cpl
}

/// The machine's psr where another hypervisor has the guest's psr.dfh elsewhere.
fn on_another(machine: u64, source: &Side<'_>, target: &Side<'_>, page: Option<Page<'_>>) -> u64 {
    let told = page.and_then(|page| page.get("vpsr_dfh")).unwrap_or(0);
    match [source, target].map(|side| side.spec().dfh_in_psr) {
        [false, true] if told == 0 => machine & !DFH,
        [true, false] | [false, true] => machine | DFH,
        _ => machine,
    }
}

/// What the target shows of a level: one that its kernel runs at is 0.
fn shown(guest: u64, target: &Side<'_>) -> u64 {
    let kernel = (guest & CPL) >> CPL_SHIFT <= target.spec().kernel_level;
    if kernel { guest & !CPL } else { guest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::fields::set;
    use crate::dialect::MappedRegsLayout;
    use crate::era::Era;
    use crate::wire::layout_of_mapped_regs;
    use alloc::borrow::Cow;
    use alloc::vec;

    /// The machine's psr of a real 3.1 guest: ac mfl mfh ic i dt dfh sp pp rt cpl 2 it ri bn.
    const MACHINE: u64 = 0x1412_083a_6038;

    fn side(era: Era) -> Side<'static> {
        Side::new(era, Guest::Pv, Cow::Owned(vec![]))
    }

    #[test]
    fn the_guests_psr_is_in_its_pages() {
        let regs = layout_of_mapped_regs(MappedRegsLayout::M3);
        let mut page = vec![0; 4096];
        let quiet = of_guest(MACHINE, Some(Page::new(&page, MappedRegsLayout::M3)), true);
        assert_eq!(quiet, 0x38 | 1 << 42 | DI | TRANSLATION);
        set(regs, &mut page, "metaphysical_mode", 1);
        set(regs, &mut page, "interrupt_collection_enabled", 1);
        set(regs, &mut page, "banknum", 1);
        set(regs, &mut page, "vpsr_dfh", 1);
        let guest = of_guest(MACHINE, Some(Page::new(&page, MappedRegsLayout::M3)), false);
        assert_eq!(guest, 0x38 | 1 << 42 | DI | IC | I | BN | DFH);
        // Before M3 psr.dfh of the machine was the guest's.
        let early = Page::new(&page, MappedRegsLayout::M1);
        assert_eq!(of_guest(MACHINE, Some(early), false) & DFH, DFH);
        assert_eq!(of_guest(MACHINE & !DFH, Some(early), false) & DFH, 0);
    }

    #[test]
    fn the_machines_psr_is_that_of_a_real_guest() {
        let page = vec![0; 4096];
        let page = Some(Page::new(&page, MappedRegsLayout::M4));
        let guest = 0x1400_0050_2038;
        assert_eq!(of_machine(guest, &side(Era::D1bF), page), MACHINE);
        assert_eq!(of_machine(guest, &side(Era::D1), page), MACHINE & !DFH);
        assert_eq!(of_machine(CPL, &side(Era::D2), page) & CPL, CPL);
    }

    #[test]
    fn a_level_that_is_the_kernels_is_shown_as_0() {
        for (era, level, expected) in [
            (Era::D6B, 2, 0),
            (Era::D6C, 2, 2),
            (Era::D6C, 1, 0),
            (Era::D6B, 3, 3),
        ] {
            let psr = shown(level << CPL_SHIFT | OWN, &side(era));
            assert_eq!((psr & CPL) >> CPL_SHIFT, expected, "{era} {level}");
        }
    }
}
