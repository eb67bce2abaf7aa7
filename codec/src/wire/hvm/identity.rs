//! Record 8: regions that the hypervisor maps one to one for the guest (from 2007-11-20).

use crate::wire::declare::layout;

layout! {
    /// Identity mappings of three regions.
    pub struct HvmHwIa64IdentityMappings: 72 {
        @0  im_reg4: IdentityMapping, Hex, "region 4";
        @24 im_reg5: IdentityMapping, Hex, "region 5";
        @48 im_reg7: IdentityMapping, Hex, "region 7";
    }
}

layout! {
    /// Whether and how a region is mapped.
    pub struct IdentityMapping: 24 {
        @0  on: u64, Dec, "1 if the region is mapped";
        @8  pgprot: u64, Hex, "bits to set in each page table entry; 0 when off";
        @16 key: u64, Hex, "protection key in the form of CR.ITIR; 0 when off";
    }
}
