//! What maps an address.

use core::fmt;

use super::tr::Slot;

/// What maps an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum How {
    /// A translation register.
    Register(Slot),
    /// Page tables.
    Table {
        /// Guest physical address of the page directory.
        directory: u64,
        /// What named it.
        origin: Origin,
        /// The size of pages or the number of levels is assumed, not known.
        assumed: bool,
    },
    /// The one-to-one mapping of region 6 or 7, as Linux made it.
    OneToOne(u8),
    /// The per-cpu area of the vcpu, by `ar.k3`, as Linux made it.
    PerCpu,
    /// Xen, to shared_info (PV).
    SharedInfo,
    /// Xen, to the vcpu's privregs page (PV).
    Privregs,
    /// The vcpu uses physical addresses.
    Physical,
}

/// What named a page directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// `ar.k7`: the last process that ran.
    Register,
    /// A `movl` of the miss handler at that virtual address.
    Handler(u64),
    /// The caller: a symbol, or the directory of a process.
    Given,
}

impl How {
    /// One word or two for programs: `register`, `table`, `one to one`, `per-cpu`, `shared_info`,
    /// `privregs`, `physical`, and `assumption` for a walk whose tables nothing vouches for.
    pub fn class(self) -> &'static str {
        match self {
            How::Register(_) => "register",
            How::Table { assumed: true, .. } => "assumption",
            How::Table { .. } => "table",
            How::OneToOne(_) => "one to one",
            How::PerCpu => "per-cpu",
            How::SharedInfo => "shared_info",
            How::Privregs => "privregs",
            How::Physical => "physical",
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            How::Register(slot) => slot.fmt(f),
            How::Table {
                directory,
                origin,
                assumed,
            } => {
                write!(f, "page tables from {directory:#x}, {origin}")?;
                if *assumed {
                    f.write_str("; 3 levels or the size of pages are assumed")?;
                }
                Ok(())
            }
            How::OneToOne(region) => write!(f, "region {region}, one to one"),
            How::PerCpu => f.write_str("per-cpu area, by ar.k3"),
            How::SharedInfo => f.write_str("shared_info, mapped by Xen"),
            How::Privregs => f.write_str("privregs page, mapped by Xen"),
            How::Physical => f.write_str("physical addressing"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Register => f.write_str("which ar.k7 names"),
            Origin::Handler(at) => write!(f, "which the miss handler names at {at:#x}"),
            Origin::Given => f.write_str("as given"),
        }
    }
}
