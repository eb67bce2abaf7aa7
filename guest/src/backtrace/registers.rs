//! The registers of one frame.

use crate::memory::{self, Memory, Unreadable};
use crate::rse;

/// A general register's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Its 64 bits.
    pub value: u64,
    /// It is not a thing (NaT), whatever the bits are.
    pub nat: bool,
}

impl From<u64> for Word {
    fn from(value: u64) -> Self {
        Word { value, nat: false }
    }
}

/// Where a register stack ends: what lies above is not in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackEnd {
    /// The first address that holds no register any more.
    pub end: u64,
    /// The NaT bits of registers whose collection lies at `end` or above.
    pub rnat: u64,
}

/// The registers of a frame, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Address of the bundle, and the slot in it: 0 to 2.
    pub ip: u64,
    /// `ip` is where a call returns to, so the call is the instruction before.
    pub returned: bool,
    /// Home of r32 in the backing store.
    pub bsp: u64,
    /// Frame marker.
    pub cfm: u64,
    /// r0 to r31; 12 is sp.
    pub general: [Option<Word>; 32],
    /// b0 to b7; 0 is rp.
    pub branch: [Option<u64>; 8],
    /// The predicates.
    pub pr: Option<u64>,
    /// ar.pfs.
    pub pfs: Option<u64>,
    /// ar.unat.
    pub unat: Option<u64>,
    /// ar.lc.
    pub lc: Option<u64>,
    /// ar.fpsr.
    pub fpsr: Option<u64>,
    /// The backing store.
    pub stack: StackEnd,
}

impl Registers {
    /// The stack pointer.
    pub fn sp(&self) -> Option<u64> {
        self.general[12].filter(|sp| !sp.nat).map(|sp| sp.value)
    }

    /// Registers in the frame.
    pub fn size_of_frame(&self) -> u64 {
        self.cfm & 0x7f
    }

    /// Inputs and locals of the frame.
    pub fn size_of_locals(&self) -> u64 {
        self.cfm >> 7 & 0x7f
    }

    /// The address of the instruction that the frame is at: of a caller that of the call.
    pub fn at(&self) -> u64 {
        if self.returned {
            self.ip.wrapping_sub(16) & !0xf | 2
        } else {
            self.ip
        }
    }

    /// A general register, stacked ones from the backing store. `None` where it is not known, or not in the
    /// frame.
    ///
    /// # Errors
    /// Its home cannot be read.
    pub fn general(&self, number: u8, memory: &dyn Memory) -> Result<Option<Word>, Unreadable> {
        match number {
            0 => return Ok(Some(Word::default())),
            1..32 => return Ok(self.general[usize::from(number)]),
            _ => {}
        }
        let mut register = u64::from(number) - 32;
        if register >= self.size_of_frame() {
            return Ok(None);
        }
        // Rotating registers come in eights, and rrb.gr says which is first.
        let rotating = (self.cfm >> 14 & 0xf) * 8;
        if register < rotating {
            register = (register + (self.cfm >> 18 & 0x7f)) % rotating;
        }
        let home = rse::skip(self.bsp, register as i64);
        if home >= self.stack.end {
            return Ok(None);
        }
        let value = memory::word(memory, home)?;
        let collection = rse::collection_of(home);
        let bits = if collection < self.stack.end {
            memory::word(memory, collection)?
        } else {
            self.stack.rnat
        };
        let nat = bits >> rse::nat_bit(home) & 1 != 0;
        Ok(Some(Word { value, nat }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::tests::Sparse;

    #[test]
    fn stacked_registers_come_from_their_homes_with_their_nat_bits() {
        let mut memory = Sparse::default();
        memory.word(0x11e8, 0x21).word(0x11f0, 0x22);
        memory.word(0x11f8, 1 << 62).word(0x1200, 0x23);
        let registers = Registers {
            bsp: 0x11e8,
            cfm: 4 | 3 << 7,
            stack: StackEnd {
                end: 0x1208,
                rnat: 1,
            },
            ..Registers::default()
        };
        let general = |number| registers.general(number, &memory).unwrap();
        assert_eq!(general(32), Some(0x21.into()));
        assert!(general(33).unwrap().nat);
        let expected = Word {
            value: 0x23,
            nat: true,
        };
        assert_eq!(general(34), Some(expected));
        assert_eq!(general(35), None, "above the end");
        assert_eq!(general(36), None, "not in the frame");
        assert_eq!(general(0), Some(0.into()));
    }

    #[test]
    fn rotating_registers_are_renamed() {
        let mut memory = Sparse::default();
        for number in 0..16 {
            memory.word(0x1000 + number * 8, number);
        }
        let registers = Registers {
            bsp: 0x1000,
            cfm: 0xc | 0xc << 7 | 0x1 << 14 | 0x3 << 18,
            stack: StackEnd {
                end: 0x1080,
                rnat: 0,
            },
            ..Registers::default()
        };
        let value = |number| registers.general(number, &memory).unwrap().unwrap().value;
        assert_eq!((value(32), value(36), value(37), value(40)), (3, 7, 0, 8));
    }
}
