//! Models of what must not go wrong, looked at in every order in which things can happen.
//!
//! The code that is looked at is the real one: the ends of a migration, the save engine. What stands around
//! them, a network, hosts, a guest at work, time, does whatever it may, within bounds that are stated.
//!
//! | room | what |
//! |---|---|
//! | [`migration`] | a domain moves between two hosts |
//! | [`save`] | a live save of a small domain |
//! | [`check`] | the search through all states |
//! | [`diagram`] | a path as a sequence diagram |
//!
//! `cargo xtask model` prints what was looked at; the tests of this crate look at less, within a minute.
#![forbid(unsafe_code)]

pub mod check;
pub mod diagram;
pub mod migration;
pub mod save;
