//! What it takes for a suspended domain to go on.

use core::fmt;

/// What is there to bring a suspended domain back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaysBack {
    /// The hypervisor has a call that lets it go on.
    pub call: bool,
    /// Its event channels can be reset.
    pub reset: bool,
    /// Its store and console can be introduced again.
    pub introduction: bool,
}

/// A domain, as the daemons of store and console are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Frame of the xenstore ring, as start_info has it.
    pub store_mfn: u64,
    /// The guest's event channel to xenstore.
    pub store_port: u32,
    /// Frame of the console ring, as start_info has it.
    pub console_mfn: u64,
    /// The guest's event channel to its console.
    pub console_port: u32,
}

/// Why a suspended domain cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoWayBack {
    /// The hypervisor has no call for it: none had before Xen 3.1.
    NoCall,
    /// Nobody has said how the guest's kernel goes on.
    UnknownKernel,
    /// `ResumeMode::Reset` is wanted, and event channels cannot be reset from here: the control domain's
    /// kernel does not pass it on.
    NoReset,
    /// `ResumeMode::Reset` is wanted, and the toolstack introduces nobody.
    NoIntroduction,
}

impl fmt::Display for NoWayBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoWayBack::NoCall => {
                "this hypervisor cannot let a suspended domain go on (Xen before 3.1 had no call for it)"
            }
            NoWayBack::UnknownKernel => {
                "it is not known whether the guest's kernel takes a cancelled suspension (ELF note SUSPEND_CANCEL)"
            }
            NoWayBack::NoReset => {
                "the guest's event channels have to be reset, which the control domain's kernel does not pass on"
            }
            NoWayBack::NoIntroduction => {
                "the guest's store and console have to be introduced again, and nobody here does that"
            }
        })
    }
}
