//! What runs inside an Itanium guest.
//!
//! | module | what |
//! |---|---|
//! | `memory` | [`Memory`]: an address space of the guest, to be brought along |
//! | [`rse`] | where stacked registers lie in their backing store |
//! | [`unwind`] | the unwind tables of ia64 |
//! | [`program`] | symbols, lines, types and arguments of an ELF file with DWARF |
//! | [`backtrace`](mod@backtrace) | who called whom |
//! | [`linux`] | what a Linux kernel keeps about itself |
//! | [`vcpu`] | a vcpu of an image, to begin with
//!
//! Nothing here reads files: bytes in, answers out.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod backtrace;
pub mod linux;
pub mod memory;
pub mod program;
pub mod rse;
pub mod unwind;
pub mod vcpu;

pub use memory::{Memory, Unreadable};
