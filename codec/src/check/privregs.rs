//! The privregs pages of PV vcpus, and where the context says they are (spec 8.10).

use alloc::format;

use super::context::Context;
use super::findings::Findings;
use super::registers::{VECTOR_BITS, pta_fault, rr_fault};
use super::text::hex;
use crate::code::Code;
use crate::dialect::{Dialect, Guest};
use crate::wire::privregs::{PRIVREGS_GPFN, PRIVREGS_HVM};

/// Bytes of a vcpu's part of shared_info, and where its event mask is in there.
const VCPU_INFO: u64 = 48;
const UPCALL_MASK: u64 = 1;

/// `privregs_pfn`. Up to D1 it was a machine frame, which could be any; in D8 an HVM domain had none
/// yet (34070c37f5, a day after D8 began).
pub(super) fn pfn(context: &Context<'_>, out: &mut Findings) {
    if !context.always(|spec| !spec.privregs_is_machine_frame) {
        return;
    }
    let path = "privregs_pfn";
    for vcpu in context.vcpus() {
        let Some(pfn) = vcpu.get(path) else { continue };
        let expected = if context.is(Guest::Pv) {
            PRIVREGS_GPFN + u64::from(vcpu.vcpu.id)
        } else {
            PRIVREGS_HVM
        };
        let early = context.is(Guest::Hvm) && pfn == u64::MAX && !context.since(Dialect::D9);
        if pfn != expected && !early {
            out.add(
                vcpu.finding(Code::PrivregsPfn, path)
                    .expected(hex(expected)),
            );
        }
    }
}

/// `interrupt_mask_addr`: where the guest finds the mask of its own vcpu in shared_info.
pub(super) fn mask_addr(context: &Context<'_>, out: &mut Findings) {
    let Some(head) = &context.image.head else {
        return;
    };
    for vcpu in context.vcpus() {
        let Some(privregs) = vcpu.privregs else {
            continue;
        };
        let own = VCPU_INFO * u64::from(vcpu.vcpu.id) + UPCALL_MASK;
        let expected = head.xsi_va.wrapping_add(own);
        let path = "interrupt_mask_addr";
        if privregs.get(path).is_some_and(|addr| addr != expected) {
            out.add(
                privregs
                    .finding(Code::PrivregsMaskAddr, path)
                    .expected(hex(expected)),
            );
        }
    }
}

/// Flags that are 0 or 1, whatever the size of their fields.
pub(super) fn flags(context: &Context<'_>, out: &mut Findings) {
    for privregs in context.vcpus().filter_map(|vcpu| vcpu.privregs) {
        for path in [
            "interrupt_collection_enabled",
            "pending_interruption",
            "metaphysical_mode",
            "banknum",
        ] {
            if privregs.get(path).is_some_and(|flag| flag > 1) {
                out.add(
                    privregs
                        .finding(Code::PrivregsFlag, path)
                        .expected("0 or 1"),
                );
            }
        }
    }
}

/// The virtual registers of the page, which a restore copies as they are. Those that the guest never
/// set are 0; 3.1 had all ones in region register 0.
pub(super) fn registers(context: &Context<'_>, out: &mut Findings) {
    for privregs in context.vcpus().filter_map(|vcpu| vcpu.privregs) {
        for index in 0..8 {
            let path = format!("rrs[{index}]");
            let rr = privregs
                .get(&path)
                .filter(|rr| !matches!(*rr, 0 | u64::MAX));
            if let Some(expected) = rr.and_then(rr_fault) {
                out.add(privregs.finding(Code::PrivregsRr, &path).expected(expected));
            }
        }
        let pta = privregs.get("pta").filter(|pta| *pta != 0);
        if let Some(expected) = pta.and_then(pta_fault) {
            out.add(
                privregs
                    .finding(Code::PrivregsPta, "pta")
                    .expected(expected),
            );
        }
        for path in ["itv", "pmv", "cmcv"] {
            if privregs.get(path).is_some_and(|v| v & !VECTOR_BITS != 0) {
                out.add(
                    privregs
                        .finding(Code::PrivregsVector, path)
                        .expected("a vector in bits 0 to 7, a mask in bit 16"),
                );
            }
        }
    }
}
