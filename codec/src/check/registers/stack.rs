//! The register stack: rsc, bsp, bspstore and the image of the dirty registers (spec 8.7).

use alloc::format;

use crate::check::context::{Context, VcpuView};
use crate::check::findings::Findings;
use crate::check::text::hex;
use crate::code::Code;
use crate::dialect::{ContextLayout, Dialect, Guest};
use crate::wire::vcpu_context::{NUM_PHYS_STACKED, RSC_RESERVED};

/// NaT collections that as many registers can have between them.
const COLLECTIONS: u64 = 2;
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
        if context.is(Guest::Pv) && rsc & 0xc == 0 {
            out.add(
                vcpu.finding(Code::VcpuRscPl, "regs.ar.rsc")
                    .expected("1, 2 or 3 in bits 2 and 3"),
            );
        }
    }
}

/// The slot of an address within its NaT collection: 63 registers, then the collection itself.
fn slot(address: u64) -> u64 {
    address >> 3 & 0x3f
}

/// Words between two addresses of a backing store that hold registers.
fn registers(from: u64, slots: u64) -> u64 {
    slots - (slot(from) + slots) / 64
}

/// Words that so many registers take with their collections from a slot on.
fn slots(from: u64, registers: u64) -> u64 {
    registers + (from % 64 + registers) / 63
}

/// The dirty part of the stack as a context has it.
struct Dirty {
    /// Words from bspstore to bsp.
    slots: u64,
    /// Registers among them.
    registers: u64,
}

/// `None` where bsp and bspstore make no stack, of which [`bounds`] complains.
fn dirty(vcpu: &VcpuView<'_>) -> Option<Dirty> {
    if vcpu.layout() == ContextLayout::B2 {
        return None;
    }
    let store = vcpu.get("regs.ar.bspstore")?;
    let slots = vcpu.get("regs.ar.bsp")?.checked_sub(store)? / 8;
    let registers = registers(store, slots);
    Some(Dirty { slots, registers })
}

/// bsp and bspstore. Up to layout D, bsp is bspstore and the bytes that the dirty registers took in
/// the hypervisor's own memory, so it may lie up to two collections further than the guest's.
///
/// The savers of B2 left ar.bsp to the heap.
pub(in crate::check) fn bounds(context: &Context<'_>, out: &mut Findings) {
    let filled = |vcpu: &VcpuView<'_>| vcpu.layout() != ContextLayout::B2;
    for vcpu in context.vcpus().filter(filled) {
        for path in ["regs.ar.bspstore", "regs.ar.bsp"] {
            if vcpu.get(path).is_some_and(|address| address % 8 != 0) {
                out.add(
                    vcpu.finding(Code::VcpuBspUnaligned, path)
                        .expected("a multiple of 8"),
                );
            }
        }
        let (Some(bsp), Some(store)) = (vcpu.get("regs.ar.bsp"), vcpu.get("regs.ar.bspstore"))
        else {
            continue;
        };
        let Some(dirty) = dirty(&vcpu) else {
            out.add(
                vcpu.finding(Code::VcpuBspBelow, "regs.ar.bsp")
                    .expected(format!("at least ar.bspstore, {store:#x}")),
            );
            continue;
        };
        let too_many = if vcpu.layout() >= ContextLayout::E {
            dirty.registers > NUM_PHYS_STACKED
        } else {
            dirty.slots > NUM_PHYS_STACKED + COLLECTIONS
        };
        if too_many {
            let found = format!("{bsp:#x}: {} above {store:#x}", dirty.registers);
            out.add(
                vcpu.finding(Code::VcpuStacked, "regs.ar.bsp")
                    .expected(format!(
                        "at most {NUM_PHYS_STACKED} registers above ar.bspstore"
                    ))
                    .found(found),
            );
        }
    }
}

/// `rbs_voff`, and with it the size of the image. The hypervisor takes it from the layout of its own
/// memory, so it differs from build to build.
pub(in crate::check) fn voff(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        let Some(voff) = vcpu.get("regs.rbs_voff") else {
            continue;
        };
        let dirty = dirty(&vcpu).filter(|dirty| dirty.registers <= NUM_PHYS_STACKED);
        let words = dirty.map_or(0, |dirty| slots(voff, dirty.registers));
        if (voff + words) * 8 >= BUFFER {
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

/// What is behind the dirty registers, from D8 on: the hypervisor cleared the context first.
pub(in crate::check) fn image(context: &Context<'_>, out: &mut Findings) {
    if !context.since(Dialect::D8) {
        return;
    }
    for vcpu in context.vcpus() {
        let (Some(voff), Some(rnat), Some(rbs), Some(dirty)) = (
            vcpu.get("regs.rbs_voff"),
            vcpu.get("regs.rbs_rnat"),
            vcpu.slice("regs.rbs"),
            dirty(&vcpu),
        ) else {
            continue;
        };
        if dirty.registers > NUM_PHYS_STACKED {
            continue;
        }
        // In layout D the words were counted in the hypervisor's own memory.
        let words = slots(voff, dirty.registers).max(dirty.slots) as usize;
        let mut behind = rbs.chunks_exact(8).enumerate().skip(words);
        if let Some((index, _)) = behind.find(|(_, word)| word.iter().any(|byte| *byte != 0)) {
            out.add(
                vcpu.finding(Code::VcpuRbs, &format!("regs.rbs[{index}]"))
                    .expected(format!("0 behind the first {words} words")),
            );
        }
        let bottom = voff % 64;
        let top = (bottom + words as u64) % 64;
        // No register of the collection that is open at the top lies above it, nor below the first.
        let mut allowed = match top {
            0 => u64::MAX,
            _ => (1 << top) - 1,
        };
        if words > 0 && bottom + (words as u64) < 64 {
            allowed &= u64::MAX << bottom;
        }
        if rnat & !allowed != 0 {
            out.add(
                vcpu.finding(Code::VcpuRbsRnat, "regs.rbs_rnat")
                    .expected(format!("no bits but those in {allowed:#x}")),
            );
        }
    }
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
    fn registers_are_counted_without_their_collections() {
        // From a genuine image: 91 words from slot 27 hold 90 registers, which take 92 from slot 52.
        assert_eq!(registers(0x240d8, (0x243b0 - 0x240d8) / 8), 90);
        assert_eq!(slots(52, 90), 92);
        assert_eq!(
            (registers(0, 63), registers(0, 64), registers(0, 65)),
            (63, 63, 64)
        );
        assert_eq!((slots(0, 62), slots(0, 63), slots(62, 1)), (62, 64, 2));
        assert!(registers(0, u64::MAX / 8) > NUM_PHYS_STACKED);
    }
}
