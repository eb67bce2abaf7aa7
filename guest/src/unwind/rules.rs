//! Where a function has what it keeps for its caller, when an instruction is about to run.

use super::prologue::{Prologue, done};
use super::register::COUNT;
use super::state::State;
use super::{Error, Kind, Place, Preserved, Psp, Record, Records};

/// Prologues that may be open at once, and labels: functions have one or two.
const MOST: usize = 64;

/// Where everything is when the instruction in a slot is about to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    places: [Place; COUNT],
    /// The caller's stack pointer.
    pub psp: Psp,
    /// The frame was not made by a call: ABI and context of the record.
    pub abi: Option<(u8, u8)>,
    /// The branch register in which the function got its return address: 0, but in a few of assembler.
    pub return_in: u8,
}

impl Rules {
    /// What holds where there is no unwind information: a function that calls nobody and saves nothing.
    pub fn of_leaf() -> Self {
        Rules {
            places: [Place::Own; COUNT],
            psp: Psp::Above(0),
            abi: None,
            return_in: 0,
        }
    }

    /// Follows descriptors up to a slot, counted from the beginning of the function: 3 a bundle.
    /// `predicates` are the predicate registers at that slot, by which conditional spills are judged.
    ///
    /// # Errors
    /// The descriptors are broken, or open more than 64 prologues or labels. What stands behind the region
    /// of the slot is not looked at.
    pub fn at(descriptors: &[u8], slot: u64, predicates: u64) -> Result<Self, Error> {
        let mut walk = Walk {
            descriptors,
            slot,
            predicates,
            start: 0,
            slots: 0,
            state: State::default(),
            outer: Vec::new(),
            labels: Vec::new(),
            prologue: None,
            epilogue: None,
        };
        let mut records = Records::new(descriptors);
        loop {
            let offset = records.offset();
            let Some(record) = records.next() else { break };
            if walk.record(record?, offset)? {
                return Ok(walk.rules());
            }
        }
        walk.close()?;
        Ok(walk.rules())
    }

    /// Where a register's value for the caller is.
    pub fn place(&self, register: Preserved) -> Place {
        self.places[register.index()]
    }
}

struct Walk<'a> {
    descriptors: &'a [u8],
    slot: u64,
    predicates: u64,
    /// Of the region.
    start: u64,
    slots: u64,
    state: State,
    /// What held before each prologue that is open.
    outer: Vec<State>,
    labels: Vec<(u64, State, Vec<State>)>,
    prologue: Option<Prologue>,
    /// The slot from which on the stack pointer is restored, and the prologues that are undone behind.
    epilogue: Option<(u64, u64)>,
}

impl Walk<'_> {
    /// Takes a record. True where the slot's region is complete.
    fn record(&mut self, record: Record, offset: usize) -> Result<bool, Error> {
        let end = self.start.saturating_add(self.slots);
        match record {
            Record::Region(region) => {
                self.close()?;
                if self.slot < end {
                    return Ok(true);
                }
                if let Some((_, count)) = self.epilogue.take() {
                    self.undo(count, offset)?;
                }
                (self.start, self.slots) = (end, region.slots);
                if let Kind::Prologue { mask, first } = region.kind {
                    Self::room(self.outer.len(), offset)?;
                    self.outer.push(self.state.clone());
                    let new = Prologue::new(offset, end, region.slots, mask, first);
                    self.prologue = Some(new);
                }
            }
            Record::StackFrame { time, bytes } => {
                if self.slot >= done(self.start, self.slots, time) {
                    self.state.frame = Some(bytes);
                }
            }
            Record::ReturnIn(branch) => self.state.return_in = branch,
            Record::Abi { abi, context } => self.state.abi = Some((abi, context)),
            Record::Spill {
                predicate,
                register,
                place,
                time,
            } => {
                let from = done(self.start, self.slots, time);
                let holds = predicate.is_none_or(|qp| self.predicates >> qp & 1 != 0);
                if self.slot >= from && holds {
                    self.state.save(register, place, from);
                }
            }
            Record::Epilogue { time, count } => {
                self.epilogue = Some((end.saturating_sub(time), count));
            }
            Record::LabelState(label) => {
                Self::room(self.labels.len(), offset)?;
                let held = (label, self.state.clone(), self.outer.clone());
                self.labels.push(held);
            }
            Record::CopyState(label) => {
                let mut held = self.labels.iter().rev();
                let Some((_, state, outer)) = held.find(|held| held.0 == label) else {
                    let expected = "a label that was set before";
                    return Err(Error::new(offset, expected, format!("label {label}")));
                };
                (self.state, self.outer) = (state.clone(), outer.clone());
            }
            saving => {
                if let Some(prologue) = &mut self.prologue {
                    prologue.take(saving);
                }
            }
        }
        Ok(false)
    }

    /// The region's records are complete.
    fn close(&mut self) -> Result<(), Error> {
        match self.prologue.take() {
            Some(prologue) => {
                let said = prologue.finish(&self.state, self.descriptors)?;
                // What is not done yet is where it was before.
                for (own, said) in self.state.saved.iter_mut().zip(said.saved) {
                    if let Some(saved) = said.filter(|saved| self.slot >= saved.from) {
                        *own = Some(saved);
                    }
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Goes back to what held before the last prologues.
    fn undo(&mut self, count: u64, offset: usize) -> Result<(), Error> {
        let left = usize::try_from(count)
            .ok()
            .and_then(|count| self.outer.len().checked_sub(count.checked_add(1)?));
        let Some(left) = left else {
            let expected = "an epilogue that undoes as many prologues as there are";
            let found = format!("{} of {}", count.saturating_add(1), self.outer.len());
            return Err(Error::new(offset, expected, found));
        };
        self.state = self.outer[left].clone();
        self.outer.truncate(left);
        Ok(())
    }

    fn room(count: usize, offset: usize) -> Result<(), Error> {
        if count < MOST {
            return Ok(());
        }
        let expected = "at most 64 prologues and labels";
        Err(Error::new(offset, expected, "more"))
    }

    fn rules(&self) -> Rules {
        let restored = self.epilogue.is_some_and(|(from, _)| self.slot >= from);
        let mut rules = Rules::of_leaf();
        rules.abi = self.state.abi;
        rules.return_in = self.state.return_in;
        for register in Preserved::all() {
            let Some(saved) = self.state.saved(register) else {
                continue;
            };
            // What lay in the frame was restored before the frame was given up.
            let gone = restored
                && match saved.place {
                    Place::Sp(_) => true,
                    Place::Psp(bytes) => bytes <= 16,
                    _ => register == Preserved::Psp,
                };
            if !gone {
                rules.places[register.index()] = saved.place;
            }
        }
        rules.psp = match (rules.place(Preserved::Psp), self.state.frame) {
            (Place::Own, Some(bytes)) if !restored => Psp::Above(bytes),
            (Place::Own, _) => Psp::Above(0),
            (place, _) => Psp::Saved(place),
        };
        rules
    }
}
