//! What a machine is like, and what its hypervisor does with registers.

use super::era::Era;
use super::heap::Heap;

/// What becomes of the registers that a set-context is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registers {
    /// As on a real hypervisor: it ignores some, changes others, and shows the rest as the privregs
    /// page or the VPD has it.
    #[default]
    Real,
    /// The checks are made, and what passes is kept bit by bit, as the simulated domains did behind
    /// which most images of the test corpus were written.
    Verbatim,
}

/// What a machine is like.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Which Xen it runs.
    pub era: Era,
    /// Bytes of a page.
    pub page_size: usize,
    /// Pages that it has for domains.
    pub pages: u64,
    /// Stacked registers of its processors.
    pub stacked_registers: u64,
    /// Bits of a region id that a domain gets.
    pub rid_bits: u32,
    /// Where the register stack begins in the hypervisor's own layout, in words modulo 64.
    pub rbs_voff: u64,
    /// What becomes of registers that are set.
    pub registers: Registers,
    /// What the hypervisor's heap holds.
    pub heap: Heap,
    /// Tools can reset the event channels of a domain. Kernels of ia64 control domains do not pass that
    /// on.
    pub passes_reset: bool,
}

impl Machine {
    /// An Itanium 2 with much memory.
    pub fn new(era: Era) -> Self {
        Machine {
            era,
            page_size: ia64save_codec::PAGE_SIZE,
            pages: 1 << 24,
            stacked_registers: 96,
            rid_bits: 18,
            rbs_voff: era.rbs_voff(),
            registers: Registers::Real,
            heap: Heap::Zeros,
            passes_reset: false,
        }
    }
}
