//! Signs in the privregs page of a PV vcpu, and where it was.

use alloc::format;
use alloc::vec::Vec;

use super::{Judge, VcpuBytes};
use crate::dialect::{ContextLayout, Guest, MappedRegsLayout};
use crate::era::{HvmPrivregsPfn, RegionDefaults};
use crate::wire::privregs::{PRIVREGS_GPFN, PRIVREGS_HVM};

const PTA: usize = 2112;
const METAPHYSICAL_MODE: usize = 3144;
const RRS: usize = 3152;
/// `vpsr_pp`, `vpsr_dfh`, `hpsr_dfh` and `hpsr_mfh`; before, a number of 32 bits.
const FLAGS: usize = 3108;
/// `vpsr_pp` of layout M1; reserved later.
const OLD_PP: usize = 3112;
/// `itc_offset` and `itc_last` of layout M5; reserved before.
const ITC: [usize; 2] = [3408, 3416];

pub(super) fn signs(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    pfn(judge, vcpu);
    if judge.guest == Guest::Hvm {
        return;
    }
    if ITC
        .iter()
        .any(|at| vcpu.page_word(*at).is_some_and(|word| word != 0))
    {
        let text = || format!("privregs[{}].itc_offset or itc_last is set", vcpu.id);
        judge.never(
            "page itc",
            1,
            |era| era.privregs != MappedRegsLayout::M5,
            text,
        );
    }
    // Of a vcpu that has never run, the page may be another's.
    if vcpu.id == 0 {
        layout(judge, vcpu);
        regions(judge, vcpu);
    }
    if vcpu.layout == ContextLayout::F && vcpu.word(856) == 0 {
        let text = || format!("vcpu[{}].regs.ar.itc is 0", vcpu.id);
        judge.odd("itc", 1, |era| era.itc, text);
    }
    if let Some(pta) = vcpu.page_word(PTA) {
        let text = || format!("privregs[{}].pta is {pta:#x}", vcpu.id);
        match pta {
            0 => judge.odd("pta", 1, |era| era.default_pta != 0, text),
            0x3c => judge.odd("pta", 2, |era| era.default_pta == 0, text),
            _ => {}
        }
    }
}

fn pfn(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    let pfn = vcpu.word(vcpu.layout.size() - 8);
    let gpfn = PRIVREGS_GPFN + u64::from(vcpu.id);
    let text = || format!("vcpu[{}].privregs_pfn is {pfn:#x}", vcpu.id);
    match judge.guest {
        // No machine of the time had memory at 1 TiB, where the gpfn would be.
        Guest::Pv => {
            let fits = |frame: bool| {
                if frame {
                    pfn != 0 && pfn < PRIVREGS_GPFN
                } else {
                    pfn == gpfn
                }
            };
            judge.never("privregs_pfn", 2, |era| !fits(era.machine_frame), text);
        }
        Guest::Hvm => {
            let form = match pfn {
                PRIVREGS_HVM => HvmPrivregsPfn::One,
                _ if pfn == gpfn => HvmPrivregsPfn::Gpfn,
                _ => return,
            };
            judge.never("privregs_pfn", 2, |era| era.hvm_privregs_pfn != form, text);
        }
    }
}

/// Every switch to a vcpu writes one of `hpsr_dfh` and `hpsr_mfh`, and never both; where the layout does
/// not have them nobody writes there.
fn layout(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    use MappedRegsLayout::{M1, M2};

    let Some(bytes) = vcpu.privregs.and_then(|page| page.get(FLAGS..OLD_PP + 8)) else {
        return;
    };
    let (flags, behind) = bytes.split_at(OLD_PP - FLAGS);
    let one = matches!(flags[2..], [0, 1] | [1, 0]);
    let text = || {
        let flags = flags
            .iter()
            .chain(&behind[..1])
            .map(|byte| format!("{byte:x}"));
        let flags = flags.collect::<Vec<_>>().join(", ");
        format!("privregs[0]: bytes {FLAGS} to {OLD_PP} are {flags}")
    };
    if flags[1..] != [0; 3] {
        judge.never("page flags", 2, |era| matches!(era.privregs, M1 | M2), text);
    } else if behind[0] != 0 {
        judge.never("old pp", 2, |era| era.privregs == M2, text);
    }
    if !one {
        // A page that no hypervisor wrote may have neither.
        judge.never(
            "no page flags",
            1,
            |era| !matches!(era.privregs, M1 | M2),
            text,
        );
    }
    if flags == [1, 0, 0, 0] {
        // An incomplete frame is a matter of a few instructions.
        judge.odd("incomplete frame", 1, |era| era.privregs == M1, text);
    }
}

/// A hypervisor that checks region registers crashes the guest that lacks one when it switches to it.
fn regions(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    let rr = |index: usize| vcpu.page_word(RRS + 8 * index);
    let none = |index: usize| matches!(rr(index), Some(0 | u64::MAX));
    let valid = |era: &crate::era::Spec| era.region_defaults == RegionDefaults::Valid;
    let physical = vcpu
        .page_word(METAPHYSICAL_MODE)
        .is_some_and(|word| word & 0xffff_ffff != 0);
    let text =
        |index: usize| move || format!("privregs[0].rrs[{index}] is {:#x}", rr(index).unwrap_or(0));
    if rr(0) == Some(0x39) || rr(7) == Some(0x38) {
        let text = || {
            format!(
                "privregs[0].rrs are {:#x} and {:#x} for 0 and 7",
                rr(0).unwrap_or(0),
                rr(7).unwrap_or(0)
            )
        };
        judge.odd("rrs of old", 1, |era| !valid(era), text);
    }
    if let Some(index) = (1..8).find(|index| none(*index)) {
        judge.never("rrs", 1, valid, text(index));
    } else if none(0) && !physical {
        judge.never("rrs", 1, valid, text(0));
    } else if none(0) {
        judge.odd("rrs", 2, valid, text(0));
    }
}
