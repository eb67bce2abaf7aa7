//! The register stack: stacked registers in memory with a word of NaT bits in every 64th slot.

/// Words of `rbs[]` in a context.
pub(super) const WORDS: usize = 2048;

/// Registers in so many slots, the first of which has this place within its 64.
pub(super) fn registers_in(place: u64, slots: u64) -> u64 {
    slots - (place + slots) / 64
}

/// Slots that so many registers take, the one of the NaT bits behind a full row included.
pub(super) fn slots(place: u64, registers: u64) -> u64 {
    registers + (place + registers) / 63
}

/// A register stack as a context has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    /// The slots in use.
    pub(super) words: Vec<u64>,
    /// NaT bits of the registers behind the last collection.
    pub(super) rnat: u64,
}

impl Stack {
    /// Takes the first words, of which the first has the place `voff` within its 64, and lays the
    /// registers in them out anew from `voff_of_host`.
    ///
    /// How many words are taken the hypervisor computed for its own layout: where the given one has
    /// another number of collections between the same registers, one register too few is taken or one
    /// too many, and nobody is told (spec 15.3). Where the words end right before the place of a
    /// collection, that is counted too, and the oldest register is left out.
    pub(super) fn laid_out(
        words: &[u64],
        rnat: u64,
        voff: u64,
        taken: u64,
        voff_of_host: u64,
    ) -> Stack {
        let taken = taken.min(words.len() as u64);
        let (count, skipped) = counted(voff, taken);
        // The collection that holds the NaT bit of a slot: the next one, or `rnat` behind the last.
        let collection = |slot: u64| {
            let at = slot + 63 - (voff + slot) % 64;
            let inside = at < taken;
            words
                .get(at as usize)
                .filter(|_| inside)
                .copied()
                .unwrap_or(rnat)
        };
        let slot_of = |register: u64, voff: u64| register + (voff + register) / 63;
        let mut out = vec![0; slots(voff_of_host, count) as usize];
        let (mut row, mut covered) = (None, 0_u64);
        let mut top = 0;
        for register in 0..count {
            let from = slot_of(register + skipped, voff);
            let to = slot_of(register, voff_of_host);
            out[to as usize] = words.get(from as usize).copied().unwrap_or(0);
            // Bits of no register are those of the collection before in the lowest row, else 0.
            let bits = row.get_or_insert_with(|| match register {
                0 if voff == 63 => words.first().copied().unwrap_or(0),
                0 => collection(from),
                _ => 0,
            });
            let place = (voff_of_host + to) % 64;
            let nat = collection(from) >> ((voff + from) % 64) & 1;
            *bits = *bits & !(1 << place) | nat << place;
            covered |= 1 << place;
            top = place;
            if place == 62 {
                out[to as usize + 1] = row.take().unwrap_or(0);
                (covered, top) = (0, 0);
            }
        }
        // The bit of the topmost register is lost, and what no register covers is cleared.
        Stack {
            words: out,
            rnat: row.unwrap_or(0) & covered & ((1 << top) - 1),
        }
    }
}

/// Registers that are counted in so many words, and how many of the oldest are left out for it.
pub(super) fn counted(voff: u64, taken: u64) -> (u64, u64) {
    let count = taken - (voff + taken + 1) / 64;
    (count, registers_in(voff, taken) - count)
}

/// The registers in words whose first has the place `voff` within its 64, with their NaT bits, oldest
/// first. Words that are missing are 0.
pub(super) fn unpack(words: &[u64], count: u64, rnat: u64, voff: u64) -> Vec<(u64, bool)> {
    let word = |slot: u64| words.get(slot as usize).copied().unwrap_or(0);
    let place = |slot: u64| (voff + slot) % 64;
    let registers = (0..count).filter(|slot| place(*slot) != 63);
    registers
        .map(|slot| {
            let collection = slot + 63 - place(slot);
            let bits = if collection < count {
                word(collection)
            } else {
                rnat
            };
            (word(slot), bits >> place(slot) & 1 != 0)
        })
        .collect()
}

/// Registers among so many words that end before the place `voff`: those that the first switch-in of a
/// restored PV vcpu loaded before 0f93dc4f98, instead of the ones that it was given.
pub(super) fn registers_below(voff: u64, count: u64) -> u64 {
    let collections = (1..=count).filter(|back| voff.wrapping_sub(*back) % 64 == 63);
    count - collections.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_64th_slot_holds_nat_bits() {
        assert_eq!(registers_in(27, (0x243b0 - 0x240d8) / 8), 90);
        assert_eq!((slots(52, 90), slots(27, 90), slots(27, 91)), (92, 91, 92));
        assert_eq!((slots(0, 62), slots(0, 63), slots(63, 0)), (62, 64, 1));
    }

    #[test]
    fn words_below_the_stack_hold_another_number_of_registers() {
        // 90 dirty registers at 0x38 take 92 words, 96 take 98; below, there are 91 and 97.
        assert_eq!((slots(56, 90), registers_below(56, 92)), (92, 91));
        assert_eq!((slots(56, 96), registers_below(56, 98)), (98, 97));
    }

    #[test]
    fn another_layout_keeps_registers_and_nat_bits() {
        let words: Vec<u64> = (0..200).map(|n| n * 0x0101_0101_0101_0101).collect();
        for (voff, host) in [(0, 52), (52, 0), (63, 1), (10, 10)] {
            for registers in 1..96 {
                let there = Stack::laid_out(&words, 0x7ff, voff, slots(voff, registers), voff);
                let taken = slots(voff, registers);
                let here = Stack::laid_out(&there.words, there.rnat, voff, taken, host);
                let before = unpack(&there.words, taken, there.rnat, voff);
                let after = unpack(&here.words, here.words.len() as u64, here.rnat, host);
                // The NaT bit of the topmost register is lost.
                let all = before.len() - 1;
                assert_eq!(after.len(), before.len(), "{voff} {host} {registers}");
                assert_eq!(after[..all], before[..all], "{voff} {host} {registers}");
                assert_eq!(after[all].0, before[all].0);
            }
        }
    }
}
