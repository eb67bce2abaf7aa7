//! The register stack of a context, laid out for the host (spec 8.7, 15.3).
//!
//! From 0f93dc4f98 (2007-10-21) on, set-context computes how many words a stack takes in the *host's*
//! layout, but reads them in that of the context. Where the two have another number of NaT collections
//! between the same registers, every frame of the guest is off by one, and the call succeeds. In the
//! host's own layout every register arrives.

use crate::dialect::ContextLayout;
use crate::era::{Era, StackSet, registers_in, relaid, slot, words_of};
use crate::transfer::start_info::put;
use crate::wire::{Context, layout_of_context};

/// Whether it matters on a hypervisor of this era how a stack is laid out.
pub(super) fn matters(era: Era) -> bool {
    era.spec().stack_set == StackSet::Relaid
}

/// Lays the dirty registers of a context out for a host whose own stack begins at this word of 64. What is
/// no stack stays as it is: the hypervisor refuses it.
pub(super) fn lay_out(layout: ContextLayout, context: &mut [u8], host: u64) -> Option<()> {
    let parsed = Context::parse(layout, context)?;
    let given = u64::from(parsed.rbs_voff()?) % 64;
    if given == host {
        // Right as it is, with what it has around the registers.
        return None;
    }
    let ar = parsed.ar()?;
    let words = parsed.rbs()?;
    // As the hypervisor counts, and no more than a context has.
    let taken = ar.bsp.checked_sub(ar.bspstore)? / 8;
    if taken == 0 || taken > words.len() as u64 {
        return None;
    }
    let registers = registers_in(slot(ar.bspstore), taken);
    let old = words.get(..words_of(given, registers) as usize)?;
    let (new, rnat) = relaid(old, given, parsed.rbs_rnat()?, host);
    if new.len() > words.len() {
        return None;
    }
    let fields = layout_of_context(layout);
    let place = fields.find("regs.rbs")?;
    let (start, end) = (place.offset, place.offset + place.size());
    let bytes = context.get_mut(start..end)?;
    bytes.fill(0);
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(&new) {
        *place = word.to_le_bytes();
    }
    put(fields, context, "regs.rbs_voff", host);
    put(fields, context, "regs.rbs_rnat", rnat);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    const LAYOUT: ContextLayout = ContextLayout::F;

    fn context(bspstore: u64, registers: u64, voff: u64) -> Vec<u8> {
        let fields = layout_of_context(LAYOUT);
        let mut context = vec![0; LAYOUT.size()];
        let bsp = bspstore + 8 * words_of(slot(bspstore), registers);
        let mut put = |path: &str, value| put(fields, &mut context, path, value);
        put("regs.ar.bspstore", bspstore);
        put("regs.ar.bsp", bsp);
        put("regs.rbs_voff", voff);
        let plain: Vec<u64> = (1..=registers).collect();
        let (words, _) = relaid(&plain, 0, 0, 0);
        let (words, rnat) = relaid(&words, 0, 0b1010, voff);
        put("regs.rbs_rnat", rnat);
        for (index, word) in words.iter().enumerate() {
            put(&alloc::format!("regs.rbs[{index}]"), *word);
        }
        context
    }

    #[test]
    fn every_count_has_every_layout() {
        for registers in 1..=62 {
            for (from, to) in [(0x28, 0x34), (0x34, 0x28), (63, 0), (8, 63)] {
                let mut given = context(0x240d8, registers, from);
                lay_out(LAYOUT, &mut given, to).unwrap();
                assert!(given == context(0x240d8, registers, to), "{registers}");
                assert_eq!(lay_out(LAYOUT, &mut given, to), None, "it is already");
            }
        }
    }

    #[test]
    fn what_is_no_stack_stays() {
        for (bspstore, bsp) in [
            (0x1000, 0xff8),
            (0x1000, 0x1000),
            (0, 1 << 40),
            (8, u64::MAX),
        ] {
            let fields = layout_of_context(LAYOUT);
            let mut given = vec![0xa5; LAYOUT.size()];
            put(fields, &mut given, "regs.ar.bspstore", bspstore);
            put(fields, &mut given, "regs.ar.bsp", bsp);
            let before = given.clone();
            assert_eq!(lay_out(LAYOUT, &mut given, 8), None);
            assert!(given == before);
        }
        // A layout without a stack.
        assert_eq!(lay_out(ContextLayout::A, &mut [0; 1056], 8), None);
    }
}
