//! Record 4: the interrupt controller of a vcpu.

use crate::wire::declare::layout;

layout! {
    /// The local interrupt controller.
    pub struct HvmHwIa64Vlsapic: 48 {
        @0  insvc: [u64; 4], Hex, "vectors in service, 256 bits";
        @32 vhpi: u64, Hex, "highest pending interrupt";
        @40 xtp: u8, Hex, "external task priority";
        @41 pal_init_pending: u8, Dec, "1 while an INIT waits";
        @42 pad: [u8; 2], Pad, "padding, 0";
        @44 pad44: [u8; 4], Pad, "padding at the end";
    }
}
