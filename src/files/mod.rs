//! How things are shown, and files that are written whole or not at all.

pub mod assemble;
pub mod beside;
pub(crate) mod draft;
pub mod durable;
pub mod file;
pub mod hexline;
pub mod packing;
pub mod patient;
pub mod screen;
pub mod size;
pub mod style;
pub mod table;
pub mod tree;
pub mod wrap;
