//! The register stack: stacked registers in memory with a word of NaT bits in every 64th slot.

/// Words of `rbs[]` in a context.
pub(super) const WORDS: usize = 2048;

/// Registers between two addresses of a backing store.
pub(super) fn registers(bspstore: u64, bsp: u64) -> u64 {
    registers_in(bspstore >> 3 & 63, bsp.wrapping_sub(bspstore) >> 3)
}

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
    /// Place of the first word within its 64.
    pub(super) voff: u64,
    /// Registers in it.
    pub(super) registers: u64,
}

impl Stack {
    /// Takes as many slots from the words as `registers` would take at `voff_of_host`, as the
    /// hypervisor did, and lays them out anew from there.
    pub(super) fn laid_out(
        words: &[u64],
        rnat: u64,
        voff: u64,
        registers: u64,
        voff_of_host: u64,
    ) -> Stack {
        let voff = voff % 64;
        let taken = slots(voff_of_host, registers).min(words.len() as u64);
        let count = if voff == voff_of_host {
            registers
        } else {
            registers_in(voff, taken)
        };
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
            let from = slot_of(register, voff);
            let to = slot_of(register, voff_of_host);
            out[to as usize] = words.get(from as usize).copied().unwrap_or(0);
            let bits = row.get_or_insert_with(|| collection(from));
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
            voff: voff_of_host,
            registers: count,
        }
    }

    /// The top of a backing store that begins at `bspstore` and holds these registers.
    pub(super) fn top(&self, bspstore: u64) -> u64 {
        bspstore.wrapping_add(8 * slots(bspstore >> 3 & 63, self.registers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_64th_slot_holds_nat_bits() {
        assert_eq!(registers(0x240d8, 0x243b0), 90);
        assert_eq!((slots(52, 90), slots(27, 90), slots(27, 91)), (92, 91, 92));
        assert_eq!((slots(0, 62), slots(0, 63), slots(63, 0)), (62, 64, 1));
    }

    #[test]
    fn another_layout_keeps_registers_and_nat_bits() {
        let words: Vec<u64> = (0..200).map(|n| n * 0x0101_0101_0101_0101).collect();
        for (voff, host) in [(0, 52), (52, 0), (63, 1), (10, 10)] {
            let there = Stack::laid_out(&words, 0x7ff, voff, 90, voff);
            let here = Stack::laid_out(&there.words, there.rnat, voff, 90, host);
            let back = Stack::laid_out(&here.words, here.rnat, host, here.registers, voff);
            let same = here.registers.min(back.registers).min(80);
            for register in 0..same {
                let slot = (register + (voff + register) / 63) as usize;
                assert_eq!(
                    back.words[slot], there.words[slot],
                    "{voff} {host} {register}"
                );
            }
        }
    }
}
