//! The guest's own view of its memory: from virtual to guest physical addresses.
//!
//! An Itanium finds a virtual address in its TLB, which the guest's kernel fills. What an image has
//! of the TLB are the entries that the kernel pinned, the *translation registers*, and the *region
//! registers* that say which address space each eighth of the addresses belongs to. The rest of the
//! TLB is filled by the kernel's miss handlers, from page tables: here these are walked as Linux's
//! handlers walk them, for the kernel and for one process at a time.
//!
//! ```text
//! 63..61 region   how Linux used it                          resolved here by
//!   7   0xe000..  memory, one to one, cached                 a translation register, or the address
//!       ..ffff_0000 the vcpu's own per-cpu area              ar.k3
//!   6   0xc000..  memory and devices, one to one, uncached   the address
//!   5   0xa000..  the kernel at ..0001_0000_0000: pinned     a translation register
//!                 vmalloc, modules                           page tables, from the directory that the
//!                                                            miss handler at cr.iva names
//!  4..0           processes                                  page tables, from the directory in ar.k7
//! ```
//! A PV guest sees shared_info and its vcpu's privregs page at `arch_setup.xsi_va`. A vcpu with `psr.dt`
//! (for code `psr.it`) off, or a PV vcpu in *metaphysical* mode, uses physical addresses; bit 63 then
//! only says that accesses are uncached.
//!
//! Guest memory is hostile: a walk reads at most four entries, what is mapped is gone through once for
//! each table that the image has, and whatever is found nonsense says where.
//!
//! | file | what lives there |
//! |---|---|
//! | `tr` | [`Register`]: one translation register, decoded |
//! | `registers` | [`Registers`]: what of a vcpu decides |
//! | `how`, `fault` | [`How`] an address is mapped, and why it is not: [`Fault`] |
//! | `physical` | guest physical memory by address |
//! | `fixed` | [`Mapping`]s that need no table |
//! | `geometry` | [`Geometry`]: sizes and shifts of page tables |
//! | `handler` | the kernel's page directory, out of its miss handler |
//! | `tables` | the walk for one address |
//! | `mapped`, `mappings` | [`Mappings`]: everything that is mapped, in order |
//! | `stack`, `overlay` | [`RegisterStack`]: dirty stacked registers, and [`Overlay`]: where they belong |
//! | `view` | [`View`]: all of it for a vcpu; [`View::translate`] |
//! | `read` | [`View::read`]: bytes at virtual addresses |
//! | `segments` | [`Segment`]: the parts that have pages |
//! | `backward` | [`Backward`]: from physical to virtual addresses |
//!
//! Source: spec 17 (informative).

mod backward;
mod fault;
mod fixed;
mod geometry;
mod handler;
mod how;
mod mapped;
mod mappings;
mod overlay;
mod physical;
mod read;
mod registers;
mod segments;
mod stack;
mod tables;
#[cfg(test)]
mod tests;
mod tr;
mod view;

pub use backward::Backward;
pub use fault::{Entry, Fault, NoDirectory, Nonsense};
pub use fixed::Mapping;
pub use geometry::Geometry;
pub use how::{How, Origin};
pub use mappings::Mappings;
pub use overlay::Overlay;
pub use read::{NoBytes, Unread};
pub use registers::Registers;
pub use segments::Segment;
pub use stack::RegisterStack;
pub use tables::Directory;
pub use tr::{Register, Slot};
pub use view::{NoView, Translation, View};
