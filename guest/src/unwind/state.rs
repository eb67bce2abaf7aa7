//! What prologues have done: which register is where, from which slot on.

use super::Preserved;
use super::register::COUNT;

/// Where a register's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In itself: it was not changed yet, or is restored.
    Own,
    /// A general register of the function's frame.
    Gr(u8),
    /// A floating-point register.
    Fr(u8),
    /// A branch register.
    Br(u8),
    /// Memory, so many bytes from sp.
    Sp(i64),
    /// Memory, so many bytes from psp.
    Psp(i64),
}

/// How to find the caller's stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Psp {
    /// So many bytes above sp.
    Above(u64),
    /// It is saved.
    Saved(Place),
}

/// A place, and the slot from which on the value is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    pub place: Place,
    pub from: u64,
}

/// What the prologues so far have done: up to the slot that is asked for, no more.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub saved: [Option<Saved>; COUNT],
    pub frame: Option<u64>,
    pub abi: Option<(u8, u8)>,
    pub return_in: u8,
}

impl Default for State {
    fn default() -> Self {
        State {
            saved: [None; COUNT],
            frame: None,
            abi: None,
            return_in: 0,
        }
    }
}

impl State {
    pub(super) fn save(&mut self, register: Preserved, place: Place, from: u64) {
        self.saved[register.index()] = Some(Saved { place, from });
    }

    pub(super) fn saved(&self, register: Preserved) -> Option<Saved> {
        self.saved[register.index()]
    }
}
