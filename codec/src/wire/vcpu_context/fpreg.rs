//! A floating-point register in memory.

use crate::wire::declare::layout;

layout! {
    /// A floating-point register in its 16-byte spill form.
    pub struct Fpreg: 16 {
        @0 bits as "u.bits": [u64; 2], Hex, "significand; then exponent in bits 0 to 16 and sign in 17";
    }
}
