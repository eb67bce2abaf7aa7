//! Cores: ELF files that hold a domain's memory and registers.
//!
//! | file | what lives there |
//! |---|---|
//! | `sketch` | what the `object` crate writes, kept as pieces |
//! | `gregset` | a context in the order in which Linux saved registers |
//! | `note` | notes: those of Linux, those of Xen, our own |
//! | `kernel` | what a core says of the kernel in it |
//! | `core` | [`Core`]: for gdb, crash and volatility, by physical or by virtual address |
//! | `patch` | pages with the dirty stacked registers in them |
//! | `xen_core` | [`XenCore`]: the format of `xm dump-core`, written and read |
//!
//! Both kinds come out as an [`Assembly`](crate::memory::Assembly): nothing here holds a page.

mod core;
mod gregset;
mod kernel;
mod note;
mod patch;
mod sketch;
mod xen_core;

pub use self::core::{Core, Shown};
pub use gregset::{Gregset, fpregset, gregset};
pub use note::{NOTE_CONTEXT, NOTE_ORIGIN, NOTE_OWNER, NOTE_PRIVREGS, NOTE_SHARED_INFO};
pub use xen_core::{Order, XenCore};

use crate::error::Error;

/// What the `object` crate refuses would be a mistake of ours.
pub(crate) fn refused(error: &object::write::Error) -> Error {
    Error::new(crate::Code::LimitExceeded, 0, "core")
        .expected("a core that ELF can describe")
        .found(alloc::format!("{error}"))
}
