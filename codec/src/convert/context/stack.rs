//! The dirty part of the register stack (spec 8.7).
//!
//! Every 64th word of a backing store holds NaT bits (a collection, RNAT) instead of a register, so
//! as many registers take more or fewer words depending on where they begin. Up to D7c the saver gave
//! the bytes that the *hypervisor's* backing store took, in `loadrs` or as `bsp` less `bspstore`; from D7d
//! on the `bsp` that the *guest's* will have. The hypervisor's words begin at word `rbs_voff` of 64.
//!
//! Up to D7c a restore lost the stacked registers of a PV guest; in D5 to D7c they stand in the image all
//! the same, but for the NaT bits behind the last collection. A result that is restored on D7d or later
//! gives them back to the guest.

use alloc::format;
use alloc::vec::Vec;

use super::{Names, Side};
use crate::era::{RbsImage, StackForm, StackSet, relaid};
use crate::size::place;

/// Words between two collections.
const REGISTERS: u64 = 63;
/// Words of the largest register stack that a context has room for.
const MOST: u64 = 2048;
/// Stacked registers of every Itanium.
const PHYSICAL: u64 = 96;
/// Where the words began in hypervisors of D2 to D6c, and had to in D5. Taken where an era does not say.
const USUAL_VOFF: u64 = 56;

/// What a context says of its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dirty {
    registers: u64,
    /// Where the hypervisor's words begin.
    start: u64,
    /// The era says so.
    start_is_known: bool,
    /// Another place of the words would mean another number of registers.
    ambiguous: bool,
}

/// Recomputes `ar.bsp`, lays `rbs` out, and names what is not known of the stack.
pub(super) fn convert(source: &Side<'_>, target: &mut Side<'_>, names: &mut Names<'_>) {
    let old = source.get("regs.ar.bsp");
    let Some(dirty) = dirty(source) else {
        nonsense(source, target, old, names);
        return;
    };
    let start = match (target.spec().rbs_voff, target.has("regs.rbs_voff")) {
        (Some(fixed), _) => fixed,
        (None, true) => dirty.start,
        (None, false) if !dirty.start_is_known => dirty.start,
        (None, false) => USUAL_VOFF,
    };
    let form = [source, target].map(|side| side.spec().stack);
    let bspstore = source.get("regs.ar.bspstore");
    let new = if form[0] == form[1] && (form[0] == StackForm::GuestSlots || start == dirty.start) {
        Some(old)
    } else {
        top(form[1], bspstore, start, dirty.registers)
    };
    target.set("regs.ar.bsp", new.unwrap_or(nothing(form[1], bspstore)));
    image(source, target, dirty, start);
    leftovers(source, target, dirty, names);
    let relaid = [source, target].map(|side| side.spec().rbs) == [RbsImage::Dirty; 2];
    if relaid && start != dirty.start && dirty.registers > 0 {
        let what = format!("laid out from word {start} on, not {}", dirty.start);
        names.note(target, "regs.rbs", what);
    }
    tell(source, target, dirty, names);
    if target.has("regs.rbs_voff") && source.get("regs.rbs_voff") != start {
        target.set("regs.rbs_voff", start);
        if dirty.registers > 0 && !dirty.start_is_known {
            let what = format!("{start} is taken: {} does not say it", source.era);
            names.note(target, "regs.rbs_voff", what);
        }
    }
}

/// A stack that no processor has stays what it is where its form does.
fn nonsense(source: &Side<'_>, target: &mut Side<'_>, old: u64, names: &mut Names<'_>) {
    let form = [source, target].map(|side| side.spec().stack);
    if form[0] == form[1] {
        target.set("regs.ar.bsp", old);
        return;
    }
    target.set(
        "regs.ar.bsp",
        nothing(form[1], source.get("regs.ar.bspstore")),
    );
    put(target, &[]);
    let what = format!("{old:#x} says no number of registers; none are taken for dirty");
    names.name(source, "regs.ar.bsp", what);
}

/// The words of the target.
fn image(source: &Side<'_>, target: &mut Side<'_>, dirty: Dirty, start: u64) {
    let filled = [source, target].map(|side| side.spec().rbs == RbsImage::Dirty);
    let cleared = [source, target].map(|side| side.spec().cleared);
    if !filled[1] {
        // Where nobody fills it, what nobody filled may stay.
        if source.spec().rbs != RbsImage::Unset {
            put(target, &[]);
        }
    } else if !filled[0] {
        put(target, &[]);
    } else if start != dirty.start {
        let old = rbs(source, words(dirty.start, dirty.registers));
        let rnat = if source.spec().whole {
            source.get("regs.rbs_rnat")
        } else {
            0
        };
        // Where a place is fixed, no context has bits behind the last collection.
        put(target, &relaid(&old, dirty.start, rnat, start).0);
    } else if cleared[1] && !cleared[0] {
        let used = rbs(source, words(start, dirty.registers));
        put(target, &used);
    }
}

/// Notes words that were no registers and are gone.
fn leftovers(source: &Side<'_>, target: &Side<'_>, dirty: Dirty, names: &mut Names<'_>) {
    let used = match source.spec().rbs {
        RbsImage::Absent => return,
        RbsImage::Unset => 0,
        RbsImage::Dirty => place(words(dirty.start, dirty.registers)),
    };
    let behind = |side: &Side<'_>| {
        let words = rbs(side, MOST);
        words.into_iter().skip(used).any(|word| word != 0)
    };
    if behind(source) && !behind(target) {
        let what = format!("{} did not fill all of it", source.era);
        names.note(source, "regs.rbs", what);
    }
}

/// Names what is lost or made up of the registers themselves.
fn tell(source: &Side<'_>, target: &Side<'_>, dirty: Dirty, names: &mut Names<'_>) {
    if dirty.registers == 0 {
        return;
    }
    let [old, new] = [source.spec(), target.spec()];
    let count = dirty.registers;
    let has = |image: RbsImage| image == RbsImage::Dirty;
    if has(old.rbs) && !has(new.rbs) {
        let what = format!(
            "{count} stacked registers: {} has no place for them",
            target.era
        );
        names.name(source, "regs.rbs", what);
    } else if has(old.rbs) && old.stack_set == StackSet::Relaid && new.stack_set != StackSet::Relaid
    {
        let what = format!(
            "{count} stacked registers: a restore of {} does not give them back",
            target.era
        );
        names.name(source, "regs.rbs", what);
    } else if !has(old.rbs) && has(new.rbs) {
        let what = format!(
            "{} has no stacked registers; {count} are made 0",
            source.era
        );
        names.name(target, "regs.rbs", what);
    }
    if dirty.ambiguous && new.stack == StackForm::GuestSlots {
        let what = format!(
            "{} does not say at which word its stack began; {count} registers are taken, of {} words",
            source.era,
            words(dirty.start, count)
        );
        names.name(source, "regs.ar.bsp", what);
    }
    let unknown = count.min((dirty.start + words(dirty.start, count)) & 63);
    if has(old.rbs) && !old.whole && new.whole && unknown > 0 {
        let what = format!(
            "{} does not give the NaT bits of the last {unknown} of {count} stacked registers; they are taken not to be NaT",
            source.era
        );
        names.note(target, "regs.rbs_rnat", what);
    }
}

/// What is dirty; `None` where no stack has as much.
fn dirty(side: &Side<'_>) -> Option<Dirty> {
    let (store, value) = (side.get("regs.ar.bspstore"), side.get("regs.ar.bsp"));
    let field = || {
        side.has("regs.rbs_voff")
            .then(|| side.get("regs.rbs_voff") & 63)
    };
    let known = side.spec().rbs_voff.or_else(field);
    let bytes = match side.spec().stack {
        StackForm::Loadrs => (value.trailing_zeros() >= 16).then_some(value >> 16)?,
        StackForm::HostBytes => value.checked_sub(store)?,
        StackForm::GuestSlots => {
            let registers = registers_between(store, value)?;
            return Some(Dirty {
                registers,
                start: known.unwrap_or(USUAL_VOFF),
                start_is_known: known.is_some(),
                ambiguous: false,
            });
        }
    };
    if let Some(start) = known {
        let registers = registers_in_bytes(start, bytes)?;
        return Some(Dirty {
            registers,
            start,
            start_is_known: true,
            ambiguous: false,
        });
    }
    // A number that the processor has, from the usual place if that gives one.
    let starts = core::iter::once(USUAL_VOFF).chain(0..64);
    let mut fitting = starts.filter_map(|start| Some((start, registers_in_bytes(start, bytes)?)));
    let any = fitting.clone().next()?;
    let mut physical = fitting.clone().filter(|(_, count)| *count <= PHYSICAL);
    let (start, registers) = physical.next().unwrap_or(any);
    Some(Dirty {
        registers,
        start,
        start_is_known: false,
        ambiguous: fitting.any(|(_, other)| other != registers && other <= PHYSICAL),
    })
}

/// What says that nothing is dirty.
fn nothing(form: StackForm, bspstore: u64) -> u64 {
    match form {
        StackForm::Loadrs => 0,
        StackForm::HostBytes | StackForm::GuestSlots => bspstore,
    }
}

/// What says that so many registers are.
fn top(form: StackForm, bspstore: u64, start: u64, registers: u64) -> Option<u64> {
    match form {
        StackForm::Loadrs => Some((words(start, registers) * 8) << 16),
        StackForm::HostBytes => bspstore.checked_add(words(start, registers) * 8),
        StackForm::GuestSlots => bspstore.checked_add(words(bspstore >> 3, registers) * 8),
    }
}

/// The first words of `rbs`.
fn rbs(side: &Side<'_>, count: u64) -> Vec<u64> {
    let Some(found) = side.layout.find("regs.rbs") else {
        return Vec::new();
    };
    let bytes = side.bytes.get(found.offset..found.offset + found.size());
    let words = bytes.unwrap_or(&[]).as_chunks::<8>().0.iter();
    let words = words.take(place(count));
    words.map(|word| u64::from_le_bytes(*word)).collect()
}

/// Makes `rbs` these words and 0 behind them.
fn put(side: &mut Side<'_>, words: &[u64]) {
    let Some(found) = side.layout.find("regs.rbs") else {
        return;
    };
    let place = found.offset..found.offset + found.size();
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize(found.size(), 0);
    if side.bytes.get(place.clone()) != Some(&bytes[..])
        && let Some(space) = side.bytes.to_mut().get_mut(place)
    {
        space.copy_from_slice(&bytes);
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

/// Registers in so many bytes of the hypervisor's; `None` where no stack takes as many.
fn registers_in_bytes(start: u64, bytes: u64) -> Option<u64> {
    let count = bytes / 8;
    let sane = bytes.is_multiple_of(8) && count <= MOST;
    let found = sane.then(|| registers(start, count))?;
    (words(start, found) == count).then_some(found)
}

/// Registers between two addresses of the guest's backing store, the upper of which may be the place of
/// a collection; `None` where they are none of one stack.
fn registers_between(bspstore: u64, bsp: u64) -> Option<u64> {
    let bytes = bsp.checked_sub(bspstore)?;
    let sane = bspstore.is_multiple_of(8) && bytes.is_multiple_of(8) && bytes / 8 <= MOST;
    sane.then(|| registers(bspstore >> 3, bytes / 8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::fields::set;
    use crate::dialect::Guest;
    use crate::era::Era;
    use alloc::borrow::Cow;
    use alloc::vec;

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
        // The place of a collection: what is before it.
        assert_eq!(registers_between(0x1000, 0x11f8), Some(63));
    }

    fn side(era: Era, fields: &[(&str, u64)]) -> Side<'static> {
        let mut side = Side::new(era, Guest::Pv, Cow::Owned(vec![]));
        let mut bytes = vec![0; side.layout.size];
        for (name, value) in fields {
            let path = side.path(name).unwrap();
            set(side.layout, &mut bytes, &path, *value);
        }
        side.bytes = bytes.into();
        side
    }

    #[test]
    fn the_form_is_that_of_the_era_and_not_of_the_layout() {
        // D7c and D8a have one layout; 90 registers of one guest, seen on both.
        let store = ("regs.ar.bspstore", 0x180d8);
        for (era, bsp) in [
            (Era::D7C, 0x183b8),
            (Era::D7D, 0x183b0),
            (Era::D8A, 0x183b0),
        ] {
            let of = side(era, &[store, ("regs.ar.bsp", bsp), ("regs.rbs_voff", 56)]);
            assert_eq!(dirty(&of).map(|dirty| dirty.registers), Some(90), "{era}");
        }
        // C says no place, because there is one; B2 says none, and gives bsp all the same.
        let c = dirty(&side(Era::D5, &[store, ("regs.ar.bsp", 0x183b8)])).unwrap();
        assert_eq!((c.registers, c.start, c.start_is_known), (90, 56, true));
        let b2 = dirty(&side(Era::D4A, &[store, ("regs.ar.bsp", 0x183b8)])).unwrap();
        assert_eq!(
            (b2.registers, b2.start_is_known, b2.ambiguous),
            (90, false, true)
        );
        let a = dirty(&side(Era::D1, &[store, ("regs.ar.bsp", 0x310_0000)])).unwrap();
        assert_eq!(
            (a.registers, a.ambiguous),
            (96, false),
            "no processor has 97"
        );
    }
}
