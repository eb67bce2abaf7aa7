//! The privilege level at which the kernel of a PV guest runs: 2, and 1 from D6c on (46867b9c10).
//!
//! The guest takes it for 0, but the hypervisor's level shows in what the processor wrote: the level of
//! the register stack engine, that of the caller in ar.pfs, that of pinned translations. A register stack
//! engine that is left at another level than its kernel faults at the kernel's own stack.

use alloc::format;
use alloc::string::String;

use super::registers::EMPTY_TR;
use super::{Names, Side};
use crate::dialect::{ContextLayout, Guest};
use crate::era::Era;

/// Where a level is in a word, and how the field is called.
struct Place {
    shift: u32,
    name: &'static str,
}

const RSC: Place = Place {
    shift: 2,
    name: "regs.ar.rsc",
};
const PFS: Place = Place {
    shift: 62,
    name: "regs.ar.pfs",
};
const PTE: u32 = 7;

/// What the hypervisor of the target would have shown.
pub(super) fn convert(source: &Side<'_>, target: &mut Side<'_>, names: &mut Names<'_>) {
    let levels = [source, target].map(|side| side.spec().kernel_level);
    if target.guest == Guest::Hvm || levels[0] == levels[1] {
        return;
    }
    for place in [RSC, PFS] {
        let old = source.get(place.name);
        let new = moved(old, place.shift, levels);
        target.set(place.name, new);
        if clashes(old, place.shift, levels) {
            names.name(source, place.name, said(old, target.era, levels[1]));
        }
    }
    if levels[0] > levels[1] {
        let what = format!(
            "{} ran the kernel at level 2, which frames in its stack return to; {} runs it at level 1",
            source.era, target.era
        );
        names.name(source, PFS.name, what);
    }
    translations(target, levels, names);
}

fn translations(target: &mut Side<'_>, levels: [u64; 2], names: &mut Names<'_>) {
    let prefix = match target.id {
        ContextLayout::A => "extra_regs",
        _ => "regs.tr",
    };
    for kind in ["itrs", "dtrs"] {
        for index in 0..12 {
            let slot = format!("{prefix}.{kind}[{index}]");
            let path = format!("{slot}.pte");
            let Some(old) = super::get(target.layout, &target.bytes, &path) else {
                continue;
            };
            let new = moved(old, PTE, levels);
            if new != old {
                super::set(target.layout, target.bytes.to_mut(), &path, new);
            }
            if !EMPTY_TR.contains(&old) && clashes(old, PTE, levels) {
                let what = said(old, target.era, levels[1]);
                names
                    .losses
                    .name(format!("vcpu[{}].{path}", names.vcpu), what);
            }
        }
    }
}

fn said(word: u64, era: Era, kernel: u64) -> String {
    format!("{word:#x}: level {kernel} is that of the kernel in {era}")
}

/// The word with the kernel's level of the target in the place of that of the source.
fn moved(word: u64, shift: u32, [old, new]: [u64; 2]) -> u64 {
    match word >> shift & 3 {
        level if level == old => word & !(3 << shift) | new << shift,
        _ => word,
    }
}

/// Whether the word has a level that only the source tells from its kernel's.
fn clashes(word: u64, shift: u32, [old, new]: [u64; 2]) -> bool {
    new != old && word >> shift & 3 == new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_the_kernel_moves_and_others_stay() {
        // ar.rsc of a kernel at 3.1 and at 3.2, and of its processes.
        assert_eq!(moved(8, RSC.shift, [2, 1]), 4);
        assert_eq!(moved(4, RSC.shift, [1, 2]), 8);
        assert_eq!(moved(0xf, RSC.shift, [2, 1]), 0xf);
        // ar.pfs of the same call.
        let [old, new] = [0x8000_0000_0000_1428, 0x4000_0000_0000_1428];
        assert_eq!(moved(old, PFS.shift, [2, 1]), new);
        assert_eq!(moved(new, PFS.shift, [1, 2]), old);
        // Translation registers that hold nothing.
        assert_eq!(moved(0x100, PTE, [2, 1]), 0x80);
        assert_eq!(moved(0, PTE, [2, 1]), 0);
        assert!(clashes(8, RSC.shift, [1, 2]) && !clashes(4, RSC.shift, [1, 2]));
        // A level that the kernels of the source never had, and those of the target have.
        assert!(clashes(7, RSC.shift, [2, 1]));
        let what = "0x7: level 1 is that of the kernel in D10c";
        assert_eq!(said(7, Era::D10C, 1), what);
    }
}
