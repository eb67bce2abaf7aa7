//! `hvm_op`.

use ia64save_codec::layout;

layout! {
    /// `set_param`, `get_param`.
    pub struct Param: 16 {
        @0 domid: u16, Dec, "domain";
        @2 pad2: u16, Pad, "padding";
        @4 index: u32, Dec, "HVM_PARAM_*";
        @8 value: u64, Hex, "value";
    }
}

layout! {
    /// `modified_memory` (3.3 on): a device model says what it wrote to.
    pub struct ModifiedMemory: 16 {
        @0 domid: u16, Dec, "domain";
        @2 pad2: u16, Pad, "padding";
        @4 nr: u32, Dec, "pages";
        @8 first_pfn: u64, Hex, "the first of them";
    }
}
