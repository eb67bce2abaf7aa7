//! Bits of `psr`, and what of them is whose.

pub(crate) const IC: u64 = 1 << 13;
pub(crate) const I: u64 = 1 << 14;
pub(crate) const PK: u64 = 1 << 15;
pub(crate) const DT: u64 = 1 << 17;
pub(crate) const DFH: u64 = 1 << 19;
pub(crate) const PP: u64 = 1 << 21;
pub(crate) const DI: u64 = 1 << 22;
pub(crate) const RT: u64 = 1 << 27;
pub(crate) const CPL: u64 = 3 << 32;
pub(crate) const IS: u64 = 1 << 34;
pub(crate) const IT: u64 = 1 << 36;
pub(crate) const ID: u64 = 1 << 37;
pub(crate) const DA: u64 = 1 << 38;
pub(crate) const DD: u64 = 1 << 39;
pub(crate) const RI: u64 = 3 << 41;
pub(crate) const ED: u64 = 1 << 43;
pub(crate) const BN: u64 = 1 << 44;
pub(crate) const IA: u64 = 1 << 45;
pub(crate) const VM: u64 = 1 << 46;
pub(crate) const SP: u64 = 1 << 20;
/// Those of a PV guest that the machine has as the guest has them: be up ac mfl mfh pk dfl sp db
/// lp tb id da dd ss ri ed ia.
pub(crate) const KEPT: u64 =
    0x3e | PK | 1 << 18 | SP | 1 << 24 | 1 << 25 | 1 << 26 | ID | DA | DD | 1 << 40 | RI | ED | IA;
/// Those of an HVM guest that the machine has, and the VPD has not: be up ac mfl mfh cpl ri.
pub(crate) const OF_FRAME: u64 = 0x3e | CPL | RI;
/// Address translation: all of it or none.
pub(crate) const TRANSLATION: u64 = DT | RT | IT;
/// The machine while a guest runs, whatever the guest asks for: ic i dt rt it bn.
pub(crate) const MACHINE: u64 = IC | I | TRANSLATION | BN;
