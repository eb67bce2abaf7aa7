//! How things are shown.
//!
//! | file | what |
//! |---|---|
//! | `style` | the few colours, standard output and standard error as people look at them |
//! | `screen` | how wide it is, which letters it has |
//! | `wrap` | lines that fit |
//! | `table` | tables and blocks of fields |
//! | `hexline` | bytes with a caret below |
//! | `size` | numbers as people read them |
//! | `looks` | what the states of a page look like on a map |
//! | `json` | documents on standard output |
//! | `account` | what was done, of a command that writes an image |
//! | `severity` | what a severity looks like |
//! | `usage` | what clap has to say |

pub mod account;
pub mod hexline;
pub mod json;
pub mod looks;
pub mod screen;
mod severity;
pub mod size;
pub mod style;
pub mod table;
mod usage;
pub mod wrap;

pub use severity::severity_style;
pub use usage::show;
