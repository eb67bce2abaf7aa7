//! Signs in the register stack.

use alloc::format;

use super::{Judge, VcpuBytes};
use crate::dialect::ContextLayout;
use crate::era::StackForm;
use crate::size::place;
use crate::wire::vcpu_context::NUM_PHYS_STACKED;

/// ar.bsp and ar.bspstore.
const BSP: usize = 640;
const BSPSTORE: usize = 648;
/// Words of rbs.
const RBS_WORDS: usize = 2048;

/// Where a layout keeps rbs and what belongs to it.
struct Places {
    rbs: usize,
    voff: usize,
    rnat: usize,
}

fn places(layout: ContextLayout) -> Option<Places> {
    let (rbs, voff, rnat) = match layout {
        ContextLayout::D => (5520, 5516, 21912),
        ContextLayout::E => (5784, 5780, 22176),
        ContextLayout::F => (5784, 5780, 22168),
        _ => return None,
    };
    Some(Places { rbs, voff, rnat })
}

/// NaT collections among so many words from a slot on.
fn collections(slot: u64, words: u64) -> u64 {
    (slot + words) / 64
}

/// Words that so many registers take from a slot on.
fn words(slot: u64, registers: u64) -> u64 {
    registers + (slot + registers) / 63
}

pub(super) fn signs(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    let Some(places) = places(vcpu.layout) else {
        return;
    };
    let (bsp, store) = (vcpu.word(BSP), vcpu.word(BSPSTORE));
    let id = vcpu.id;
    let voff = vcpu.word(places.voff & !7) >> 32;
    let given = bsp.wrapping_sub(store) / 8;
    // Nonsense is no sign of anything.
    if bsp < store || bsp % 8 != 0 || store % 8 != 0 || given > RBS_WORDS as u64 || voff > 63 {
        return;
    }
    let slot = |address: u64| address >> 3 & 63;
    let host = given - collections(voff, given);
    let guest = given - collections(slot(store), given);
    if host > NUM_PHYS_STACKED {
        let text = || format!("vcpu[{id}]: {given} words of host stack hold {host} registers");
        judge.never(
            "host bytes",
            1,
            |era| era.stack == StackForm::HostBytes,
            text,
        );
    }
    if guest > NUM_PHYS_STACKED {
        let text = || format!("vcpu[{id}]: ar.bsp is {guest} registers above ar.bspstore");
        judge.never(
            "guest slots",
            1,
            |era| era.stack == StackForm::GuestSlots,
            text,
        );
    }
    if slot(bsp) == 63 {
        let text = || format!("vcpu[{id}].regs.ar.bsp is on a NaT collection");
        judge.never("bsp", 1, |era| era.stack == StackForm::GuestSlots, text);
    }
    let dirty = words(voff, guest);
    let is_set =
        |index: u64| index < RBS_WORDS as u64 && vcpu.word(places.rbs + 8 * place(index)) != 0;
    // A NaT collection may be the last word.
    let behind = (dirty + 1..RBS_WORDS as u64).find(|index| is_set(*index));
    if let Some(word) = behind {
        let text = || format!("vcpu[{id}].regs.rbs[{word}] is set behind the {dirty} dirty words");
        judge.never("rbs", 2, |era| era.cleared, text);
    } else if given < dirty && (given..dirty).any(is_set) {
        let text = || {
            format!("vcpu[{id}].regs.rbs has {dirty} words, as ar.bsp says in the guest's slots")
        };
        judge.odd(
            "rbs words",
            2,
            |era| era.stack == StackForm::HostBytes,
            text,
        );
    }
    let rnat = vcpu.word(places.rnat);
    if rnat & !possible(voff, dirty) != 0 {
        let text = || {
            format!(
                "vcpu[{id}].regs.rbs_rnat would be {rnat:#x}, with {dirty} words from slot {voff}"
            )
        };
        judge.never("rbs_rnat", 2, |era| era.whole, text);
    }
}

/// Bits that `rbs_rnat` may have: those below the top of the stack.
fn possible(voff: u64, words: u64) -> u64 {
    match (voff + words) & 63 {
        // Of an empty stack it is the word below.
        _ if words == 0 => u64::MAX >> 1,
        0 => u64::MAX >> 1,
        top => (1 << top) - 1,
    }
}

/// The word that layout E has for `rbs_rnat` is `num_phys_stacked` in layout F.
pub(super) fn num_phys_stacked(judge: &mut Judge<'_>) {
    let tail = judge.tail;
    let Some(first) = tail.vcpus.first() else {
        return;
    };
    let words = tail.vcpus.iter().map(|vcpu| (vcpu.id, vcpu.word(22176)));
    match first.layout {
        ContextLayout::E => {
            let all = tail
                .vcpus
                .iter()
                .filter(|vcpu| vcpu.word(22176) == NUM_PHYS_STACKED);
            let count = all.count() as u32;
            if count > 0 {
                let text = || {
                    format!(
                        "vcpu[{}]: byte 22176 holds {NUM_PHYS_STACKED}, which is num_phys_stacked",
                        first.id
                    )
                };
                judge.never("stacked", count.min(2), |_| true, text);
            }
        }
        ContextLayout::F => {
            for (id, word) in words {
                let text = || format!("vcpu[{id}].regs.num_phys_stacked is {word:#x}");
                match word {
                    NUM_PHYS_STACKED => {}
                    // No processor says so, but a restore takes it.
                    0 => judge.odd("no stacked", 2, |_| true, text),
                    _ => judge.never("stacked", 2, |_| true, text),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_the_top_collection_are_those_below_the_top() {
        // 31 registers from slot 0 on.
        assert_eq!(possible(0, 31), 0x7fff_ffff);
        // Up to slot 63, and one more.
        assert_eq!(possible(8, 56), u64::MAX >> 1);
        assert_eq!(possible(8, 57), 1);
        // 91 words from slot 8 on, as a hypervisor gave ~0 back: the bit of the top is lost besides.
        assert_eq!(0x3_ffff_ffff & !possible(8, 91), 0);
    }

    #[test]
    fn words_and_registers_agree() {
        for slot in 0..63 {
            for registers in 0..97 {
                let words = words(slot, registers);
                assert_eq!(
                    words - collections(slot, words),
                    registers,
                    "{slot} {registers}"
                );
            }
        }
    }
}
