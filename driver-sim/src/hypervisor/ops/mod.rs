//! What tools can do to domains.
//!
//! Each operation is one call as a tool makes it: it is counted once, however many pages it moves. All
//! are methods of [`Host`](super::Host).
//!
//! | file | operations |
//! |---|---|
//! | `domains` | create, destroy, information, pause, resume, limits |
//! | `setup` | the domain setup, set and queried |
//! | `memory` | populate, decrease, map, copy |
//! | `p2m` | expose the p2m, and the memory map |
//! | `vcpus` | contexts |
//! | `hvm` | parameters and devices |
//! | `log_dirty` | the record of writes |

mod channels;
mod domains;
mod hvm;
mod log_dirty;
mod memory;
mod p2m;
mod setup;
mod vcpus;
