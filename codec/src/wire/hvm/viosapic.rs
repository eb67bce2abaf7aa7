//! Record 6: the interrupt controller of the domain.

use crate::wire::declare::layout;

/// Value of [`HvmHwIa64Viosapic::base_address`]; a restore accepts no other.
pub const VIOSAPIC_BASE: u64 = 0xfec0_0000;

layout! {
    /// The I/O interrupt controller.
    pub struct HvmHwIa64Viosapic: 424 {
        @0  irr: u64, Hex, "pins that ask for service, 48 bits";
        @8  isr: u64, Hex, "pins in service, 48 bits";
        @16 ioregsel: u32, Hex, "register that the guest selected";
        @20 pad: u32, Pad, "padding, 0";
        @24 lowest_vcpu_id: u64, Hex, "vcpu that takes lowest-priority interrupts; all ones for none";
        @32 base_address: u64, Hex, "guest physical address of the controller: 0xfec00000";
        @40 redirtbl: [RedirEntry; 48], Hex, "redirection table, one entry for each pin";
    }
}

layout! {
    /// Where and how the interrupt of one pin is delivered.
    pub struct RedirEntry: 8 {
        @0 bits: u64, Hex, "vector bits 0 to 7, delivery mode 8 to 10, delivery status 12, polarity 13, trigger mode 15, mask 16, destination 48 to 63";
    }
    aliases {
        @0 "fields.vector": u8, Hex, "vector to deliver";
        @3 "fields.reserved": [u8; 3], Pad, "reserved";
        @6 "fields.dest_id": u16, Hex, "processor to deliver to: id in bits 8 to 15, eid in 0 to 7";
    }
}

impl RedirEntry {
    /// Vector to deliver.
    pub fn vector(&self) -> u8 {
        self.bits as u8
    }

    /// Way of delivery, 0 to 7: 0 fixed, 1 lowest priority, 2 PMI, 4 NMI, 5 INIT, 7 ExtINT.
    pub fn delivery_mode(&self) -> u8 {
        (self.bits >> 8 & 7) as u8
    }

    /// Whether a delivery is under way.
    pub fn delivery_status(&self) -> bool {
        self.bit(12)
    }

    /// Whether the pin is active when low.
    pub fn active_low(&self) -> bool {
        self.bit(13)
    }

    /// Whether the pin is triggered by its level rather than by an edge.
    pub fn level_triggered(&self) -> bool {
        self.bit(15)
    }

    /// Whether the pin is masked.
    pub fn masked(&self) -> bool {
        self.bit(16)
    }

    /// Processor to deliver to: id in bits 8 to 15, eid in 0 to 7.
    pub fn dest_id(&self) -> u16 {
        (self.bits >> 48) as u16
    }

    /// Bits that mean nothing: 11, 14 and 17 to 47.
    pub fn reserved(&self) -> u64 {
        self.bits & 0x0000_ffff_fffe_4800
    }

    fn bit(&self, n: u32) -> bool {
        self.bits >> n & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_entry_do_not_overlap() {
        let entry = RedirEntry {
            bits: 0x1234_0000_0001_a531,
        };
        assert_eq!(entry.vector(), 0x31);
        assert_eq!(entry.delivery_mode(), 5);
        assert!(!entry.delivery_status());
        assert!(entry.active_low() && entry.level_triggered() && entry.masked());
        assert_eq!(entry.dest_id(), 0x1234);
        assert_eq!(entry.reserved(), 0);

        let whole = RedirEntry { bits: u64::MAX };
        let mut known = 0xff | 7 << 8 | 1 << 12 | 1 << 13 | 1 << 15 | 1 << 16 | 0xffff << 48;
        known |= whole.reserved();
        assert_eq!(known, u64::MAX);
    }
}
