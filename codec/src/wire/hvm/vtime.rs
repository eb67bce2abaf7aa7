//! Record 5: the timer of a vcpu.

use crate::wire::declare::layout;

layout! {
    /// The interval timer. Loading it wakes the vcpu.
    pub struct HvmHwIa64Vtime: 32 {
        @0  itc: u64, Hex, "AR.ITC of the guest at the save, cycles";
        @8  itm: u64, Hex, "CR.ITM: counter at which the timer fires, cycles";
        @16 last_itc: u64, Hex, "counter at which the timer last fired, cycles";
        @24 pending: u64, Dec, "1 while a timer interrupt waits";
    }
}
