//! The bytes of every call, as numbers and layouts.

pub mod privcmd;
