//! The dirty stacked registers of a vcpu, as its backing store would hold them.

use alloc::vec::Vec;

use crate::dialect::Guest;
use crate::era::{Era, RbsImage, slot};
use crate::wire::vcpu_context::Context;

/// The slot of a backing store that holds NaT bits instead of a register.
const COLLECTION: u64 = 63;
/// Registers of a frame, in a frame marker.
const SOF: u64 = 0x7f;
/// The frame marker is that of the frame on top of `bsp` up to here; cleared, `bsp` is where it begins.
const INTERRUPTED: u64 = 1 << 63;

/// The dirty part of a register stack: what the guest's memory from `bspstore` on holds as soon as it is
/// flushed, and did not when the image was made.
///
/// ```text
/// rbs[] of the image:  words of the hypervisor's store, a collection where (rbs_voff + i) % 64 is 63
/// the guest's store:   bspstore ... | NaT bits at addresses with bits 3 to 8 set | ... bsp ... end
/// ```
/// The collections of the two stand at different registers: those of the hypervisor are taken apart, and
/// the guest's are put together, the first with the bits that `ar.rnat` has for the registers below
/// `bspstore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterStack {
    /// `ar.bspstore`: where the words belong.
    pub bspstore: u64,
    /// `ar.bsp`: behind the words.
    pub bsp: u64,
    /// The end of the current frame, which debuggers take for bsp. In a vcpu that an interruption stopped
    /// it is `bsp`; in one that made a hypercall the registers of the frame are behind `bsp`.
    pub end: u64,
    /// The words from `bspstore` on, the guest's NaT collections included. Empty where the era does not
    /// give the registers.
    pub words: Vec<u64>,
    /// `ar.rnat` behind them: the NaT bits of registers behind the last collection.
    pub rnat: u64,
}

impl RegisterStack {
    /// That of a context of an era. `None` where no stack has such bounds.
    pub fn of(context: &Context, era: Era, guest: Guest) -> Option<Self> {
        let _ = guest; // both kinds are given in one form
        let bspstore = context.ar_bspstore();
        let told = match context {
            Context::A(a) => a.user_regs.loadrs,
            _ => context.ar_bsp()?,
        };
        let voff = context.rbs_voff().map(u64::from);
        let dirty = era.dirty(bspstore, told, voff)?;
        if !bspstore.is_multiple_of(8) {
            return None;
        }
        let bsp = bspstore.checked_add(dirty.slots.checked_mul(8)?)?;
        let frame = if context.cfm() & INTERRUPTED == 0 {
            context.cfm() & SOF
        } else {
            0
        };
        let mut stack = RegisterStack {
            bspstore,
            bsp,
            end: skip(bsp, frame)?,
            words: Vec::new(),
            rnat: context.ar_rnat(),
        };
        let rbs = context.rbs().filter(|_| era.spec().rbs == RbsImage::Dirty);
        let words = rbs.and_then(|rbs| rbs.get(..usize::try_from(dirty.words).ok()?));
        if let Some(words) = words {
            let rnat = context.rbs_rnat().filter(|_| era.spec().whole);
            stack.lay_out(words, era.host_slot(voff), rnat.unwrap_or(0));
        }
        Some(stack)
    }

    /// Lays the words of the hypervisor's store, which begin at that slot, out as the guest's.
    fn lay_out(&mut self, words: &[u64], from: u64, rnat: u64) {
        let place = |index: usize| from.wrapping_add(index as u64) % 64;
        let mut address = self.bspstore;
        // Bits of registers that were stored before come from ar.rnat.
        let mut open = self.rnat & ((1 << slot(address)) - 1);
        for (index, word) in words.iter().enumerate() {
            if place(index) == COLLECTION {
                continue;
            }
            if slot(address) == COLLECTION {
                self.words.push(core::mem::take(&mut open));
                address = address.wrapping_add(8);
            }
            let own = index + (COLLECTION - place(index)) as usize;
            let bits = words.get(own).copied().unwrap_or(rnat);
            open |= (bits >> place(index) & 1) << slot(address);
            self.words.push(*word);
            address = address.wrapping_add(8);
        }
        if slot(address) == COLLECTION && !self.words.is_empty() {
            self.words.push(core::mem::take(&mut open));
        }
        self.rnat = open;
    }

    /// The word at an address of the backing store. `None` outside of the dirty part.
    pub fn word(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.bspstore)?;
        let index = usize::try_from(offset / 8).ok()?;
        (offset % 8 == 0).then(|| self.words.get(index).copied())?
    }

    /// Whether the register at an address of the dirty part is NaT.
    pub fn is_nat(&self, address: u64) -> Option<bool> {
        self.word(address)?;
        let bits = self.word(address | COLLECTION << 3).unwrap_or(self.rnat);
        (slot(address) != COLLECTION).then_some(bits >> slot(address) & 1 == 1)
    }
}

/// Where so many registers further the backing store goes on.
pub(crate) fn skip(address: u64, registers: u64) -> Option<u64> {
    let words = registers + (slot(address) + registers) / COLLECTION;
    address.checked_add(words * 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn empty(bspstore: u64, rnat: u64) -> RegisterStack {
        RegisterStack {
            bspstore,
            bsp: 0,
            end: 0,
            words: vec![],
            rnat,
        }
    }

    #[test]
    fn collections_move_to_the_guests_slots() {
        // The hypervisor's store begins at slot 60: registers 0 to 2, a collection, registers 3 to 5.
        let words = [10, 11, 12, 1 << 61, 13, 14, 15];
        // The guest's begins at slot 61: registers 0 and 1, a collection, the others.
        let mut stack = empty(0x1000 + 61 * 8, 0b101);
        stack.lay_out(&words, 60, 1 << 1);
        assert_eq!(stack.words, [10, 11, 1 << 62 | 0b101, 12, 13, 14, 15]);
        assert_eq!(stack.rnat, 1 << 2);
        let at = |index: u64| stack.bspstore + index * 8;
        assert_eq!(stack.is_nat(at(1)), Some(true));
        assert_eq!(stack.is_nat(at(2)), None);
        assert_eq!(stack.is_nat(at(5)), Some(true));
        assert_eq!(stack.is_nat(at(3)), Some(false));
        assert_eq!(stack.word(at(7)), None);
        assert_eq!(stack.word(at(0) - 8), None);
    }

    #[test]
    fn a_frame_that_ends_at_a_collection_ends_behind_it() {
        assert_eq!(skip(0x1000, 62), Some(0x1000 + 62 * 8));
        assert_eq!(skip(0x1000, 63), Some(0x1200));
        assert_eq!(skip(u64::MAX - 7, 1), None);
        let mut stack = empty(0x1000 + 62 * 8, 0);
        stack.lay_out(&[7], 0, 1);
        assert_eq!((&stack.words[..], stack.rnat), (&[7, 1 << 62][..], 0));
    }
}
