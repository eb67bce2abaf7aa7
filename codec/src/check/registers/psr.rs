//! Flags, psr and ip (spec 8.3 to 8.5).

use alloc::string::String;

use crate::check::context::Context;
use crate::check::findings::Findings;
use crate::check::text::bits;
use crate::code::{Code, Severity};
use crate::dialect::Guest;
use crate::era::PsrForm;
use crate::wire::vcpu_context::{
    PSR_RESERVED, VGCF_EXTRA_REGS, VGCF_ONLINE, VGCF_SET_AR_ITC, VGCF_SET_CR_IRR,
};

/// Bits of `flags` that have a meaning.
const KNOWN: u64 = VGCF_EXTRA_REGS | VGCF_SET_CR_IRR | VGCF_ONLINE | VGCF_SET_AR_ITC;
const SI: u64 = 1 << 23;
const DT: u64 = 1 << 17;
const DI: u64 = 1 << 22;
const RT: u64 = 1 << 27;
const PK: u64 = 1 << 15;
const CPL: u64 = 3 << 32;
const IS: u64 = 1 << 34;
const MC: u64 = 1 << 35;
const IT: u64 = 1 << 36;
const VM: u64 = 1 << 46;

/// `flags`: 0 since contexts are cleared before they are filled; before, garbage. A restore sets its own.
pub(in crate::check) fn flags(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        if let Some(flags) = vcpu.get("flags")
            && flags & !KNOWN != 0
        {
            out.add(
                vcpu.finding(Code::VcpuFlags, "flags")
                    .expected("0, or bits 1 to 4"),
            );
        }
    }
}

/// What the architecture says of psr and ip.
pub(in crate::check) fn architecture(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        let (Some(psr), Some(ip)) = (vcpu.get("regs.psr"), vcpu.get("regs.ip")) else {
            continue;
        };
        let reserved = psr & PSR_RESERVED;
        if reserved != 0 {
            let found = alloc::format!("{psr:#x}, with {}", bits(reserved));
            out.add(
                vcpu.finding(Code::VcpuPsrReserved, "regs.psr")
                    .expected("reserved bits zero")
                    .found(found),
            );
        }
        if psr >> 41 & 3 == 3 {
            out.add(
                vcpu.finding(Code::VcpuPsrRi, "regs.psr")
                    .expected("0, 1 or 2 in bits 41 and 42"),
            );
        }
        if ip % 16 != 0 {
            out.add(
                vcpu.finding(Code::VcpuIp, "regs.ip")
                    .expected("a multiple of 16"),
            );
        }
    }
}

/// What no hypervisor of the eras that remain can have set of cleared memory, and is set: worth
/// knowing, as the image was then made or changed by something else. One finding a vcpu.
pub(in crate::check) fn cleared(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        let mut set = vcpu.not_cleared();
        // Bits of flags that mean nothing have a rule of their own.
        set.retain(|path| path != "flags" || vcpu.get(path).is_some_and(|f| f & !KNOWN == 0));
        if let Some(path) = set.first() {
            let more = match set.len() {
                1 => String::new(),
                n => alloc::format!(", and {} more fields like it", n - 1),
            };
            let finding = vcpu.finding(Code::VcpuNotCleared, path);
            let found = alloc::format!("{}{more}", finding.found);
            out.add(finding.expected("0").found(found));
        }
    }
}

/// psr of a PV vcpu: as the hypervisor shows it to the guest, or the machine's.
pub(in crate::check) fn pv(context: &Context<'_>, out: &mut Findings) {
    if !context.is(Guest::Pv) {
        return;
    }
    let form = |form| context.every_era(|era| era.psr(Guest::Pv) == form);
    let (seen, machine) = (form(PsrForm::Virtual), form(PsrForm::Machine));
    let never_two = context.every_era(|era| era.spec().kernel_level == 2);
    for vcpu in context.vcpus() {
        let fault = vcpu.get("regs.psr").and_then(|psr| match (seen, machine) {
            (true, _) => seen_by_guest(psr, never_two),
            (_, true) => of_machine(psr),
            _ => None,
        });
        if let Some(expected) = fault {
            out.add(vcpu.finding(Code::VcpuPsrPv, "regs.psr").expected(expected));
        }
    }
}

/// Why a psr is not as the hypervisor shows it to a guest. Where kernels ran at level 2, the guest saw
/// 0 or 3 (until 46867b9c10).
fn seen_by_guest(psr: u64, never_two: bool) -> Option<&'static str> {
    let translation = psr & (DT | RT | IT);
    if psr & DI == 0 {
        Some("di (bit 22) set")
    } else if psr & (SI | IS | MC | VM) != 0 {
        Some("si, is, mc and vm (bits 23, 34, 35, 46) clear")
    } else if translation != 0 && translation != DT | RT | IT {
        Some("dt, rt and it (bits 17, 27, 36) alike")
    } else if psr & CPL == 1 << 32 {
        Some("cpl (bits 32 and 33) 0, 2 or 3")
    } else if never_two && psr & CPL == 2 << 32 {
        Some("cpl (bits 32 and 33) 0 or 3")
    } else {
        None
    }
}

/// Why a psr is not that of a machine with a PV guest on it.
fn of_machine(psr: u64) -> Option<&'static str> {
    if psr & CPL < 2 << 32 {
        Some("the machine's: cpl (bits 32 and 33) 2 or 3")
    } else if psr & (DT | RT | IT) != DT | RT | IT {
        Some("the machine's: dt, rt and it (bits 17, 27, 36) set")
    } else {
        None
    }
}

/// The bits of which a hypervisor that is given them crashes the domain that makes the call.
pub(in crate::check) fn hvm(context: &Context<'_>, out: &mut Findings) {
    if !context.is(Guest::Hvm) {
        return;
    }
    for vcpu in context.vcpus() {
        let psr = vcpu.get("regs.psr").unwrap_or(0);
        let translation = psr & (DT | RT | IT);
        if psr & (PK | IS | VM) != 0 {
            out.add(
                vcpu.finding(Code::VcpuPsrHvm, "regs.psr")
                    .expected("pk, is and vm (bits 15, 34, 46) clear"),
            );
        } else if translation != 0 && translation != DT | RT | IT {
            // A guest may be stopped on its way from one to the other.
            out.add(
                vcpu.finding(Code::VcpuPsrHvm, "regs.psr")
                    .expected("dt, rt and it (bits 17, 27, 36) alike")
                    .severity(Severity::Warning),
            );
        }
    }
}
