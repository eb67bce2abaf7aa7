//! Who called whom.
//!
//! | file | what lives there |
//! |---|---|
//! | `registers` | [`Registers`]: the registers of one frame; [`Word`]: one that may be NaT |
//! | `symbols` | [`Symbols`]: what a backtrace asks about programs, and [`Programs`] that answer |
//! | `step` | from a frame to that of its caller, by unwind rules |
//! | `interrupted` | from an interruption's frame to what it interrupted, through `struct pt_regs` |
//! | `blocked` | [`blocked`]: the frame of a task that waits, from its `struct switch_stack` |
//! | `call` | which function a call instruction calls |
//! | `walk` | [`backtrace`]: the chain; [`guess`]: as far as registers alone give it |
//! | `frame` | [`Frame`]: one of it with function, line and arguments |

mod blocked;
mod call;
mod frame;
mod interrupted;
mod registers;
mod step;
mod symbols;
mod walk;

pub use blocked::{Blocked, blocked};
pub use frame::{Frame, How};
pub use registers::{Registers, StackEnd, Word};
pub use symbols::{Programs, Symbols, Unwind};
pub use walk::{Backtrace, Start, backtrace, guess};
