//! A prologue's records collected, and what they leave unsaid.

use super::state::{Saved, State};
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
                let places = (first..).map(Place::Gr);
                self.named.extend(branch(mask).into_iter().zip(places));
            }
            Record::GeneralInGeneral { mask, first } => {
                let places = (first..).map(Place::Gr);
                self.named.extend(general(mask).into_iter().zip(places));
            }
            Record::SpillMask { offset, size } => self.spill_mask = Some((offset, size)),
            _ => {}
        }
    }

    /// All of it, as what holds behind the prologue besides what held before.
    pub(super) fn finish(self, before: &State, descriptors: &[u8]) -> Result<State, Error> {
        let mut said = State::default();
        let state = &mut said;
        let end = self.start.saturating_add(self.slots);
        let mut gr = self.first;
        for (bit, register) in ORDER.into_iter().take(4).enumerate() {
            if self.mask >> (3 - bit) & 1 != 0 {
                state.save(register, self.in_general(gr)?, end);
                gr = gr.saturating_add(1);
            }
        }
        for (register, place) in &self.named {
            if let Place::Gr(number) = place {
                self.in_general(*number)?;
            }
            state.save(*register, *place, end);
        }
        self.spills(state, descriptors)?;
        for (register, from) in &self.times {
            if let Some(saved) = state.saved_mut(*register) {
                saved.from = *from;
            } else if let Some(saved) = before.saved(*register) {
                state.save(*register, saved.place, *from);
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
            state.save(register, self.in_general(gr)?, from);
            gr = gr.saturating_add(1);
        }
        for (register, _) in &self.times {
            if state.saved(*register).is_none() {
                let expected = "a record that says where a register is saved";
                let found = format!("only when {register} is");
                return Err(Error::new(self.offset, expected, found));
            }
        }
        Ok(said)
    }

    fn in_general(&self, number: u8) -> Result<Place, Error> {
        if number < 128 {
            return Ok(Place::Gr(number));
        }
        let expected = "general registers up to r127 to save others in";
        Err(Error::new(self.offset, expected, "more than there are"))
    }

    /// Gives the spilled registers their homes: one below the other, the floating-point ones on top, and
    /// of each kind those with high numbers above those with low ones.
    fn spills(&self, state: &mut State, descriptors: &[u8]) -> Result<(), Error> {
        let end = self.start.saturating_add(self.slots);
        let mut home = self.spill_base;
        let mut lay = |registers: &mut dyn Iterator<Item = Preserved>, size| {
            for register in registers {
                home = home.saturating_sub(size);
                state.save(register, Place::Psp(home), end);
            }
        };
        lay(&mut floating(self.floating).into_iter().rev(), 16);
        lay(&mut branch(self.branch).into_iter().rev(), 8);
        lay(&mut general(self.general).into_iter().rev(), 8);
        self.times_of_spills(state, descriptors)
    }

    /// When each of them is spilled: a mask says it slot by slot, for those that are saved in general
    /// registers too. Of one kind those with low numbers come first.
    fn times_of_spills(&self, state: &mut State, descriptors: &[u8]) -> Result<(), Error> {
        let Some((offset, size)) = self.spill_mask else {
            return Ok(());
        };
        let bit = |register| match register {
            Preserved::Gr(number) => (1u8 << (number - 4), 0),
            Preserved::Br(number) => (0, 1u8 << (number - 1)),
            _ => (0, 0),
        };
        let moved = self.named.iter().map(|(register, _)| bit(*register));
        let moved = moved.fold((0, 0), |all, one| (all.0 | one.0, all.1 | one.1));
        let kinds = [
            floating(self.floating),
            general(self.general | moved.0),
            branch(self.branch | moved.1),
        ];
        let mask = descriptors.get(offset..offset + size).unwrap_or_default();
        let mut next = kinds.each_ref().map(|registers| registers.iter());
        for slot in 0..self.slots.min(mask.len() as u64 * 4) {
            let kind = mask[(slot / 4) as usize] >> (6 - 2 * (slot % 4)) & 3;
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

/// The floating-point registers of a mask: f2 to f5, f16 to f31.
fn floating(mask: u32) -> Vec<Preserved> {
    let bits = (0..20u8).filter(|bit| mask >> bit & 1 != 0);
    bits.map(|bit| Preserved::Fr(if bit < 4 { bit + 2 } else { bit + 12 }))
        .collect()
}

/// The general registers of a mask, from r4.
fn general(mask: u8) -> Vec<Preserved> {
    let bits = (0..4u8).filter(|bit| mask >> bit & 1 != 0);
    bits.map(|bit| Preserved::Gr(bit + 4)).collect()
}

/// The branch registers of a mask, from b1.
fn branch(mask: u8) -> Vec<Preserved> {
    let bits = (0..5u8).filter(|bit| mask >> bit & 1 != 0);
    bits.map(|bit| Preserved::Br(bit + 1)).collect()
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
