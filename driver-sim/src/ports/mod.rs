//! The ports of the transfer engine over the simulated hypervisor: thin, so that what is tested is
//! the hypervisor.
//!
//! | room | what lives there |
//! |---|---|
//! | [`SimSource`] | a domain that is saved |
//! | [`SimTarget`] | a domain that is restored, and a [`Journal`] of what was done to it |
//! | `handle` | what both have in common; where planned faults strike |

mod handle;
mod journal;
mod source;
mod target;

pub use journal::Journal;
pub use source::SimSource;
pub use target::SimTarget;
