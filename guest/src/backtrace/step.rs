//! From a frame to that of its caller.

use super::{Registers, Word};
use crate::memory::{self, Memory};
use crate::rse;
use crate::unwind::{Place, Preserved, Psp, Rules};

/// The caller's frame marker within ar.pfs.
pub(super) const MARKER: u64 = (1 << 38) - 1;

/// A frame being left: its registers, its memory, and where it keeps what belongs to its caller.
pub(super) struct Leaving<'a> {
    pub registers: &'a Registers,
    pub memory: &'a dyn Memory,
    pub rules: &'a Rules,
    pub sp: u64,
    pub psp: u64,
}

impl<'a> Leaving<'a> {
    pub(super) fn new(
        registers: &'a Registers,
        memory: &'a dyn Memory,
        rules: &'a Rules,
    ) -> Result<Self, String> {
        let sp = registers.sp().ok_or("its stack pointer is not known")?;
        let mut leaving = Leaving {
            registers,
            memory,
            rules,
            sp,
            psp: sp,
        };
        leaving.psp = match rules.psp {
            Psp::Above(bytes) => sp
                .checked_add(bytes)
                .ok_or_else(|| format!("its frame of {bytes:#x} bytes from {sp:#x} has no end"))?,
            Psp::Saved(place) => leaving.known(Preserved::Psp, place)?,
        };
        Ok(leaving)
    }

    /// Where in memory a register is kept.
    pub(super) fn address(&self, place: Place) -> Option<u64> {
        match place {
            Place::Sp(bytes) => Some(self.sp.wrapping_add_signed(bytes)),
            Place::Psp(bytes) => Some(self.psp.wrapping_add_signed(bytes)),
            _ => None,
        }
    }

    /// A register of the caller; `None` where nobody knows it.
    pub(super) fn value(&self, register: Preserved) -> Result<Option<Word>, String> {
        self.at(register, self.rules.place(register))
    }

    fn at(&self, register: Preserved, place: Place) -> Result<Option<Word>, String> {
        let own = self.registers;
        let unread = |error: memory::Unreadable| format!("{register} of its caller: {error}");
        Ok(match place {
            Place::Own => match register {
                Preserved::Gr(number) => own.general[usize::from(number)],
                Preserved::Br(number) => own.branch[usize::from(number)].map(Word::from),
                Preserved::Rp => own.branch[usize::from(self.rules.return_in & 7)].map(Word::from),
                Preserved::Pr => own.pr.map(Word::from),
                Preserved::Pfs => own.pfs.map(Word::from),
                Preserved::Unat => own.unat.map(Word::from),
                Preserved::Lc => own.lc.map(Word::from),
                Preserved::Fpsr => own.fpsr.map(Word::from),
                _ => None,
            },
            Place::Gr(number) => own.general(number, self.memory).map_err(unread)?,
            Place::Br(number) => own.branch[usize::from(number & 7)].map(Word::from),
            Place::Fr(_) => None,
            Place::Sp(_) | Place::Psp(_) => {
                let address = self.address(place).unwrap_or_default();
                let value = memory::word(self.memory, address).map_err(unread)?;
                let nat = matches!(register, Preserved::Gr(_)) && self.spilled_nat(address)?;
                Some(Word { value, nat })
            }
        })
    }

    /// The NaT bit of a general register that was spilled to an address.
    fn spilled_nat(&self, address: u64) -> Result<bool, String> {
        let bits = match self.rules.place(Preserved::PriUnat) {
            Place::Own => self.registers.unat.map(Word::from),
            place => self.at(Preserved::PriUnat, place)?,
        };
        Ok(bits.is_some_and(|bits| bits.value >> rse::nat_bit(address) & 1 != 0))
    }

    /// A register without which there is no caller.
    fn known(&self, register: Preserved, place: Place) -> Result<u64, String> {
        match self.at(register, place)? {
            Some(word) if word.nat => Err(format!("{register} of its caller is NaT")),
            Some(word) => Ok(word.value),
            None => Err(match place {
                Place::Gr(number) => {
                    format!("{register} of its caller is in r{number}, which is not known")
                }
                Place::Fr(number) => {
                    format!("{register} of its caller is in f{number}, which is not known")
                }
                _ => format!("{register} of its caller is not known"),
            }),
        }
    }

    /// The registers of the caller. `None` where there is none: rp is 0.
    pub(super) fn caller(&self) -> Result<Option<Registers>, String> {
        let rp = self.known(Preserved::Rp, self.rules.place(Preserved::Rp))?;
        if rp == 0 {
            return Ok(None);
        }
        if rp & 0xf != 0 {
            return Err(format!("rp is {rp:#x}, which is no bundle's address"));
        }
        let pfs = self.known(Preserved::Pfs, self.rules.place(Preserved::Pfs))?;
        let own = self.registers;
        let mut caller = Registers {
            ip: rp,
            returned: true,
            cfm: pfs & MARKER,
            stack: own.stack,
            ..Registers::default()
        };
        caller.bsp = rse::skip(own.bsp, -(caller.size_of_locals() as i64));
        self.preserved(&mut caller)?;
        caller.branch[0] = None;
        // r13, the thread pointer, is nobody's to change; gp may be another program's.
        caller.general[13] = own.general[13];
        caller.general[12] = Some(self.psp.into());
        Ok(Some(caller))
    }

    /// Gives the caller what a function must not change.
    pub(super) fn preserved(&self, caller: &mut Registers) -> Result<(), String> {
        caller.general[0] = Some(Word::default());
        for number in 4..8 {
            caller.general[usize::from(number)] = self.value(Preserved::Gr(number))?;
        }
        let plain = |register| Ok::<_, String>(self.value(register)?.map(|word| word.value));
        for number in 1..6 {
            caller.branch[usize::from(number)] = plain(Preserved::Br(number))?;
        }
        caller.pr = plain(Preserved::Pr)?;
        caller.unat = plain(Preserved::Unat)?;
        caller.lc = plain(Preserved::Lc)?;
        caller.fpsr = plain(Preserved::Fpsr)?;
        Ok(())
    }
}
