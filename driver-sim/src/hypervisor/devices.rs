//! Devices of an HVM domain, as the bodies of its records (spec 10.3).

use ia64save_codec::wire::Wire;
use ia64save_codec::wire::hvm::HvmSaveHeader;
use ia64save_codec::wire::hvm::header::{HVM_MAGIC, HVM_VERSION};
use ia64save_codec::wire::hvm::viosapic::VIOSAPIC_BASE;

use crate::fields::Fields;

/// CPUID registers 0 to 4 of an Itanium 2.
pub(crate) const CPUID: [u64; 5] = [0x4965_6e69_756e_6547, 0x6c65_746e, 0, 0x1f01_0504, 5];

/// Devices of a domain: the bodies of its records.
pub(crate) struct Devices {
    pub(crate) header: Vec<u8>,
    viosapic: Vec<u8>,
    vacpi: Vec<u8>,
    identity: Vec<u8>,
}

impl Devices {
    pub(crate) fn new() -> Self {
        let header = HvmSaveHeader {
            magic: HVM_MAGIC,
            version: HVM_VERSION,
            changeset: u64::MAX,
            cpuid: CPUID,
        };
        let layout = ia64save_codec::wire::hvm::HvmHwIa64Viosapic::LAYOUT;
        let mut viosapic = vec![0; layout.size];
        let mut fields = Fields::new(layout, &mut viosapic);
        fields.set("lowest_vcpu_id", u64::MAX);
        fields.set("base_address", VIOSAPIC_BASE);
        for pin in 0..48 {
            fields.set(&format!("redirtbl[{pin}].bits"), 1 << 16);
        }
        Devices {
            header: header.to_bytes(),
            viosapic,
            vacpi: vec![0; 8],
            identity: vec![0; 72],
        }
    }

    pub(crate) fn viosapic(&mut self) -> &mut Vec<u8> {
        &mut self.viosapic
    }

    pub(crate) fn vacpi(&mut self) -> &mut Vec<u8> {
        &mut self.vacpi
    }

    pub(crate) fn body(&mut self, typecode: u16) -> Option<&mut Vec<u8>> {
        match typecode {
            1 => Some(&mut self.header),
            6 => Some(&mut self.viosapic),
            7 => Some(&mut self.vacpi),
            8 => Some(&mut self.identity),
            _ => None,
        }
    }
}
