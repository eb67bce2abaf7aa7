//! What guests do while they run.
//!
//! | room | what lives there |
//! |---|---|
//! | [`Workload`] | writes to memory as virtual time passes, by a pattern and a seed |
//! | [`Script`] | writes at given moments of a save: what was recorded when a golden image was made |

mod pattern;
mod script;

pub use pattern::{Pattern, Workload};
pub use script::{Event, Moment, Script};
