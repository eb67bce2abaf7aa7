//! WIP map
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod code;
pub mod convert;
pub mod decode;
pub mod detect;
pub mod dialect;
pub mod encode;
pub mod envelope;
pub mod error;
pub mod grammar;
pub mod image;
pub mod limits;
pub mod ram;
pub mod wire;

pub use code::{Code, Severity};
pub use dialect::{Dialect, Guest, Version};
pub use error::{Error, Finding};
pub use limits::Limits;

/// Bytes of an ia64 page as Xen used it.
pub const PAGE_SIZE: usize = 16384;
