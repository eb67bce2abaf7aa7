//! The VIOSAPIC record (spec 10.8).

use alloc::format;

use super::VIOSAPIC;
use super::walk::fields_of;
use crate::check::context::Context;
use crate::check::findings::Findings;
use crate::check::text::hex;
use crate::code::Code;
use crate::wire::hvm::viosapic::{RedirEntry, VIOSAPIC_BASE};

/// Pins of the controller.
const PINS: u32 = 48;
/// Vcpus that a domain may have.
const VCPUS: u64 = 64;

/// What a restore refuses: another address, a vcpu that cannot be.
pub(in crate::check) fn refused(context: &Context<'_>, out: &mut Findings) {
    for (_, viosapic) in fields_of(context, VIOSAPIC) {
        if viosapic.get("base_address") != Some(VIOSAPIC_BASE) {
            out.add(
                viosapic
                    .finding(Code::HvmViosapicBase, "base_address")
                    .expected(hex(VIOSAPIC_BASE)),
            );
        }
        let path = "lowest_vcpu_id";
        if viosapic
            .get(path)
            .is_some_and(|id| id >= VCPUS && id != u64::MAX)
        {
            out.add(
                viosapic
                    .finding(Code::HvmViosapicLowest, path)
                    .expected("0 to 63, or all ones for none"),
            );
        }
    }
}

/// What it does not look at: pins beyond the last, reserved bits of redirection entries.
pub(in crate::check) fn bits(context: &Context<'_>, out: &mut Findings) {
    for (_, viosapic) in fields_of(context, VIOSAPIC) {
        for path in ["irr", "isr"] {
            if viosapic.get(path).is_some_and(|pins| pins >> PINS != 0) {
                out.add(
                    viosapic
                        .finding(Code::HvmViosapic, path)
                        .expected("bits 48 to 63 zero"),
                );
            }
        }
        for pin in 0..PINS {
            let path = format!("redirtbl[{pin}].bits");
            let entry = viosapic.get(&path).map(|bits| RedirEntry { bits });
            if entry.is_some_and(|entry| entry.reserved() != 0) {
                out.add(
                    viosapic
                        .finding(Code::HvmViosapic, &path)
                        .expected("bits 11, 14 and 17 to 47 zero"),
                );
            }
        }
    }
}
