//! The privregs pages of PV vcpus, and where the context says they are (spec 8.10).

use alloc::format;
use alloc::vec::Vec;

use super::context::Context;
use super::findings::Findings;
use super::registers::{VECTOR_BITS, pta_fault, rr_fault};
use super::text::hex;
use crate::code::{Code, Severity};
use crate::dialect::Guest;
use crate::era::{Era, HvmPrivregsPfn, RegionDefaults};
use crate::wire;
use crate::wire::privregs::{PRIVREGS_GPFN, PRIVREGS_HVM};

/// Bytes of a vcpu's part of shared_info, and where its event mask is in there.
const VCPU_INFO: u64 = 48;
const UPCALL_MASK: u64 = 1;

/// Fields that are 0 or 1, in the layouts that have them.
const FLAGS: [&str; 9] = [
    "interrupt_collection_enabled",
    "pending_interruption",
    "metaphysical_mode",
    "banknum",
    "incomplete_regframe",
    "vpsr_pp",
    "vpsr_dfh",
    "hpsr_dfh",
    "hpsr_mfh",
];

/// `privregs_pfn`: 0x4000001 + vcpu, for HVM guests 1 since 34070c37f5. Before it was a machine frame,
/// which could be any.
pub(super) fn pfn(context: &Context<'_>, out: &mut Findings) {
    let hvm = context.is(Guest::Hvm);
    let path = "privregs_pfn";
    for vcpu in context.vcpus() {
        let Some(pfn) = vcpu.get(path) else { continue };
        let gpfn = PRIVREGS_GPFN + u64::from(vcpu.vcpu.id);
        let expected = |era: &Era| match (hvm, era.spec().hvm_privregs_pfn) {
            (false, _) if era.spec().machine_frame => None,
            (false, _) | (true, HvmPrivregsPfn::Gpfn) => Some(gpfn),
            (true, HvmPrivregsPfn::One) => Some(PRIVREGS_HVM),
        };
        let Some(values) = context
            .eras()
            .iter()
            .map(expected)
            .collect::<Option<Vec<_>>>()
        else {
            continue;
        };
        if let Some(last) = values.last().filter(|_| !values.contains(&pfn)) {
            let finding = vcpu.finding(Code::PrivregsPfn, path).expected(hex(*last));
            // Simulated hypervisors gave ~0 for HVM, before a real one showed what it gave.
            let simulated = hvm
                && pfn == u64::MAX
                && context.eras().iter().any(|era| {
                    let mut all = Era::of(era.dialect());
                    all.any(|era| era.spec().hvm_privregs_pfn == HvmPrivregsPfn::Gpfn)
                });
            out.add(if simulated {
                finding.severity(Severity::Note)
            } else {
                finding
            });
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

/// Flags that are 0 or 1, whatever the size of their fields. Where eras that remain disagree on what
/// stands in a place, nothing is said of it.
pub(super) fn flags(context: &Context<'_>, out: &mut Findings) {
    let layouts = context.privregs_layouts();
    let layouts: Vec<_> = layouts
        .into_iter()
        .map(wire::layout_of_mapped_regs)
        .collect();
    for privregs in context.vcpus().filter_map(|vcpu| vcpu.privregs) {
        for path in FLAGS {
            let places = layouts
                .iter()
                .map(|layout| layout.find(path).map(|f| f.offset));
            let certain = places
                .clone()
                .all(|place| Some(place) == places.clone().next());
            if certain && privregs.get(path).is_some_and(|flag| flag > 1) {
                out.add(
                    privregs
                        .finding(Code::PrivregsFlag, path)
                        .expected("0 or 1"),
                );
            }
        }
    }
}

/// The virtual registers of the page, which a restore copies as they are. A region register that the
/// guest never set is 0, or ~0 if it is the first; from 800b18726c on a hypervisor that finds either
/// crashes the guest when it first runs (of rr0 only where the guest is not in physical mode).
pub(super) fn registers(context: &Context<'_>, out: &mut Findings) {
    let crashes = context.every_era(|era| era.spec().region_defaults == RegionDefaults::Valid);
    for privregs in context.vcpus().filter_map(|vcpu| vcpu.privregs) {
        let physical = privregs.get("metaphysical_mode") == Some(1);
        for index in 0..8 {
            let path = format!("rrs[{index}]");
            let Some(rr) = privregs.get(&path) else {
                continue;
            };
            let fault = if matches!(rr, 0 | u64::MAX) {
                let looked_at = index > 0 || !physical;
                (crashes && looked_at).then_some("a region register: the guest crashes of 0 and ~0")
            } else {
                rr_fault(rr)
            };
            if let Some(expected) = fault {
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
