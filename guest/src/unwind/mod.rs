//! The unwind tables of ia64 (Itanium Software Conventions and Runtime Architecture Guide, chapter 11
//! and appendix A).
//!
//! An entry of `.IA_64.unwind` names a range of code and its *unwind information*: regions one behind
//! the other, prologues and bodies, each with a length in instruction slots and with records that say
//! where the function saves what.
//!
//! | file | what lives there |
//! |---|---|
//! | `table` | [`Table`]: the entries; which one an instruction belongs to |
//! | `record` | [`Region`] and [`Record`]: the formats R1 to R3, P1 to P10, B1 to B4, X1 to X4 decoded |
//! | `register` | [`Preserved`]: registers that a function keeps for its caller |
//! | `state` | [`Place`], [`Psp`]: where prologues have put registers |
//! | `rules` | [`Rules`]: where each of them is, when an instruction is about to run |
//! | `prologue` | a prologue's records collected, and what they leave unsaid |
//! | `error` | [`Error`]: what is wrong with a table |

mod error;
mod prologue;
mod record;
mod register;
mod rules;
mod state;
mod table;

pub use error::Error;
pub use record::{Kind, Record, Records, Region};
pub use register::Preserved;
pub use rules::Rules;
pub use state::{Place, Psp};
pub use table::{Entry, Info, Table};
