//! How much of a register stack is dirty, whatever the form that says it, and how it is laid out
//! (spec 8.7).

use alloc::vec::Vec;

use super::{Era, StackForm};

/// Where the hypervisor's backing store begins within a NaT collection in builds of a time when no
/// context says it: so it was in every one that was looked at, and 0a15e93927 insists on it.
const USUAL_SLOT: u64 = 56;
/// The slot that holds NaT bits.
const COLLECTION: u64 = 63;

/// The dirty part of a register stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirty {
    /// Registers.
    pub registers: u64,
    /// Words that they take in the hypervisor's backing store, NaT collections included: as many as
    /// `rbs` holds.
    pub words: u64,
    /// Words that they take in the guest's.
    pub slots: u64,
}

/// The slot of an address within its NaT collection: 63 registers, then the collection itself.
pub const fn slot(address: u64) -> u64 {
    address >> 3 & 0x3f
}

/// Registers among so many words of a backing store from a slot on.
pub const fn registers_in(slot: u64, words: u64) -> u64 {
    words - (slot % 64 + words) / 64
}

/// Words that so many registers take with their collections from a slot on.
pub const fn words_of(slot: u64, registers: u64) -> u64 {
    registers + (slot % 64 + registers) / 63
}

/// Registers with their NaT bits, laid out anew: `words` begin at a slot, the result at another one.
/// `rnat` has the NaT bits behind the last collection of the words; so has what comes back beside the
/// new ones.
///
/// ```
/// use ia64save_codec::era::relaid;
///
/// // Two registers around a collection, of which the first is NaT.
/// let (words, rnat) = relaid(&[7, 1 << 62, 8], 62, 0, 0);
/// assert_eq!((words, rnat), (vec![7, 8], 1));
/// ```
pub fn relaid(words: &[u64], slot: u64, rnat: u64, new_slot: u64) -> (Vec<u64>, u64) {
    let place = |index: usize| (slot % 64 + index as u64) % 64;
    let collection = |index: usize| {
        let behind = (index..words.len()).find(|index| place(*index) == COLLECTION);
        behind.map_or(rnat, |index| words[index])
    };
    let mut new = Vec::with_capacity(words.len() + 1);
    let mut collected = 0;
    for (index, word) in words.iter().enumerate() {
        if place(index) == COLLECTION {
            continue;
        }
        let at = |new: &Vec<u64>| (new_slot % 64 + new.len() as u64) % 64;
        if at(&new) == COLLECTION {
            // Only where the first slot is one: no register of these is in it.
            new.push(0);
        }
        let nat = collection(index) >> place(index) & 1;
        collected |= nat << at(&new);
        new.push(*word);
        if at(&new) == COLLECTION {
            new.push(collected);
            collected = 0;
        }
    }
    (new, collected)
}

impl Era {
    /// The slot of the first word of the hypervisor's backing store: that of the context
    /// (`rbs_voff`), or the one that builds of the time had.
    pub fn host_slot(self, rbs_voff: Option<u64>) -> u64 {
        rbs_voff.or(self.spec().rbs_voff).unwrap_or(USUAL_SLOT)
    }

    /// The dirty part of a stack. `end` is `ar.bsp`, or `loadrs` of a trap frame; `None` where it lies
    /// below `bspstore`.
    ///
    /// ```
    /// use ia64save_codec::Era;
    ///
    /// // One guest with 90 dirty registers, as hypervisors of two eras showed it.
    /// let early = Era::D7C.dirty(0x180d8, 0x183b0, Some(8)).unwrap();
    /// let late = Era::D8A.dirty(0x180d8, 0x183b0, Some(8)).unwrap();
    /// assert_eq!((early.registers, late.registers), (90, 90));
    /// let early = Era::D6C.dirty(0x180d8, 0x183b8, Some(56)).unwrap();
    /// assert_eq!((early.registers, early.words, early.slots), (90, 92, 91));
    /// ```
    pub fn dirty(self, bspstore: u64, end: u64, rbs_voff: Option<u64>) -> Option<Dirty> {
        let guest = slot(bspstore);
        let host = self.host_slot(rbs_voff);
        let in_host = |words| {
            let registers = registers_in(host, words);
            let slots = words_of(guest, registers);
            (registers, words, slots)
        };
        let (registers, words, slots) = match self.spec().stack {
            StackForm::Loadrs => in_host((end >> 16) / 8),
            StackForm::HostBytes => in_host(end.checked_sub(bspstore)? / 8),
            StackForm::GuestSlots => {
                let slots = end.checked_sub(bspstore)? / 8;
                let registers = registers_in(guest, slots);
                (registers, words_of(host, registers), slots)
            }
        };
        Some(Dirty {
            registers,
            words,
            slots,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_counted_without_their_collections() {
        // From a genuine image: 91 words from slot 27 hold 90 registers, which take 92 from slot 52.
        assert_eq!(registers_in(slot(0x240d8), (0x243b0 - 0x240d8) / 8), 90);
        assert_eq!(words_of(52, 90), 92);
        assert_eq!(
            (
                registers_in(0, 63),
                registers_in(0, 64),
                registers_in(0, 65)
            ),
            (63, 63, 64)
        );
        assert_eq!(
            (words_of(0, 62), words_of(0, 63), words_of(62, 1)),
            (62, 64, 2)
        );
        assert!(registers_in(0, u64::MAX / 8) > 96);
    }

    /// Registers of the value of their number, every third of them NaT, from a slot on.
    fn laid(slot: u64, count: u64) -> (Vec<u64>, u64) {
        let (mut words, mut collected) = (Vec::new(), 0);
        if slot == 63 && count > 0 {
            words.push(0);
        }
        for register in 0..count {
            let at = (slot + words.len() as u64) % 64;
            collected |= u64::from(register % 3 == 0) << at;
            words.push(register);
            if at == 62 {
                words.push(collected);
                collected = 0;
            }
        }
        (words, collected)
    }

    #[test]
    fn registers_and_their_nat_bits_move_together() {
        for count in 0..=96 {
            for from in 0..64 {
                let (old, rnat) = laid(from, count);
                if count > 0 {
                    assert_eq!(
                        old.len() as u64,
                        words_of(from, count),
                        "{count} from {from}"
                    );
                }
                for to in [0, 1, 8, 40, 52, 56, 62, 63, from] {
                    let moved = relaid(&old, from, rnat, to);
                    assert_eq!(moved, laid(to, count), "{count} from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn one_guest_has_as_many_registers_in_every_era() {
        // 96 and 90 dirty registers of one guest, as real hypervisors gave them.
        for (era, store, end, voff, registers) in [
            (Era::D1, 0x180d8, 0x0310_0000, None, 96),
            (Era::D1bF, 0x240d8, 0x02e0_0000, None, 90),
            (Era::D3, 0x180d8, 0x183b8, None, 90),
            (Era::D3, 0x180d8, 0x183e8, None, 96),
            (Era::D5, 0x180d8, 0x183b8, None, 90),
            (Era::D6D, 0x180d8, 0x183b0, Some(10), 90),
            (Era::D7A, 0x180d8, 0x183e0, Some(10), 96),
            (Era::D7C, 0x180d8, 0x183b0, Some(8), 90),
            (Era::D8A, 0x180d8, 0x183e0, Some(8), 96),
            (Era::D10C, 0x18330, 0x183b8, Some(40), 17),
        ] {
            let dirty = era.dirty(store, end, voff).unwrap();
            assert_eq!(dirty.registers, registers, "{era}");
        }
        assert_eq!(Era::D4A.dirty(16, 8, None), None);
    }
}
