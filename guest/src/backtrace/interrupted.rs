//! From an interruption's frame to what it interrupted.

use super::step::{Leaving, MARKER};
use super::{Registers, StackEnd, Symbols, Word};
use crate::memory::{self, Memory};
use crate::rse;
use crate::unwind::Preserved;

/// ABI and context of the frames in which Linux keeps what it interrupted.
pub(super) const INTERRUPTION: (u8, u8) = (3, b'i');
/// The most words that a processor can have kept in registers, NaT collections included.
const DIRTY: u64 = 128;
/// General registers that `struct pt_regs` has.
const SAVED: [u8; 24] = [
    1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
];

/// What was interrupted.
pub(super) struct Interrupted {
    pub registers: Registers,
    /// Where its registers are saved.
    pub saved_at: u64,
    /// Words of a user's backing store that the kernel has in its own.
    pub words: Vec<(u64, u64)>,
    /// It ran in user mode.
    pub user: bool,
}

/// Reads the `struct pt_regs` that an interruption's frame holds: the unwind table says where in it the
/// interrupted ip is, the DWARF where the rest.
pub(super) fn interrupted(
    leaving: &Leaving<'_>,
    symbols: &dyn Symbols,
) -> Result<Interrupted, String> {
    let place = leaving.rules.place(Preserved::Rp);
    let rp = leaving
        .address(place)
        .ok_or("its unwind table has the interrupted ip in no memory")?;
    let offset = |path: &str| {
        let field = symbols.field("pt_regs", path);
        field
            .map(|field| field.offset)
            .map_err(|missing| missing.to_string())
    };
    let saved_at = rp.wrapping_sub(offset("cr_iip")?);
    let read = |path: &str| {
        let address = saved_at.wrapping_add(offset(path)?);
        let word = memory::word(leaving.memory, address);
        word.map_err(|error| format!("pt_regs.{path}: {error}"))
    };
    let psr = read("cr_ipsr")?;
    let ip = read("cr_iip")? & !0xf | (psr >> 41 & 3).min(2);
    let user = psr >> 32 & 3 != 0;
    let mut registers = Registers {
        ip,
        cfm: read("cr_ifs")? & MARKER,
        stack: leaving.registers.stack,
        ..Registers::default()
    };
    leaving.preserved(&mut registers)?;
    for number in SAVED.into_iter().chain(29..32) {
        let value = read(&format!("r{number}"))?;
        registers.general[usize::from(number)] = Some(value.into());
    }
    for number in [0, 6, 7] {
        registers.branch[number] = Some(read(&format!("b{number}"))?);
    }
    registers.pr = Some(read("pr")?);
    registers.pfs = Some(read("ar_pfs")?);
    registers.unat = Some(read("ar_unat")?);
    registers.fpsr = Some(read("ar_fpsr")?);
    let mut words = Vec::new();
    if user {
        let dirty = Dirty {
            from: leaving.registers,
            memory: leaving.memory,
            bytes: read("loadrs")? >> 16,
            to: read("ar_bspstore")?,
            rnat: read("ar_rnat")?,
        };
        (words, registers.stack) = dirty.moved()?;
    }
    let top = if user {
        registers.stack.end
    } else {
        leaving.registers.bsp
    };
    registers.bsp = rse::skip(top, -(registers.size_of_frame() as i64));
    Ok(Interrupted {
        registers,
        saved_at,
        words,
        user,
    })
}

/// Registers of a user that the kernel flushed to the beginning of its own backing store.
struct Dirty<'a> {
    /// The frame of the kernel's entry, which begins where they end.
    from: &'a Registers,
    memory: &'a dyn Memory,
    bytes: u64,
    /// Where they belong.
    to: u64,
    /// NaT bits of the user's registers below.
    rnat: u64,
}

impl Dirty<'_> {
    /// The words as the user would have them in memory, NaT collections included.
    fn moved(&self) -> Result<(Vec<(u64, u64)>, StackEnd), String> {
        let slots = self.bytes / 8;
        if slots > DIRTY {
            return Err(format!(
                "pt_regs.loadrs says that {slots} words of the register stack were dirty; a processor \
                 has 96 registers for it"
            ));
        }
        let start = self.from.bsp.wrapping_sub(slots * 8);
        let count = rse::registers(start, self.from.bsp);
        // A view on the kernel's copy, a register a number.
        let mut words = Vec::new();
        let mut bits = self.rnat & ((1 << rse::nat_bit(self.to)) - 1);
        for number in 0..count {
            let home = Registers {
                bsp: rse::skip(start, number as i64),
                cfm: 1,
                stack: self.from.stack,
                ..Registers::default()
            };
            let word = home
                .general(32, self.memory)
                .map_err(|error| error.to_string())?;
            let word = word.unwrap_or(Word {
                value: 0,
                nat: true,
            });
            let at = rse::skip(self.to, number as i64);
            words.push((at, word.value));
            bits |= u64::from(word.nat) << rse::nat_bit(at);
            let next = at.wrapping_add(8);
            if rse::is_collection(next) {
                words.push((next, bits));
                bits = 0;
            }
        }
        let end = rse::skip(self.to, count as i64);
        Ok((words, StackEnd { end, rnat: bits }))
    }
}
