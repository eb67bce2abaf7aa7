//! Domains that look as if they had run: memory, registers, devices.
//!
//! | room | what lives there |
//! |---|---|
//! | [`GuestSpec`] | what a domain is to be like, and [`GuestSpec::build`] |
//! | `build` | the domain, from all of these |
//! | `map` | where memory is, and the memory map that says so |
//! | `pages` | start_info, shared_info and what fills the rest |
//! | `registers` | contexts, privregs and device state |
//!
//! A domain depends on its specification and seed alone. What is saved of it passes
//! [`check`](ia64save_codec::check) without a warning.

mod build;
mod map;
mod pages;
mod registers;
mod spec;

pub use spec::{Contents, GuestSpec};
