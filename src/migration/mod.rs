//! Connections between the two ends of a migration, for simulated domains and real ones.
//!
//! | file | what |
//! |---|---|
//! | `connection` | TCP and Unix sockets, with time-outs |
//! | `speak` | the source's end of the protocols of `ia64save_codec::transfer::migration` |

mod connection;
mod speak;

pub use connection::{Address, Connection, Heard};
pub use speak::{Broken, speak, token};
