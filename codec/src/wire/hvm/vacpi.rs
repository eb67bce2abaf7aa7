//! Record 7: the power management registers of the domain.

use crate::wire::declare::layout;

layout! {
    /// The ACPI registers.
    pub struct HvmHwIa64Vacpi: 8 {
        @0 regs: VacpiRegs, Hex, "power management registers";
    }
}

layout! {
    /// Event block and timer.
    pub struct VacpiRegs: 8 {
        @0 evt_blk: u32, Hex, "PM1a status in bits 0 to 15, PM1a enable in 16 to 31";
        @4 tmr_val: u32, Hex, "power management timer, ticks";
    }
}

impl VacpiRegs {
    /// PM1a status: events that happened.
    pub fn pm1a_sts(&self) -> u16 {
        self.evt_blk as u16
    }

    /// PM1a enable: events that interrupt.
    pub fn pm1a_en(&self) -> u16 {
        (self.evt_blk >> 16) as u16
    }
}
