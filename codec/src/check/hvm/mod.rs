//! The records of an HVM domain (spec 10.3 to 10.9).

pub(super) mod header;
pub(super) mod identity;
pub(super) mod records;
pub(super) mod vcpu;
pub(super) mod viosapic;
mod walk;

/// Typecodes.
const HEADER: u16 = 1;
const CPU: u16 = 2;
const VPD: u16 = 3;
const VLSAPIC: u16 = 4;
const VTIME: u16 = 5;
const VIOSAPIC: u16 = 6;
const IDENTITY: u16 = 8;
