//! Record 2: the one register of a vcpu that its context lacks.

use crate::wire::declare::layout;

layout! {
    /// The processor status under which the guest ran.
    pub struct HvmHwIa64Cpu: 8 {
        @0 ipsr: u64, Hex, "psr of the machine while the guest ran; a restore sets its vm bit (46)";
    }
}
