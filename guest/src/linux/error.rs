//! Why something about a kernel cannot be known.

use std::fmt;

use crate::memory::Unreadable;
use crate::program::Missing;

/// Why something about a kernel cannot be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The file has no such symbol (or none of several).
    NoSymbol(&'static str),
    /// Its DWARF lacks a structure or a member.
    Missing(Missing),
    /// The guest's memory does not have it.
    Unreadable {
        /// What was read.
        what: String,
        /// Where and why not.
        why: Unreadable,
    },
    /// What stands there makes no sense.
    Nonsense {
        /// What was read, and where.
        what: String,
        /// What makes no sense about it.
        found: String,
    },
    /// No process has that number.
    NoProcess(u64),
    /// It is a kernel thread, which has no address space of its own.
    NoAddressSpace(u64),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoSymbol(name) => write!(f, "the kernel file has no symbol {name}"),
            Error::Missing(missing) => missing.fmt(f),
            Error::Unreadable { what, why } => write!(f, "{what}: {why}"),
            Error::Nonsense { what, found } => write!(f, "{what}: {found}"),
            Error::NoProcess(pid) => write!(f, "no process has the number {pid}"),
            Error::NoAddressSpace(pid) => write!(
                f,
                "process {pid} is a kernel thread, which has no address space of its own"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<Missing> for Error {
    fn from(missing: Missing) -> Self {
        Error::Missing(missing)
    }
}
