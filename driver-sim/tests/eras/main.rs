//! Vcpus across eras: what a guest is left with on a hypervisor of another time.
//!
//! The simulated hypervisor keeps registers and can say what its guest sees of them
//! ([`ia64save_sim::ArchState`]), before and after a vcpu is switched in for the first time.
//!
//! | file | what is proved |
//! |---|---|
//! | `proof` | every golden image, converted to every era: the guest has the registers that it had, or the conversion named what it lost |
//! | `crossing` | images that crossed eras wrongly die, or go wrong, as they were seen to on real hypervisors; rightly they run on |
//! | `losses` | which losses a conversion can name a register by |
//! | `setting` | hosts with an image restored on them |

mod crossing;
mod losses;
mod proof;
mod setting;
