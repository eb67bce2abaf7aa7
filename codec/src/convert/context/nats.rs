//! The NaT bits of the general registers (spec 8.9).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Names, Side};
use crate::dialect::Guest;
use crate::era::NatsForm;

/// Puts the bits where the target has them, and names the registers that it has none for.
pub(super) fn convert(source: &Side<'_>, target: &mut Side<'_>, names: &mut Names<'_>) {
    const NATS: &str = "regs.nats";
    let word = source.get(NATS);
    let [old, new] = [source, &*target].map(|side| side.era.nats(side.guest));
    let bitmap = old.to_bitmap(word);
    let lost = if old == new {
        target.set(NATS, word);
        0
    } else {
        let held = bitmap & safe(new, target.guest);
        let (word, missing) = new.from_bitmap(held);
        target.set(NATS, word);
        missing | bitmap & !held
    };
    if lost != 0 {
        let what = format!(
            "{}: {} has no NaT bit for that",
            registers(lost),
            target.era
        );
        names.name(source, NATS, what);
    }
    let loads = |side: &Side<'_>| side.era.loads(side.guest, NATS);
    let kept = bitmap & !lost;
    if kept != 0 && loads(source) && !loads(target) {
        let what = format!(
            "{}: a restore of {} loads no NaT bits",
            registers(kept),
            target.era
        );
        names.name(source, NATS, what);
    }
    if old == new {
        return;
    }
    let told = (1..32).filter(|register| old.bit(*register).is_some());
    let told = told.fold(1, |all, register| all | 1 << register);
    let asked = (1..32).filter(|register| new.bit(*register).is_some());
    let unknown = asked.fold(0, |all, register| all | 1 << register) & !told;
    if unknown != 0 {
        let what = format!(
            "{} does not say whether {} are NaT; they are taken not to be",
            source.era,
            registers(unknown)
        );
        names.note(target, NATS, what);
    }
    // Their get-context gave r10 and r11 there, and their set-context takes r8 and r9.
    let moved = bitmap & !safe(old, source.guest);
    if moved != 0 {
        let what = format!(
            "{}: a restore of {} would have taken others for NaT",
            registers(moved),
            source.era
        );
        names.note(target, NATS, what);
    }
}

/// The registers whose bits a set-context of that form's eras understands as its get-context gave them.
/// HVM contexts of D8 to D10c are read as a bitmap, whatever was written.
fn safe(form: NatsForm, guest: Guest) -> u32 {
    match (form, guest) {
        (NatsForm::Halves, Guest::Hvm) => (1..32)
            .filter(|register| form.bit(*register) == Some(*register))
            .fold(0, |all, register| all | 1 << register),
        _ => u32::MAX,
    }
}

/// `r1 to r3, r5`
fn registers(bitmap: u32) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for register in (0..32).filter(|register| bitmap >> register & 1 != 0) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == register => *last = register,
            _ => runs.push((register, register)),
        }
    }
    let texts: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => format!("r{first}"),
            _ => format!("r{first} to r{last}"),
        })
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_told_in_runs() {
        assert_eq!(registers(0x0800_0020), "r5, r27");
        assert_eq!(registers(0xe), "r1 to r3");
    }

    #[test]
    fn only_bits_that_both_directions_understand_are_safe() {
        assert_eq!(safe(NatsForm::Halves, Guest::Hvm), 0xffff_00f0);
        assert_eq!(safe(NatsForm::Bitmap, Guest::Hvm), u32::MAX);
    }
}
