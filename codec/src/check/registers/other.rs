//! NaT bits and the other registers (spec 8.9, 8.11).

use alloc::format;
use core::ops::RangeInclusive;

use crate::check::context::Context;
use crate::check::findings::Findings;
use crate::check::registers::{VECTOR_BITS, pta_fault};
use crate::code::Code;
use crate::dialect::Guest;
use crate::era::NatsForm;

/// Xen's own part of the address space.
const XEN: RangeInclusive<u64> = 0xf000_0000_0000_0000..=0xf800_0000_0000_0000;

/// r0 has no NaT bit, and the inactive bank begins at r16. Where the bits do not stand by number of the
/// register, those that belong to none hold whatever was spilled there.
pub(in crate::check) fn nats(context: &Context<'_>, out: &mut Findings) {
    let guest = context.guest.unwrap_or(Guest::Pv);
    let by_number = context.every_era(|era| era.nats(guest) == NatsForm::Bitmap);
    for vcpu in context.vcpus() {
        let Some(nats) = vcpu.get("regs.nats") else {
            continue;
        };
        if by_number && nats & 1 != 0 {
            out.add(
                vcpu.finding(Code::VcpuNats, "regs.nats")
                    .expected("bit 0 clear"),
            );
        }
        let bank = vcpu.get("regs.bnats").unwrap_or(0);
        if context.is(Guest::Hvm) && bank & 0xffff != 0 {
            out.add(
                vcpu.finding(Code::VcpuNats, "regs.bnats")
                    .expected("bits 0 to 15 clear"),
            );
        }
    }
}

/// ar.fpsr, ar.ec and cr.iva, of which a guest cannot set the low bits.
pub(in crate::check) fn application(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        if vcpu.get("regs.ar.fpsr").is_some_and(|fpsr| fpsr >> 58 != 0) {
            out.add(
                vcpu.finding(Code::VcpuFpsr, "regs.ar.fpsr")
                    .expected("bits 58 to 63 zero"),
            );
        }
        if vcpu.get("regs.ar.ec").is_some_and(|ec| ec > 63) {
            out.add(vcpu.finding(Code::VcpuEc, "regs.ar.ec").expected("0 to 63"));
        }
        if vcpu.get("regs.cr.iva").is_some_and(|iva| iva & 0x7fff != 0) {
            out.add(
                vcpu.finding(Code::VcpuIva, "regs.cr.iva")
                    .expected("a multiple of 0x8000"),
            );
        }
    }
}

/// Control registers of an HVM domain, which a restore loads unseen. A PV domain has its own in the
/// privregs page.
pub(in crate::check) fn control(context: &Context<'_>, out: &mut Findings) {
    if !context.is(Guest::Hvm) {
        return;
    }
    for vcpu in context.vcpus() {
        let pta = vcpu.get("regs.cr.pta");
        if let Some(expected) = pta.and_then(pta_fault) {
            out.add(
                vcpu.finding(Code::VcpuPta, "regs.cr.pta")
                    .expected(expected),
            );
        }
        for name in ["itv", "pmv", "cmcv"] {
            let path = format!("regs.cr.{name}");
            if vcpu.get(&path).is_some_and(|v| v & !VECTOR_BITS != 0) {
                out.add(
                    vcpu.finding(Code::VcpuVector, &path)
                        .expected("a vector in bits 0 to 7, a mask in bit 16"),
                );
            }
        }
    }
}

/// Breakpoints of a PV domain. The hypervisor does not set those in its own memory, and says nothing.
pub(in crate::check) fn breakpoints(context: &Context<'_>, out: &mut Findings) {
    if !context.is(Guest::Pv) {
        return;
    }
    for vcpu in context.vcpus() {
        // Even registers hold addresses, odd ones masks.
        for path in (0..8)
            .step_by(2)
            .flat_map(|index| ["dbr", "ibr"].map(|name| format!("regs.{name}[{index}]")))
        {
            if vcpu
                .get(&path)
                .is_some_and(|address| XEN.contains(&address))
            {
                out.add(
                    vcpu.finding(Code::VcpuBreakpoint, &path)
                        .expected("an address of the guest"),
                );
            }
        }
    }
}

/// `event_callback_ip` of a PV vcpu. A kernel that takes no events may leave it 0, as the guests of
/// genuine images did.
pub(in crate::check) fn event_callback(context: &Context<'_>, out: &mut Findings) {
    if !context.is(Guest::Pv) {
        return;
    }
    let path = "event_callback_ip";
    for vcpu in context.vcpus() {
        match vcpu.get(path) {
            Some(0) => out.add(vcpu.finding(Code::EventCallbackNone, path)),
            Some(ip) if ip % 16 != 0 => out.add(
                vcpu.finding(Code::EventCallbackUnaligned, path)
                    .expected("a multiple of 16"),
            ),
            _ => {}
        }
    }
}
