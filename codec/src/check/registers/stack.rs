//! The register stack: rsc, bsp, bspstore and the image of the dirty registers (spec 8.7).

use alloc::format;

use crate::check::context::{Context, LOADRS, VcpuView};
use crate::check::findings::Findings;
use crate::check::text::hex;
use crate::code::{Code, Severity};
use crate::dialect::{ContextLayout, Guest};
use crate::era::{Dirty, StackForm, StackSet};
use crate::size::place;
use crate::wire::vcpu_context::{NUM_PHYS_STACKED, RSC_RESERVED};

/// Bytes of the hypervisor's buffer for the registers of one vcpu.
const BUFFER: u64 = 16384;

/// ar.rsc. A PV guest never runs at level 0, and the processor does not let it ask for more.
pub(in crate::check) fn rsc(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        let Some(rsc) = vcpu.get("regs.ar.rsc") else {
            continue;
        };
        if rsc & RSC_RESERVED != 0 {
            out.add(
                vcpu.finding(Code::VcpuRsc, "regs.ar.rsc")
                    .expected("bits 5 to 15 and 30 to 63 zero"),
            );
        }
        let level = rsc >> 2 & 3;
        if context.is(Guest::Pv) && level == 0 {
            out.add(
                vcpu.finding(Code::VcpuRscPl, "regs.ar.rsc")
                    .expected("1, 2 or 3 in bits 2 and 3"),
            );
        } else if context.is(Guest::Pv) && context.every_era(|era| level < era.spec().kernel_level)
        {
            // A restore raises it.
            out.add(
                vcpu.finding(Code::VcpuRscPl, "regs.ar.rsc")
                    .expected("2 or 3 in bits 2 and 3: kernels ran at level 2")
                    .severity(Severity::Note),
            );
        }
    }
}

/// The end of the dirty registers: ar.bsp, or loadrs of a trap frame.
fn end(vcpu: &VcpuView<'_>) -> &'static str {
    match vcpu.layout() {
        ContextLayout::A => LOADRS,
        _ => "regs.ar.bsp",
    }
}

/// bspstore, and bsp or loadrs by the form of the era. `None` of [`VcpuView::dirty`] is a stack that
/// ends below its beginning.
pub(in crate::check) fn bounds(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        for path in ["regs.ar.bspstore", "regs.ar.bsp"] {
            if vcpu.get(path).is_some_and(|address| address % 8 != 0) {
                out.add(
                    vcpu.finding(Code::VcpuBspUnaligned, path)
                        .expected("a multiple of 8"),
                );
            }
        }
        let path = end(&vcpu);
        let (Some(end), Some(store)) = (vcpu.get(path), vcpu.get("regs.ar.bspstore")) else {
            continue;
        };
        let by_size = context.every_era(|era| era.spec().stack == StackForm::Loadrs);
        if by_size && end & 0x7_ffff != 0 {
            out.add(
                vcpu.finding(Code::VcpuBspUnaligned, path)
                    .expected("a multiple of 8 bytes from bit 16 on"),
            );
        }
        let stacks = vcpu.dirty();
        if stacks.is_empty() {
            if !context.eras().is_empty() {
                out.add(
                    vcpu.finding(Code::VcpuBspBelow, path)
                        .expected(format!("at least ar.bspstore, {store:#x}")),
                );
            }
        } else if let Some(fewest) = fewest(&stacks).filter(|n| *n > NUM_PHYS_STACKED) {
            let found = format!("{end:#x}: {fewest} above {store:#x}");
            out.add(
                vcpu.finding(Code::VcpuStacked, path)
                    .expected(format!(
                        "at most {NUM_PHYS_STACKED} registers above ar.bspstore"
                    ))
                    .found(found),
            );
        }
    }
}

/// Registers of the smallest stack that the eras which remain make of one: a rule fires where it is
/// too large for all of them.
fn fewest(stacks: &[Dirty]) -> Option<u64> {
    stacks.iter().map(|dirty| dirty.registers).min()
}

/// `rbs_voff`, and with it the size of the image. The hypervisor takes it from the layout of its own
/// memory, so it differs from build to build. Until contexts were laid out anew nothing checked it.
pub(in crate::check) fn voff(context: &Context<'_>, out: &mut Findings) {
    let checked = context.every_era(|era| era.spec().stack_set == StackSet::Relaid);
    for vcpu in context.vcpus() {
        let Some(voff) = vcpu.voff() else { continue };
        let stacks = vcpu.dirty();
        let sound = stacks
            .iter()
            .filter(|dirty| dirty.registers <= NUM_PHYS_STACKED);
        let words = sound.map(|dirty| dirty.words).min().unwrap_or(0);
        if checked && (voff + words) * 8 >= BUFFER {
            out.add(
                vcpu.finding(Code::VcpuRbsSize, "regs.rbs_voff")
                    .expected(format!("{words} words that end below {BUFFER:#x} bytes")),
            );
        } else if voff > 63 {
            out.add(
                vcpu.finding(Code::VcpuRbsVoff, "regs.rbs_voff")
                    .expected("0 to 63"),
            );
        }
    }
}

/// What is behind the dirty registers, where the context was cleared first, and the collection that is
/// open at their top.
pub(in crate::check) fn image(context: &Context<'_>, out: &mut Findings) {
    if !context.every_era(|era| era.spec().cleared && era.spec().stack == StackForm::GuestSlots) {
        return;
    }
    for vcpu in context.vcpus() {
        let (Some(voff), Some(rnat), Some(rbs)) = (
            vcpu.voff(),
            vcpu.get("regs.rbs_rnat"),
            vcpu.slice("regs.rbs"),
        ) else {
            continue;
        };
        let stacks = vcpu.dirty();
        let [
            Dirty {
                registers, words, ..
            },
        ] = stacks[..]
        else {
            continue;
        };
        if registers > NUM_PHYS_STACKED {
            continue;
        }
        let words = place(words);
        let mut behind = rbs.chunks_exact(8).enumerate().skip(words);
        if let Some((index, _)) = behind.find(|(_, word)| word.iter().any(|byte| *byte != 0)) {
            out.add(
                vcpu.finding(Code::VcpuRbs, &format!("regs.rbs[{index}]"))
                    .expected(format!("0 behind the first {words} words")),
            );
        }
        let allowed = open_bits(voff % 64, words as u64);
        if rnat & !allowed != 0 {
            out.add(
                vcpu.finding(Code::VcpuRbsRnat, "regs.rbs_rnat")
                    .expected(format!("no bits but those in {allowed:#x}")),
            );
        }
    }
}

/// Bits that the collection open at the top of so many words can have: no register lies above it, nor
/// below the first. Of an empty stack it is whatever stood below it, without its top bit.
fn open_bits(bottom: u64, words: u64) -> u64 {
    const COLLECTION: u64 = u64::MAX >> 1;
    if words == 0 {
        return COLLECTION;
    }
    let below = match (bottom + words) % 64 {
        0 => COLLECTION,
        top => (1 << top) - 1,
    };
    let above = if bottom + words < 64 {
        u64::MAX << bottom
    } else {
        u64::MAX
    };
    below & above
}

/// `num_phys_stacked`: a restore refuses any number but its own, or 0.
pub(in crate::check) fn num_phys_stacked(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        let path = "regs.num_phys_stacked";
        if vcpu
            .get(path)
            .is_some_and(|n| n != 0 && n != NUM_PHYS_STACKED)
        {
            out.add(
                vcpu.finding(Code::VcpuNumPhysStacked, path)
                    .expected(format!("{} or 0", hex(NUM_PHYS_STACKED))),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_collection_has_bits_of_registers_that_are_there() {
        assert_eq!(open_bits(8, 20), 0x0fff_ff00);
        // Given all ones with 91 words at slot 8, a real hypervisor gave back no more than this.
        assert_eq!(0x3_ffff_ffff & !open_bits(8, 91), 0);
        assert_eq!(open_bits(8, 91), 0x7_ffff_ffff);
        assert_eq!(open_bits(0, 64), u64::MAX >> 1);
        assert_eq!(open_bits(8, 0), u64::MAX >> 1);
    }
}
