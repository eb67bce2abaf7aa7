//! A prologue's records collected, and what they leave unsaid.

use super::rules::{Saved, State};
use super::{Error, Place, Preserved, Record};

/// General registers that a prologue saves in general registers, in the order in which it takes them.
const ORDER: [Preserved; 8] = [
    Preserved::Rp,
    Preserved::Pfs,
    Preserved::Psp,
    Preserved::Pr,
    Preserved::Unat,
    Preserved::Lc,
    Preserved::Fpsr,
    Preserved::PriUnat,
];
/// Where those begin when no record says so.
const FIRST: u8 = 32;
/// Where spilled registers end, from psp, when no record says so: above them is the scratch area.
const SPILL_BASE: i64 = 16;

/// What the records of a prologue said so far.
pub(super) struct Prologue {
    start: u64,
    slots: u64,
    /// Byte of its head in the descriptors.
    offset: usize,
    mask: u8,
    first: u8,
    /// Registers in general registers, beginning with that one.
    named: Vec<(Preserved, Place)>,
    times: Vec<(Preserved, u64)>,
    spill_base: i64,
    general: u8,
    branch: u8,
    floating: u32,
    spill_mask: Option<(usize, usize)>,
}

impl Prologue {
    pub(super) fn new(offset: usize, start: u64, slots: u64, mask: u8, first: Option<u8>) -> Self {
        Prologue {
            start,
            slots,
            offset,
            mask,
            first: first.unwrap_or(FIRST),
            named: Vec::new(),
            times: Vec::new(),
            spill_base: SPILL_BASE,
            general: 0,
            branch: 0,
            floating: 0,
            spill_mask: None,
        }
    }

    /// The slot from which on something that happens at a time of this region is done.
    pub(super) fn done(&self, time: u64) -> u64 {
        done(self.start, self.slots, time)
    }

    /// Takes a record that says something about saving.
    pub(super) fn take(&mut self, record: Record) {
        match record {
            Record::When(register, time) => self.times.push((register, self.done(time))),
            Record::Saved(register, place) => self.named.push((register, place)),
            Record::SpillBase(bytes) => self.spill_base = bytes,
            Record::Spilled {
                general,
                branch,
                floating,
            } => {
                self.general |= general;
                self.branch |= branch;
                self.floating |= floating;
            }
            Record::BranchInGeneral { mask, first } => {
                let numbers = (0..5).filter(|bit| mask >> bit & 1 != 0);
                let places = numbers.zip(first..).map(|(bit, gr)| (bit + 1, gr));
                self.named
                    .extend(places.map(|(b, gr)| (Preserved::Br(b), Place::Gr(gr))));
            }
            Record::GeneralInGeneral { mask, first } => {
                let numbers = (0..4).filter(|bit| mask >> bit & 1 != 0);
                let places = numbers.zip(first..).map(|(bit, gr)| (bit + 4, gr));
                self.named
                    .extend(places.map(|(r, gr)| (Preserved::Gr(r), Place::Gr(gr))));
            }
            Record::SpillMask { offset, size } => self.spill_mask = Some((offset, size)),
            _ => {}
        }
    }

    /// Puts all of it into the state that holds behind the prologue.
    pub(super) fn finish(self, state: &mut State, descriptors: &[u8]) -> Result<(), Error> {
        let end = self.start.saturating_add(self.slots);
        let mut gr = self.first;
        for (bit, register) in ORDER.into_iter().take(4).enumerate() {
            if self.mask >> (3 - bit) & 1 != 0 {
                state.save(register, self.general(gr)?, end);
                gr = gr.saturating_add(1);
            }
        }
        for (register, place) in &self.named {
            if let Place::Gr(number) = place {
                self.general(*number)?;
            }
            state.save(*register, *place, end);
        }
        self.spills(state, descriptors)?;
        for (register, from) in &self.times {
            if let Some(saved) = state.saved_mut(*register) {
                saved.from = *from;
            }
        }
        let nowhere = |register: &Preserved| {
            let said = self.times.iter().find(|(timed, _)| timed == register);
            said.filter(|_| state.saved(*register).is_none())
                .map(|(_, from)| *from)
        };
        let unsaid: Vec<_> = ORDER
            .into_iter()
            .filter_map(|register| Some((register, nowhere(&register)?)))
            .collect();
        for (register, from) in unsaid {
            state.save(register, self.general(gr)?, from);
            gr = gr.saturating_add(1);
        }
        for (register, _) in &self.times {
            if state.saved(*register).is_none() {
                let expected = "a record that says where a register is saved";
                let found = format!("only when {register} is");
                return Err(Error::new(self.offset, expected, found));
            }
        }
        Ok(())
    }

    fn general(&self, number: u8) -> Result<Place, Error> {
        if number < 128 {
            return Ok(Place::Gr(number));
        }
        let expected = "general registers up to r127 to save others in";
        Err(Error::new(self.offset, expected, "more than there are"))
    }

    /// Gives the spilled registers their homes: one below the other, the floating-point ones on top, and
    /// of each kind those with high numbers above those with low ones.
    fn spills(&self, state: &mut State, descriptors: &[u8]) -> Result<(), Error> {
        let floating = (0..20u8).filter(|bit| self.floating >> bit & 1 != 0);
        let floating = floating.map(|bit| match bit {
            0..4 => Preserved::Fr(bit + 2),
            _ => Preserved::Fr(bit + 12),
        });
        let branch = (0..5u8).filter(|bit| self.branch >> bit & 1 != 0);
        let general = (0..4u8).filter(|bit| self.general >> bit & 1 != 0);
        let kinds: [(Vec<Preserved>, i64); 3] = [
            (floating.collect(), 16),
            (general.map(|bit| Preserved::Gr(bit + 4)).collect(), 8),
            (branch.map(|bit| Preserved::Br(bit + 1)).collect(), 8),
        ];
        let end = self.start.saturating_add(self.slots);
        let mut home = self.spill_base;
        for kind in [0, 2, 1] {
            let (registers, size) = &kinds[kind];
            for register in registers.iter().rev() {
                home = home.saturating_sub(*size);
                state.save(*register, Place::Psp(home), end);
            }
        }
        let Some((offset, size)) = self.spill_mask else {
            return Ok(());
        };
        let mask = descriptors.get(offset..offset + size).unwrap_or_default();
        let mut next = kinds.each_ref().map(|(registers, _)| registers.iter());
        for slot in 0..self.slots.min(mask.len() as u64 * 4) {
            let byte = mask[(slot / 4) as usize];
            let kind = byte >> (6 - 2 * (slot % 4)) & 3;
            let Some(kind) = usize::from(kind).checked_sub(1) else {
                continue;
            };
            let Some(register) = next[kind].next() else {
                let expected = "as many spills as registers are said to be spilled";
                let found = format!("one more, in slot {slot} of the region");
                return Err(Error::new(offset, expected, found));
            };
            if let Some(saved) = state.saved_mut(*register) {
                saved.from = self.done(slot);
            }
        }
        Ok(())
    }
}

/// The slot from which on something that happens at a time of a region is done, at its end at the latest.
pub(super) fn done(start: u64, slots: u64, time: u64) -> u64 {
    start.saturating_add(time.saturating_add(1).min(slots))
}

impl State {
    fn saved_mut(&mut self, register: Preserved) -> Option<&mut Saved> {
        self.saved[register.index()].as_mut()
    }
}
