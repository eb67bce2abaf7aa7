//! Signs in the domain setup record, and the size of the HVM context.

use alloc::format;

use super::Judge;
use crate::detect::Head;
use crate::era::HVM_VCPU_BYTES;
use crate::era::{Era, VhptByte};

pub(super) fn signs(judge: &mut Judge<'_>, head: &Head) {
    // A guest may move shared_info: any other address says nothing.
    if Era::ALL.iter().any(|era| era.spec().xsi_va == head.xsi_va) {
        judge.odd(
            "xsi_va",
            2,
            |era| era.xsi_va != head.xsi_va,
            || format!("arch_setup.xsi_va is {:#x}", head.xsi_va),
        );
    }
    // Zero and -1 are sizes too, but an unused byte of the stack is as likely to hold them.
    let byte = head.vhpt_byte;
    let text = || format!("byte 36 of arch_setup is {byte:#04x}");
    match byte {
        0 | 0xff => {}
        15..=25 => judge.odd("vhpt", 1, |era| era.vhpt == VhptByte::Padding, text),
        _ => judge.odd("vhpt", 1, |era| era.vhpt == VhptByte::Size, text),
    }
}

pub(super) fn hvm_size(judge: &mut Judge<'_>, size: u64) {
    let vcpus = judge.tail.vcpus.len() as u64;
    let fixed = size.checked_sub(vcpus * HVM_VCPU_BYTES);
    let known = |fixed: u64| {
        Era::ALL
            .iter()
            .any(|era| era.spec().hvm_fixed_bytes.contains(&fixed))
    };
    if let Some(fixed) = fixed.filter(|fixed| known(*fixed)) {
        judge.never(
            "hvm_context",
            2,
            |era| !era.hvm_fixed_bytes.contains(&fixed),
            || format!("hvm_context.size is {size}, for {vcpus} vcpus"),
        );
    }
}
