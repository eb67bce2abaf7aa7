//! The transfer engine over simulated hosts.
//!
//! | file | what |
//! |---|---|
//! | `cancel` | what is not wanted any more ends soon, and leaves nothing |
//! | `images` | what is saved is without a flaw, and what is restored is what was saved |
//! | `edges` | strange memory maps, many vcpus, tiny and huge domains |
//! | `faults` | whatever fails, exactly one domain runs, and nothing is left over |
//! | `migrate` | a migration between two hosts, in one thread |
//! | `real` | registers of the images that a real hypervisor wrote |
//! | `stack` | register stacks that another build of the hypervisor laid out |
//! | `way_back` | a source goes on in the way that its kernel wants, or is not suspended |
//! | `common` | a domain as it is, to be compared |

mod cancel;
mod common;
mod edges;
mod faults;
mod images;
mod migrate;
mod real;
mod stack;
mod way_back;

/// The ports under test. `driver-xen/tests/transfer` runs these files over its own.
mod ports {
    use ia64save_codec::Dialect;
    use ia64save_sim::Era;
    pub use ia64save_sim::{SimSource, SimTarget};

    /// Whether they reach a host of that era.
    pub fn reach(_: Era) -> bool {
        true
    }

    /// Whether a suspended domain of that era can go on.
    pub fn can_resume(era: Era) -> bool {
        era.has_resume()
    }

    /// An era of the dialect whose suspended domains can go on.
    pub fn era(dialect: Dialect) -> Era {
        match dialect {
            Dialect::D1b => "xen-3.1".parse().expect("a release"),
            dialect => dialect.into(),
        }
    }
}
