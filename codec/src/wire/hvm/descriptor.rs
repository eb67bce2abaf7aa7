//! What precedes every record.

use crate::wire::declare::layout;

layout! {
    /// Type, instance and length of the record behind it. All zero: END.
    pub struct HvmSaveDescriptor: 8 {
        @0 typecode: u16, Dec, "type of the record: 0 to 8";
        @2 instance: u16, Dec, "vcpu of a record that each vcpu has, else 0";
        @4 length: u32, Dec, "bytes of the record behind this descriptor";
    }
}
