//! A context in the order in which Linux on ia64 saved registers in a core.
//!
//! Known from the interface between the kernel and debuggers (`elf_gregset_t`, `elf_fpregset_t`):
//! 128 words, of which 57 are used.
//!
//! ```text
//!   0..31  r0 to r31          42 ip    45 rsc       49 ccv    53 lc
//!  32      NaT bits of those  43 cfm   46 bsp       50 unat   54 ec
//!  33      predicates         44 psr   47 bspstore  51 fpsr   55 csd
//!  34..41  b0 to b7                    48 rnat      52 pfs    56 ssd
//! ```

use alloc::format;
use alloc::vec::Vec;

use crate::dialect::Guest;
use crate::era::Era;
use crate::translate::RegisterStack;
use crate::wire::vcpu_context::Context;

/// Words of a general register set.
pub type Gregset = [u64; 128];

/// Bits of a frame marker; the rest of `cr.ifs` is no part of it.
const FRAME_MARKER: u64 = (1 << 38) - 1;
/// Floating-point register 1 is always 1.0: significand, then exponent and sign.
const ONE: [u64; 2] = [1 << 63, 0xffff];

/// The general registers of a vcpu that a hypervisor of an era gave. What a layout does not have, and
/// what the hypervisor left to its heap, is 0. NaT bits are those of the registers by number, and bsp is
/// where the guest's own backing store ends, whatever the forms that the era has them in (spec 8.7, 8.9).
pub fn gregset(context: &Context, era: Era, guest: Guest) -> Gregset {
    let mut set = [0; 128];
    for (number, word) in set.iter_mut().enumerate().take(32).skip(1) {
        *word = context.r(number).unwrap_or(0);
    }
    set[32] = era.nats(guest).to_bitmap(context.nats()).into();
    let given = |path: &str| !era.leaves_to_heap(guest, path);
    set[33] = context.pr();
    for number in 0..8 {
        let path = format!("regs.b[{number}]");
        set[34 + number] = context.b(number).filter(|_| given(&path)).unwrap_or(0);
    }
    set[42] = context.ip();
    set[43] = context.cfm() & FRAME_MARKER;
    set[44] = context.psr();
    set[45] = context.ar_rsc();
    (set[46], set[48]) = stack(context, era, guest);
    set[47] = context.ar_bspstore();
    set[49] = context.ar_ccv();
    set[50] = context.ar_unat();
    set[51] = context.ar_fpsr();
    set[52] = context.ar_pfs();
    set[53] = context.ar_lc().filter(|_| given("regs.ar.lc")).unwrap_or(0);
    set[54] = context.ar_ec().filter(|_| given("regs.ar.ec")).unwrap_or(0);
    set[55] = context.ar_csd();
    set[56] = context.ar_ssd();
    set
}

/// What debuggers take for bsp: the end of the current frame in the guest's backing store. With it the NaT
/// bits behind the last collection of that store, were the dirty registers written to it.
fn stack(context: &Context, era: Era, guest: Guest) -> (u64, u64) {
    match RegisterStack::of(context, era, guest) {
        Some(stack) => (stack.end, stack.rnat),
        None => (context.ar_bsp().unwrap_or(0), context.ar_rnat()),
    }
}

/// The 128 floating-point registers, 16 bytes each; 0 for those that the era did not give.
pub fn fpregset(context: &Context, era: Era, guest: Guest) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128 * 16);
    for number in 0..128 {
        let words = match number {
            0 => [0; 2],
            1 => ONE,
            _ => {
                let path = format!("regs.f[{number}]");
                let given = !era.leaves_to_heap(guest, &path);
                context.fpr(number).filter(|_| given).unwrap_or([0; 2])
            }
        };
        for word in words {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ContextLayout;
    use crate::wire::layout_of_context;
    use alloc::vec;

    #[test]
    fn every_register_has_its_place_in_every_layout() {
        for id in ContextLayout::ALL {
            let layout = layout_of_context(id);
            let mut bytes = vec![0; layout.size];
            let mut put = |path: &str, word: u64| {
                if let Some(found) = layout.find(path) {
                    let size = found.kind.size();
                    bytes[found.offset..found.offset + size]
                        .copy_from_slice(&word.to_le_bytes()[..size]);
                }
            };
            let [ip, cfm, psr, b0, bspstore] = match id {
                ContextLayout::A => [
                    "user_regs.cr_iip",
                    "user_regs.cr_ifs",
                    "user_regs.cr_ipsr",
                    "user_regs.b0",
                    "user_regs.ar_bspstore",
                ],
                _ => [
                    "regs.ip",
                    "regs.cfm",
                    "regs.psr",
                    "regs.b[0]",
                    "regs.ar.bspstore",
                ],
            };
            put(ip, 0xa000);
            put(cfm, 1 << 63 | 0x24);
            put(psr, 0x40);
            put(b0, 0xb0);
            put(bspstore, 0x8000);
            put("user_regs.loadrs", 0x10 << 16);
            put("regs.ar.bsp", 0x8010);
            put("regs.r[31]", 31);
            put("user_regs.r31", 31);
            // r5 by number, and as it was spilled; the lower half has r1 as bit 21.
            put(
                "regs.nats",
                if id == ContextLayout::B || id == ContextLayout::B2 {
                    1 << 59
                } else {
                    1 << 21 | 1 << 5
                },
            );
            put("user_regs.eml_unat", 1 << 59);
            put("regs.ar.lc", 77);
            let context = Context::parse(id, &bytes).unwrap();
            let era = *eras_of(id).first().unwrap();
            let set = gregset(&context, era, Guest::Pv);
            let nats = match id {
                ContextLayout::A | ContextLayout::B | ContextLayout::B2 => 1 << 5,
                ContextLayout::C | ContextLayout::D => 1 << 1,
                ContextLayout::E | ContextLayout::F => 1 << 21 | 1 << 5,
            };
            assert_eq!(
                (
                    set[31], set[32], set[34], set[42], set[43], set[44], set[46], set[47]
                ),
                (31, nats, 0xb0, 0xa000, 0x24, 0x40, 0x8010, 0x8000),
                "{id:?}"
            );
            assert_eq!(set[53], if era.spec().whole { 77 } else { 0 }, "{id:?}");
            assert!(set[57..].iter().all(|word| *word == 0));
            assert_eq!(fpregset(&context, era, Guest::Pv).len(), 2048);
        }
    }

    fn eras_of(layout: ContextLayout) -> Vec<Era> {
        let eras = Era::ALL.into_iter();
        eras.filter(|era| era.dialect().spec().context == layout)
            .collect()
    }

    #[test]
    fn bsp_is_the_end_of_the_frame_of_a_hypercall() {
        let layout = layout_of_context(ContextLayout::F);
        for (cfm, end) in [(6, 0x8208), (1 << 63 | 6, 0x81d0)] {
            let mut bytes = vec![0; layout.size];
            let words: [(&str, u64); 4] = [
                ("regs.cfm", cfm),
                ("regs.ar.bspstore", 0x81d0),
                ("regs.ar.bsp", 0x81d0),
                ("regs.ar.rnat", 5),
            ];
            for (path, word) in words {
                let at = layout.find(path).unwrap().offset;
                bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
            }
            let context = Context::parse(ContextLayout::F, &bytes).unwrap();
            let set = gregset(&context, Era::D11B, Guest::Pv);
            // Six registers, and the collection at 0x81f8.
            assert_eq!((set[46], set[47], set[48]), (end, 0x81d0, 5), "{cfm:#x}");
        }
    }

    #[test]
    fn bsp_is_that_of_the_guests_backing_store() {
        // 90 dirty registers of one guest from slot 27 on, as real hypervisors gave them.
        for (era, id, end, voff) in [
            (Era::D3, ContextLayout::B, 0x183b8, 0),
            (Era::D5, ContextLayout::C, 0x183b8, 0),
            (Era::D6C, ContextLayout::D, 0x183b8, 56),
            (Era::D6D, ContextLayout::D, 0x183b0, 10),
            (Era::D8A, ContextLayout::D, 0x183b0, 8),
            (Era::D10C, ContextLayout::F, 0x183b0, 40),
        ] {
            let layout = layout_of_context(id);
            let mut bytes = vec![0; layout.size];
            let mut put = |path: &str, word: u64| {
                if let Some(found) = layout.find(path) {
                    let size = found.kind.size();
                    bytes[found.offset..found.offset + size]
                        .copy_from_slice(&word.to_le_bytes()[..size]);
                }
            };
            put("regs.ar.bspstore", 0x180d8);
            put("regs.ar.bsp", end);
            put("regs.rbs_voff", voff);
            let context = Context::parse(id, &bytes).unwrap();
            assert_eq!(gregset(&context, era, Guest::Pv)[46], 0x183b0, "{era}");
        }
    }
}
