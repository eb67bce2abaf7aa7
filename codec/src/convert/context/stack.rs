//! The dirty part of the register stack (spec 8.3).
//!
//! Every 64th word of a backing store holds NaT bits (a collection, RNAT) instead of a register, so
//! as many registers take more or fewer words depending on where they begin. Up to D the saver gave
//! `bspstore` plus the bytes that the *hypervisor's* backing store took, which begins at word
//! `rbs_voff`; from E on the `bsp` that the *guest's* backing store will have. A has the bytes alone.

use alloc::format;

use super::{Names, Side};
use crate::dialect::ContextLayout;

/// Words between two collections.
const REGISTERS: u64 = 63;
/// Words of the largest register stack that a context has room for.
const MOST: u64 = 2048;

/// How a layout says what is dirty.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `loadrs`: the hypervisor's bytes.
    Loadrs,
    /// `bsp`: bspstore plus the hypervisor's bytes.
    Bytes,
    /// `bsp`: where the guest's will be.
    Address,
}

impl Form {
    fn of(id: ContextLayout) -> Self {
        match id {
            ContextLayout::A => Form::Loadrs,
            ContextLayout::B | ContextLayout::B2 | ContextLayout::C | ContextLayout::D => {
                Form::Bytes
            }
            ContextLayout::E | ContextLayout::F => Form::Address,
        }
    }
}

/// Recomputes `ar.bsp` and names what is not known of the stack. The image of it (`rbs`) and what
/// belongs to it are carried by name.
pub(super) fn convert(source: &Side<'_>, target: &mut Side<'_>, names: &mut Names<'_>) {
    let old = source.get("regs.ar.bsp");
    if source.id == ContextLayout::B2 {
        // Its saver left it to the heap, so nobody knows what was dirty.
        let none = nothing(target, source.get("regs.ar.bspstore"));
        if old != source.get("regs.ar.bspstore") {
            let what = format!(
                "{old:#x}: {} did not fill it; no register is taken for dirty",
                source.dialect
            );
            names.name(source, "regs.ar.bsp", what);
        }
        target.set("regs.ar.bsp", none);
        return;
    }
    if Form::of(source.id) == Form::of(target.id) {
        target.set("regs.ar.bsp", old);
    } else {
        let bspstore = source.get("regs.ar.bspstore");
        let start = source.get("regs.rbs_voff");
        let bytes = dirty(Form::of(source.id), bspstore, start, old);
        let new = bytes.and_then(|bytes| top(Form::of(target.id), bspstore, start, bytes));
        target.set("regs.ar.bsp", new.unwrap_or(nothing(target, bspstore)));
        // Without rbs_voff nobody knows where the hypervisor's words began.
        let guess = Form::of(target.id) == Form::Address && source.path("regs.rbs_voff").is_none();
        if new.is_none() {
            let what = format!("{old:#x} says no number of registers; none are taken for dirty");
            names.name(source, "regs.ar.bsp", what);
        } else if guess && bytes != Some(0) {
            let from = source.dialect;
            let what = format!("{from} does not say at which word rbs began; 0 is taken");
            names.name(source, "regs.ar.bsp", what);
        }
    }
    made_up(source, target, names);
}

/// What says that nothing is dirty.
fn nothing(side: &Side<'_>, bspstore: u64) -> u64 {
    match Form::of(side.id) {
        Form::Loadrs => 0,
        Form::Bytes | Form::Address => bspstore,
    }
}

/// Dirty bytes of the hypervisor's stack; `None` where no stack has as many.
fn dirty(form: Form, bspstore: u64, start: u64, value: u64) -> Option<u64> {
    match form {
        Form::Loadrs => (value.trailing_zeros() >= 16).then_some(value >> 16),
        Form::Bytes => value.checked_sub(bspstore),
        Form::Address => registers_between(bspstore, value).map(|count| words(start, count) * 8),
    }
}

/// Words of `rbs` that a context says are dirty, collections included; `None` where no stack has as many.
pub(super) fn dirty_words(side: &Side<'_>) -> Option<u64> {
    let (store, start) = (side.get("regs.ar.bspstore"), side.get("regs.rbs_voff"));
    let bytes = dirty(Form::of(side.id), store, start, side.get("regs.ar.bsp"))?;
    Some(bytes / 8)
}

/// The way back.
fn top(form: Form, bspstore: u64, start: u64, bytes: u64) -> Option<u64> {
    match form {
        Form::Loadrs => (bytes.leading_zeros() >= 16).then_some(bytes << 16),
        Form::Bytes => bspstore.checked_add(bytes),
        Form::Address => {
            let count = registers_in_bytes(start, bytes)?;
            bspstore.checked_add(words(bspstore >> 3, count) * 8)
        }
    }
}

/// Names what the target has of the stack and the source does not.
fn made_up(source: &Side<'_>, target: &Side<'_>, names: &mut Names<'_>) {
    let none = nothing(source, source.get("regs.ar.bspstore"));
    if source.get("regs.ar.bsp") == none {
        return;
    }
    let lacks = |name: &str| source.path(name).is_none() && target.path(name).is_some();
    if lacks("regs.rbs") {
        let what = format!(
            "{} has no stacked registers; they are made 0",
            source.dialect
        );
        names.name(target, "regs.rbs", what);
    } else if lacks("regs.rbs_voff") {
        let what = format!(
            "{} does not say where the register stack began, nor its last NaT bits; both are made 0",
            source.dialect
        );
        names.name(target, "regs.rbs_voff", what);
    }
}

/// Words that `count` registers take from the word of that number on, collections in between and
/// right behind them included.
fn words(start: u64, count: u64) -> u64 {
    match count {
        0 => 0,
        _ => count + ((start & 63) + count) / REGISTERS,
    }
}

/// Registers in so many words.
fn registers(start: u64, words: u64) -> u64 {
    words - ((start & 63) + words) / 64
}

/// Registers in so many bytes; `None` where no stack takes as many.
fn registers_in_bytes(start: u64, bytes: u64) -> Option<u64> {
    let count = bytes / 8;
    let sane = bytes.is_multiple_of(8) && count <= MOST;
    let found = sane.then(|| registers(start, count))?;
    (words(start, found) == count).then_some(found)
}

/// Registers between two addresses of a backing store; `None` where they are none of one stack.
fn registers_between(bspstore: u64, bsp: u64) -> Option<u64> {
    let bytes = bsp.checked_sub(bspstore)?;
    registers_in_bytes(bspstore >> 3, bytes).filter(|_| bspstore.is_multiple_of(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_guest_has_ninety_dirty_registers() {
        // 3.2 and 3.4 saw bsp 0x243b0, their predecessors 0x243b8, of the same guest.
        assert_eq!(registers_between(0x240d8, 0x243b0), Some(90));
        assert_eq!(0x240d8 + 8 * words(0x240d8 >> 3, 90), 0x243b0);
        for rbs_voff in [0x28, 0x34, 0x38] {
            assert_eq!(0x240d8 + 8 * words(rbs_voff, 90), 0x243b8);
            assert_eq!(registers_in_bytes(rbs_voff, 92 * 8), Some(90));
        }
    }

    #[test]
    fn words_and_registers_are_each_others_inverse() {
        for start in 0..64 {
            for count in 0..200 {
                assert_eq!(registers(start, words(start, count)), count);
            }
        }
    }

    #[test]
    fn what_is_no_stack_is_refused() {
        assert_eq!(registers_between(0x1f8, 0x1f8), Some(0));
        assert_eq!(registers_between(0x1000, 0xff8), None);
        assert_eq!(registers_between(0x1000, 0x1004), None);
        assert_eq!(registers_between(0, 8 * 4096), None);
    }
}
