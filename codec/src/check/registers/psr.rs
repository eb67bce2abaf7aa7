//! Flags, psr and ip (spec 8.4, 8.5).

use crate::check::context::Context;
use crate::check::findings::Findings;
use crate::check::text::bits;
use crate::code::Code;
use crate::dialect::{Dialect, Guest};
use crate::wire::vcpu_context::{
    PSR_RESERVED, VGCF_EXTRA_REGS, VGCF_ONLINE, VGCF_SET_AR_ITC, VGCF_SET_CR_IRR,
};

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

/// `flags`: from D8 on the hypervisor cleared the context before it filled it in; before, they are
/// garbage.
pub(in crate::check) fn flags(context: &Context<'_>, out: &mut Findings) {
    if !context.since(Dialect::D8) {
        return;
    }
    let known = VGCF_EXTRA_REGS | VGCF_SET_CR_IRR | VGCF_ONLINE | VGCF_SET_AR_ITC;
    for vcpu in context.vcpus() {
        if let Some(flags) = vcpu.get("flags")
            && flags & !known != 0
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

/// psr as the hypervisor shows it to a PV guest, from D5 on (2007-06-12); before, the context had the
/// machine's.
pub(in crate::check) fn pv(context: &Context<'_>, out: &mut Findings) {
    if !context.is(Guest::Pv) || !context.since(Dialect::D5) {
        return;
    }
    for vcpu in context.vcpus() {
        let Some(psr) = vcpu.get("regs.psr") else {
            continue;
        };
        let translation = psr & (DT | RT | IT);
        let expected = if psr & DI == 0 {
            "di (bit 22) set"
        } else if psr & (SI | IS | MC | VM) != 0 {
            "si, is, mc and vm (bits 23, 34, 35, 46) clear"
        } else if translation != 0 && translation != DT | RT | IT {
            "dt, rt and it (bits 17, 27, 36) alike"
        } else if psr & CPL == 1 << 32 {
            "cpl (bits 32 and 33) 0, 2 or 3"
        } else {
            continue;
        };
        out.add(vcpu.finding(Code::VcpuPsrPv, "regs.psr").expected(expected));
    }
}

/// The bits of which the hypervisor kills an HVM domain that is given them.
pub(in crate::check) fn hvm(context: &Context<'_>, out: &mut Findings) {
    if !context.is(Guest::Hvm) {
        return;
    }
    for vcpu in context.vcpus() {
        if vcpu
            .get("regs.psr")
            .is_some_and(|psr| psr & (PK | IS | VM) != 0)
        {
            out.add(
                vcpu.finding(Code::VcpuPsrHvm, "regs.psr")
                    .expected("pk, is and vm (bits 15, 34, 46) clear"),
            );
        }
    }
}
