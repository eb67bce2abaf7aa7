//! Signals that would end the process in the middle of something. All of it is opt-in: nothing is registered
//! unless one of the `expect_` functions is called, or a [`Guard`] or a [`Deferred`] made.
//!
//! | signal | what becomes of it |
//! |---|---|
//! | `SIGBUS` | a mapped file became shorter: a message that names it, and exit code 4 |
//! | `SIGXFSZ` | the write fails, with the name of its file, as on a full disk |
//! | `SIGINT`, `SIGTERM`, `SIGHUP`, `SIGQUIT` and their like | what is unfinished is removed, and the process dies of the signal; under [`Deferred`] the command ends first |
//! | `SIGABRT` | what is unfinished is removed |
//!
//! | file | what |
//! |---|---|
//! | `flag` | whether the work is still wanted |
//! | `cancel` | [`Guard`]: signals raise the flag |
//! | `ending` | what is unfinished goes when the process does |
//! | `shrinking` | `SIGBUS`; ours, as the first of any number of threads that fault ends the process |
//! | `limits` | `SIGXFSZ` |
//!
//! Everything in a handler is async-signal-safe: system calls and atomics, no memory is allocated or
//! freed.

mod cancel;
mod ending;
mod flag;
mod limits;
mod shrinking;
mod system;
#[cfg(test)]
mod tests;

pub use cancel::Guard;
pub use ending::{Deferred, RemovedOnSignal, expect_interruption};
pub use flag::{ask, end_by_signal, flag, is_asked, name};
pub use limits::expect_limits;
pub(crate) use shrinking::Named;
pub use shrinking::expect_shrinking_files;
