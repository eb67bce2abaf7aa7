//! The bytes of every call, as numbers and layouts.
//!
//! Every structure is declared once, with each field's offset; the compiler checks that the fields
//! add up, and tests hold them against the tables in `tests/data/layout`, which come from an ia64
//! compiler, and against recorded calls of a real Xen/ia64. Nothing here is ever cast: structures are
//! read and written as little-endian bytes, whatever machine this runs on.
//!
//! | room | what lives there |
//! |---|---|
//! | [`numbers`] | hypercalls, operations, parameters |
//! | [`release`] | what a release of Xen has, one row each: interface version, layouts, operations |
//! | [`domctl`] | the control of domains |
//! | [`memory`], [`hvm`], [`event`], [`sched`] | the other generic calls |
//! | [`xencomm`] | how an ia64 kernel passes pointers on |
//! | [`mod@privcmd`] | the ioctls of Linux's privcmd |

pub mod domctl;
pub mod event;
pub mod hvm;
pub mod memory;
pub mod numbers;
pub mod privcmd;
pub mod record;
pub mod release;
pub mod sched;
pub mod xencomm;

pub use record::Record;
pub use release::Release;
