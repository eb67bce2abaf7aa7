//! Connections between the two ends of a migration, for simulated domains and real ones.
//!
//! | file | what |
//! |---|---|
//! | `address` | where to connect and to listen: TCP and Unix sockets |
//! | `connection` | a connection, with time-outs |
//! | `journal` | what a target must not forget, in a file |
//! | `secret` | tokens, nonces, the secret in a file |
//! | `speak` | the source's end of the protocols of `ia64save_codec::transfer::migration` |

mod address;
mod connection;
mod journal;
mod secret;
mod speak;

pub use address::{Address, Listener};
pub use connection::{Connection, Heard};
pub use journal::Journal;
pub use secret::{random, secret, token};
pub use speak::{Broken, Target, said, speak};
