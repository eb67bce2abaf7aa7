//! The guest's own view of its memory: from virtual to guest physical addresses.
//!
//! An Itanium finds a virtual address in its TLB, which the guest's kernel fills. What an image has
//! of the TLB are the entries that the kernel pinned, the *translation registers*, and the *region
//! registers* that say which address space each eighth of the addresses belongs to. The rest of the
//! TLB is filled from page tables by the kernel's own code, which nobody can run here.
//!
//! ```text
//! 63..61 region   how Linux used it                          resolved here by
//!   7   0xe000..  memory, one to one, cached                 the address (or a translation register)
//!   6   0xc000..  memory and devices, one to one, uncached   the address
//!   5   0xa000..  the kernel at ..0001_0000_0000: pinned     a translation register
//!                 its vmalloc area and user page tables      nobody: page tables
//!  4..0           processes                                  nobody: page tables
//! ```
//! A vcpu with `psr.dt` (for code `psr.it`) off, or a PV vcpu in *metaphysical* mode, uses physical
//! addresses; bit 63 then only says that accesses are uncached.
//!
//! | file | what lives there |
//! |---|---|
//! | `register` | [`Register`]: one translation register, decoded |
//! | `view` | [`View`]: all mappings of a vcpu; [`View::resolve`] and the runs of pages behind them |

mod register;
mod view;

pub use register::{Register, Slot};
pub use view::{By, Mapping, Segment, Unresolved, View};
