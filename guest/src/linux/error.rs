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
    NoProcess {
        /// The number.
        pid: u64,
        /// Numbers that there are, in the kernel's order; of many the first.
        known: Vec<u64>,
        /// How many more there are.
        more: usize,
        /// Why there may be still more.
        broken: Option<String>,
    },
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
            Error::NoProcess {
                pid,
                known,
                more,
                broken,
            } => {
                write!(f, "no process has the number {pid}")?;
                if !known.is_empty() {
                    let known: Vec<_> = known.iter().map(u64::to_string).collect();
                    write!(f, "; there are {}", known.join(", "))?;
                }
                if *more > 0 {
                    write!(f, " and {more} more")?;
                }
                match broken {
                    Some(broken) => write!(f, ", as far as can be seen: {broken}"),
                    None => Ok(()),
                }
            }
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
