//! What a conversion cannot carry over.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A piece of information that the result does not carry, or that had to be made up for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The field, spelt as in `dump`: `vcpu[0].regs.nats`. That of the source where it is lost, that
    /// of the result where it is made up.
    pub path: String,
    /// What happens to it, for people.
    pub what: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// What is written otherwise than it was and means the same; or what the source does not say, and
/// what is taken instead. Nothing to refuse a conversion for, but good to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The field of the result, spelt as in `dump`: `privregs[0].rrs[0]`.
    pub path: String,
    /// What was done, for people.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Losses and notes under construction.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// In front of every path: the checkpoint, where it is not the first.
    prefix: String,
    all: Vec<Loss>,
    notes: Vec<Note>,
}

impl Losses {
    /// Says of which checkpoint the next losses are.
    pub(super) fn of_checkpoint(&mut self, index: usize) {
        self.prefix = match index {
            0 => String::new(),
            _ => format!("checkpoint[{index}]."),
        };
    }

    /// Names one.
    pub(super) fn name(&mut self, path: impl fmt::Display, what: impl Into<String>) {
        self.all.push(Loss {
            path: format!("{}{path}", self.prefix),
            what: what.into(),
        });
    }

    /// Notes what loses nothing.
    pub(super) fn note(&mut self, path: impl fmt::Display, what: impl Into<String>) {
        self.notes.push(Note {
            path: format!("{}{path}", self.prefix),
            what: what.into(),
        });
    }

    /// All that were named, and all that were noted.
    pub(super) fn finish(self) -> (Vec<Loss>, Vec<Note>) {
        (self.all, self.notes)
    }
}
