//! Why an address leads nowhere.

use core::fmt;

use super::how::Origin;
use super::tr::Slot;

/// Why an address leads nowhere. Whether the image has the page that it leads to is another matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The translation register that would map it is for another region id than the region has.
    OtherRegion {
        /// Which register.
        slot: Slot,
        /// Its region id, as it stands in region registers.
        rid: u64,
    },
    /// Its bits above the reach of the page tables are not 0.
    OutOfReach {
        /// Log2 of the addresses of the region that tables can map.
        reach_log2: u32,
    },
    /// It is above the physical addresses that there are, in a region that is one to one.
    NoPhysical,
    /// No page directory is known for its region.
    NoDirectory {
        /// The region.
        region: u8,
        /// What was tried.
        why: NoDirectory,
    },
    /// The entry for it is 0: nothing is mapped.
    Unmapped(Entry),
    /// The entry for the page is not present: protected from all, swapped out, or in a file.
    NotPresent(Entry),
    /// An entry that is no entry: the walk ends there.
    Nonsense(Entry, Nonsense),
}

/// An entry of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Guest physical address of the entry.
    pub at: u64,
    /// What it holds.
    pub word: u64,
    /// Its level: 0 has the pages, the highest is the directory.
    pub level: u32,
    /// What named the directory.
    pub origin: Origin,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nonsense {
    /// The next table would not begin on a page.
    Unaligned,
    /// The next table would be where the image has no memory.
    NoMemory,
    /// The table that it names is on the way to it already, or was at another place.
    Again,
    /// The table itself is not in the image.
    NoTable,
}

/// Why there is no page directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoDirectory {
    /// The image has no kernel registers of the vcpu.
    NoRegisters,
    /// `ar.k7` is not the address of a table in memory.
    Register(u64),
    /// No miss handler at `cr.iva` names one that looks like one.
    Handler(u64),
    /// The one that was named by hand is not a table in memory.
    Given(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::OtherRegion { slot, rid } => write!(
                f,
                "{slot} maps it for region id {rid:#x}, which its region register does not have"
            ),
            Fault::OutOfReach { reach_log2 } => write!(
                f,
                "the page tables of its region map {reach_log2} bits, and it has bits above"
            ),
            Fault::NoPhysical => f.write_str("it is above all physical addresses"),
            Fault::NoDirectory { region, why } => write!(f, "region {region}: {why}"),
            Fault::Unmapped(entry) => write!(f, "nothing is mapped: {entry} is 0"),
            Fault::NotPresent(entry) => {
                let what = if entry.word >> 63 == 1 {
                    "protected from all"
                } else {
                    "swapped out or in a file"
                };
                write!(f, "{what}: {entry} is {:#x}", entry.word)
            }
            Fault::Nonsense(entry, what) => {
                write!(f, "the walk ends at {entry}, {:#x}: {what}", entry.word)
            }
        }
    }
}

impl core::error::Error for Fault {}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            0 => "the page table entry",
            1 => "the entry of the middle directory",
            _ => "the entry of the directory",
        };
        write!(f, "{level} at guest physical {:#x}", self.at)
    }
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Nonsense::Unaligned => "no table begins there",
            Nonsense::NoMemory => "the image has no memory there",
            Nonsense::Again => "a table that has its place elsewhere",
            Nonsense::NoTable => "the table is not in the image",
        })
    }
}

impl fmt::Display for NoDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoDirectory::NoRegisters => {
                f.write_str("the image has no kernel registers, so no page directory is known")
            }
            NoDirectory::Register(word) => {
                write!(
                    f,
                    "ar.k7, {word:#x}, is not the address of a page directory"
                )
            }
            NoDirectory::Handler(iva) => write!(
                f,
                "no miss handler at cr.iva, {iva:#x}, names a page directory"
            ),
            NoDirectory::Given(address) => {
                write!(
                    f,
                    "there is no page directory at guest physical {address:#x}"
                )
            }
        }
    }
}
