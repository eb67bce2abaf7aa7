//! Where an HVM guest's firmware keeps its non-volatile variables: a record in guest memory.

use super::declare::layout;

/// Value of [`NvramSaveAddr::signature`]: the letters `HIXENIPF`, the last in the lowest byte.
pub const NVRAM_SIGNATURE: u64 = 0x4650_494e_4558_4948;

layout! {
    /// The address of the buffer that holds the variables.
    pub struct NvramSaveAddr: 16 {
        @0 addr: u64, Hex, "guest physical address of the firmware's buffer";
        @8 signature: u64, Hex, "0x4650494e45584948, the letters HIXENIPF in memory order";
    }
}
