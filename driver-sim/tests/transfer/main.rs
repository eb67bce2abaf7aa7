//! The transfer engine over simulated hosts.
//!
//! | file | what |
//! |---|---|
//! | `images` | what is saved is without a flaw, and what is restored is what was saved |
//! | `edges` | strange memory maps, many vcpus, tiny and huge domains |
//! | `faults` | whatever fails, exactly one domain runs, and nothing is left over |
//! | `migrate` | a migration between two hosts, in one thread |
//! | `common` | a domain as it is, to be compared |

mod common;
mod edges;
mod faults;
mod images;
mod migrate;
