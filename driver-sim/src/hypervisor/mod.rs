//! The hypervisor: domains, and operations on them with the semantics of real hypercalls.
//!
//! | room | what lives there |
//! |---|---|
//! | [`host`] | [`Host`]: a machine, its domains, and how to get at them |
//! | [`era`] | [`Era`]: which Xen the machine runs |
//! | [`ops`] | the operations of tools: domctl, memory, dom0vp, hvm |
//! | [`guest`] | what guests and device models do by themselves: write, balloon, suspend |
//! | [`kernel`] | what a guest's kernel does when its suspend call returns |
//! | [`count`] | how often each operation was called; what is left over |
//! | [`fault`] | calls that fail on purpose |
//!
//! Inside: `domain`, `memory`, `channels`, `vcpu` and `hvm`, whose parts are tied together by the operations.
//! The ports of the transfer engine stand beside this, in [`crate::ports`], and add nothing: whatever
//! a real hypervisor refuses is refused here.

pub(crate) mod channels;
pub mod count;
pub(crate) mod domain;
pub mod era;
pub mod fault;
pub mod guest;
pub mod host;
pub(crate) mod hvm;
pub mod kernel;
pub(crate) mod memory;
pub mod ops;
pub(crate) mod vcpu;

pub use count::{Counts, Leftovers, Op};
pub use era::{Era, Release};
pub use fault::{Fault, Faults};
pub use host::{DomId, Down, Host, Machine};
pub use kernel::Kernel;
pub use vcpu::Registers;
pub use vcpu::arch::{ArchState, Death, Difference, Started};
pub use vcpu::heap::Heap;
