//! The hypervisor: domains, and operations on them with the semantics of real hypercalls.
//!
//! | room | what lives there |
//! |---|---|
//! | [`host`] | [`Host`]: a machine, its domains, and how to get at them |
//! | [`machine`] | [`Machine`]: what it is like, and what it does with registers |
//! | [`heap`] | what stands in a field that get-context does not assign |
//! | [`era`] | [`Era`]: which Xen the machine runs |
//! | [`ops`] | the operations of tools: domctl, memory, dom0vp, hvm |
//! | [`guest`] | what guests and device models do by themselves: write, balloon, suspend |
//! | [`kernel`] | what a guest's kernel does when its suspend call returns |
//! | `playing` | what was recorded of a save, played again as another goes on |
//! | [`count`] | how often each operation was called; what is left over |
//! | [`fault`] | calls that fail on purpose |
//!
//! Inside: `domain`, `memory`, `channels`, `devices`, `places`, `vcpu` and `hvm`, whose parts are tied together by
//! the operations.
//! The ports of the transfer engine stand beside this, in [`crate::ports`], and add nothing: whatever
//! a real hypervisor refuses is refused here.

pub(crate) mod channels;
pub mod count;
pub(crate) mod devices;
pub(crate) mod domain;
pub mod era;
pub mod fault;
pub mod guest;
pub mod heap;
pub mod host;
pub(crate) mod hvm;
pub mod kernel;
pub mod machine;
pub(crate) mod memory;
pub mod ops;
pub(crate) mod places;
mod playing;
pub(crate) mod vcpu;

pub use count::{Counts, Leftovers, Op};
pub use era::{Era, Release};
pub use fault::{Fault, Faults};
pub use heap::Heap;
pub use host::{DomId, Down, Host, Onlooker};
pub use kernel::Kernel;
pub use machine::{Machine, Registers};
pub use vcpu::arch::{ArchState, Death, Difference, Started};
