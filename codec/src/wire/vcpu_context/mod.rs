//! The context of a vcpu: what an operation of the hypervisor got from it (spec 8.3).
//!
//! - [`Context`]: a context in any of its seven layouts, with getters for all of them;
//! - [`frame`]: layout A; [`regs`]: layouts B to F; [`names`]: A's registers by the names of B to F;
//! - [`ar`], [`cr`], [`tr`], [`fpreg`]: the parts that these share.

use alloc::boxed::Box;

use super::eras::eras;
use crate::dialect::ContextLayout;

pub mod ar;
pub mod cr;
pub mod fpreg;
pub mod frame;
mod getters;
pub mod names;
pub mod regs;
pub mod tr;

pub use ar::ArRegs;
pub use cr::CrRegs;
pub use fpreg::Fpreg;
pub use frame::ContextA;
pub use regs::{ContextB, ContextB2, ContextC, ContextD, ContextE, ContextF};
pub use tr::TrEntry;

/// Bits of psr that the architecture reserves.
pub const PSR_RESERVED: u64 = 0xffff_8000_f001_1fc1;
/// Bits of ar.rsc that the architecture reserves: all but mode, privilege level, byte order, loadrs.
pub const RSC_RESERVED: u64 = !0x3fff_001f;

/// `num_phys_stacked` of every Itanium: stacked general registers that the processor has.
pub const NUM_PHYS_STACKED: u64 = 96;

/// `flags`: the registers beyond the trap frame count.
pub const VGCF_EXTRA_REGS: u64 = 1 << 1;
/// `flags`: CR.IRR is to be loaded (HVM, from 2007-11-28).
pub const VGCF_SET_CR_IRR: u64 = 1 << 2;
/// `flags`: the vcpu is online (from 3.3).
pub const VGCF_ONLINE: u64 = 1 << 3;
/// `flags`: AR.ITC is to be loaded (from 3.4).
pub const VGCF_SET_AR_ITC: u64 = 1 << 4;

eras! {
    /// A vcpu context in any of its layouts.
    ///
    /// The getters are named after the path of the field without `regs.`; where a layout lacks the
    /// field they return `None`.
    ///
    /// ```
    /// use ia64save_codec::dialect::ContextLayout;
    /// use ia64save_codec::wire::Context;
    /// use ia64save_codec::wire::vcpu_context::layout_of;
    ///
    /// let mut bytes = vec![0; ContextLayout::F.size()];
    /// let ip = layout_of(ContextLayout::F).find("regs.ip").unwrap();
    /// bytes[ip.offset + 1] = 0x40;
    /// let context = Context::parse(ContextLayout::F, &bytes).unwrap();
    /// assert_eq!(context.ip(), 0x4000);
    /// assert_eq!(context.to_bytes(), bytes);
    /// ```
    pub enum Context by ContextLayout {
        A(Box<ContextA>), "1056 bytes: a trap frame and a few virtual registers.";
        B(Box<ContextB>), "21904 bytes.";
        B2(Box<ContextB2>), "5520 bytes: B without the register stack.";
        C(Box<ContextC>), "21904 bytes: B with `nats` split and `rbs_nat` added.";
        D(Box<ContextD>), "21936 bytes.";
        E(Box<ContextE>), "22208 bytes: twelve translation registers of each kind.";
        F(Box<ContextF>), "22208 bytes: E with its last two register words changed.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_dialect_table() {
        for layout in ContextLayout::ALL {
            assert_eq!(layout_of(layout).size, layout.size());
        }
    }
}
