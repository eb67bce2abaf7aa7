//! The images that Xen's own code wrote, against what it did with them.
//!
//! | file | what is compared |
//! |---|---|
//! | `bad` | bad images: a whole domain or none |
//! | `restore` | what a restore leaves, with what the original restore of the era left |
//! | `replay` | the pages of a live save, with those that the original sent given the same bitmaps |
//! | `resave` | the bytes of a restored domain saved again, with those of the image |
//! | `built` | the same for domains that were never restored |

mod bad;
mod built;
mod compare;
mod replay;
mod resave;
mod restore;
mod setting;

/// The ports under test. `driver-xen/tests/goldens` runs these files over its own.
mod ports {
    use ia64save_sim::Era;
    pub use ia64save_sim::{SimSource, SimTarget};

    /// Whether they reach a host of that era.
    pub fn reach(_: Era) -> bool {
        true
    }
}
