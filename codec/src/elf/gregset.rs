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

use alloc::vec::Vec;

use crate::wire::vcpu_context::Context;

/// Words of a general register set.
pub type Gregset = [u64; 128];

/// Bits of a frame marker; the rest of `cr.ifs` is no part of it.
const FRAME_MARKER: u64 = (1 << 38) - 1;
/// Floating-point register 1 is always 1.0: significand, then exponent and sign.
const ONE: [u64; 2] = [1 << 63, 0xffff];

/// The general registers. What a layout does not have is 0; so are the NaT bits of the layouts before
/// E, which are in the order of a stack that nobody knows (spec 8.9).
pub fn gregset(context: &Context) -> Gregset {
    let mut set = [0; 128];
    for (number, word) in set.iter_mut().enumerate().take(32).skip(1) {
        *word = context.r(number).unwrap_or(0);
    }
    if matches!(context, Context::E(_) | Context::F(_)) {
        set[32] = context.nats();
    }
    set[33] = context.pr();
    for number in 0..8 {
        set[34 + number] = context.b(number).unwrap_or(0);
    }
    set[42] = context.ip();
    set[43] = context.cfm() & FRAME_MARKER;
    set[44] = context.psr();
    set[45] = context.ar_rsc();
    set[46] = match context {
        // The bytes of the dirty registers, shifted left by 16.
        Context::A(a) => context.ar_bspstore().wrapping_add(a.user_regs.loadrs >> 16),
        _ => context.ar_bsp().unwrap_or(0),
    };
    set[47] = context.ar_bspstore();
    set[48] = context.ar_rnat();
    set[49] = context.ar_ccv();
    set[50] = context.ar_unat();
    set[51] = context.ar_fpsr();
    set[52] = context.ar_pfs();
    set[53] = context.ar_lc().unwrap_or(0);
    set[54] = context.ar_ec().unwrap_or(0);
    set[55] = context.ar_csd();
    set[56] = context.ar_ssd();
    set
}

/// The 128 floating-point registers, 16 bytes each.
pub fn fpregset(context: &Context) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128 * 16);
    for number in 0..128 {
        let words = match number {
            0 => [0; 2],
            1 => ONE,
            _ => context.fpr(number).unwrap_or([0; 2]),
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
            put("regs.nats", 6);
            let context = Context::parse(id, &bytes).unwrap();
            let set = gregset(&context);
            let nats = if matches!(id, ContextLayout::E | ContextLayout::F) {
                6
            } else {
                0
            };
            assert_eq!(
                (
                    set[31], set[32], set[34], set[42], set[43], set[44], set[46], set[47]
                ),
                (31, nats, 0xb0, 0xa000, 0x24, 0x40, 0x8010, 0x8000),
                "{id:?}"
            );
            assert!(set[57..].iter().all(|word| *word == 0));
            assert_eq!(fpregset(&context).len(), 2048);
        }
    }
}
