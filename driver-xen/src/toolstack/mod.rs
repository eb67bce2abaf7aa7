//! What is done beside the hypervisor: the guest is asked to suspend itself, the device model to stop.
//!
//! | | suspends by |
//! |---|---|
//! | [`ByXenstore`] | the guest's control node, and the device model's |
//! | [`ByCommand`] | a command that the user names |
//! | [`ByDialogue`] | the words that `xc_save` exchanged with its caller: `suspend`, `done` |
//! | [`Nobody`] | not at all: for domains that are suspended already |

mod command;
mod dialogue;
mod store;
pub mod xenstore;

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{Errno, Introduction};

use crate::transport::DomainId;

pub use command::ByCommand;
pub use dialogue::ByDialogue;
pub use store::ByXenstore;

/// Whether the device model's writes are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// It keeps a record that [`Toolstack::dirty_by_devices`] reads.
    Recorded,
    /// This toolstack does not know.
    Unknown,
}

/// What is done beside the hypervisor.
pub trait Toolstack {
    /// Asks a guest to suspend itself, and its device model to stop. Need not wait for the guest.
    fn suspend(&mut self, domain: DomainId, hvm: bool) -> Result<(), Errno>;

    /// Takes the request back, as far as that goes: the guest has not followed in time.
    fn withdraw(&mut self, _domain: DomainId, _hvm: bool) -> Result<(), Errno> {
        Ok(())
    }

    /// The domain goes on; so does its device model.
    fn resumed(&mut self, _domain: DomainId, _hvm: bool) -> Result<(), Errno> {
        Ok(())
    }

    /// Whether the guest's kernel takes a cancelled suspension, as the toolstack that started it has
    /// recorded; `None` where it has not.
    fn takes_cancel(&mut self, _domain: DomainId) -> Result<Option<bool>, Errno> {
        Ok(None)
    }

    /// Whether [`Toolstack::introduce`] does anything.
    fn introduces(&self, _domain: DomainId) -> bool {
        false
    }

    /// Tells the daemons of store and console where a domain's rings and event channels are. Its other
    /// devices are connected again by whoever had connected them.
    fn introduce(&mut self, _domain: DomainId, _introduction: &Introduction) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }

    /// Has the device model begin, or end, a record of the pages that it writes to. Up to 3.4 that
    /// was a pair of bitmaps in System V shared memory, whose key stood in xenstore. No toolstack here
    /// has it: it is there for programs within the control domain, and for simulated ones.
    fn log_devices(&mut self, _domain: DomainId, _on: bool) -> Result<Devices, Errno> {
        Ok(Devices::Unknown)
    }

    /// Adds the pages that the device model has written to since it was asked last.
    fn dirty_by_devices(&mut self, _domain: DomainId, _dirty: &mut PfnBitmap) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }
}

/// Nobody to ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Toolstack for Nobody {
    /// `ENOSYS`: the domain is not suspended yet, and nobody can ask it to.
    fn suspend(&mut self, _domain: DomainId, _hvm: bool) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }
}
