//! What a Linux kernel keeps about itself, found by its own file: addresses from its symbols, offsets from
//! its DWARF.
//!
//! | file | what lives there |
//! |---|---|
//! | `kernel` | [`Kernel`]: a kernel's memory and file; whether they belong together: [`Fit`] |
//! | `list` | its linked lists, walked once |
//! | `info` | [`Info`]: banner, uname, command line, times, cpus |
//! | `log` | [`Log`]: the ring buffer of printk |
//! | `record` | the ring buffer since Linux 3.5, which has records |
//! | `tasks` | [`Task`]: processes |
//! | `modules` | [`Module`]: what was loaded |
//! | `maps` | [`Area`]: the address space of a process |
//! | `found` | [`Found`]: what can be known without the file |
//! | `error` | [`Error`]: why something cannot be known |
//!
//! All of it reads a guest's memory, which may say anything: lists end where they repeat or at a limit,
//! and what could not be followed is said beside what could.

mod error;
mod found;
mod info;
mod kernel;
mod list;
mod log;
mod maps;
mod modules;
mod record;
mod tasks;

pub use error::Error;
pub use found::{Found, found};
pub use info::{Info, Instant, Uname};
pub use kernel::{Fit, Kernel};
pub use log::{Line, Log};
pub use maps::{Area, Maps};
pub use modules::{Module, Modules};
pub use tasks::{State, Task, Tasks};
