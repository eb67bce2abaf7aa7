//! Record 1: what wrote the records.

use crate::wire::declare::layout;

/// Value of [`HvmSaveHeader::magic`]: the letters `Xen/IA64`, the first in the lowest byte.
pub const HVM_MAGIC: u64 = 0x3436_4149_2f6e_6558;
/// Value of [`HvmSaveHeader::version`].
pub const HVM_VERSION: u64 = 1;

layout! {
    /// The header, always the first record.
    pub struct HvmSaveHeader: 64 {
        @0  magic: u64, Hex, "0x343641492f6e6558, the letters Xen/IA64 in memory order";
        @8  version: u64, Dec, "version of the records: 1";
        @16 changeset: u64, Hex, "revision that Xen was built from; all ones if unknown; any is accepted";
        @24 cpuid: [u64; 5], Hex, "CPUID registers 0 to 4 of the saving host; a restore elsewhere only warns";
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_magic_spells_its_letters() {
        assert_eq!(super::HVM_MAGIC.to_le_bytes(), *b"Xen/IA64");
        assert_eq!(
            crate::wire::nvram::NVRAM_SIGNATURE.to_le_bytes(),
            *b"HIXENIPF"
        );
    }
}
