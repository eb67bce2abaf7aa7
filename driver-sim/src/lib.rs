//! A simulated Xen/ia64 host.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod hypervisor;
