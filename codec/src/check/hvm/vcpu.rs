//! The records of a vcpu: CPU, VPD, VLSAPIC, VTIME (spec 10.6, 10.7).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::walk::{RecordView, fields_of};
use super::{CPU, VLSAPIC, VPD, VTIME};
use crate::check::context::{Context, Fields, Part};
use crate::check::findings::Findings;
use crate::check::text::{bits, hex};
use crate::code::Code;
use crate::wire;
use crate::wire::vcpu_context::PSR_RESERVED;

/// CPU: the psr of the machine while the guest ran. A restore sets its vm bit by itself.
pub(in crate::check) fn cpu(context: &Context<'_>, out: &mut Findings) {
    for (_, cpu) in fields_of(context, CPU) {
        let ipsr = cpu.get("ipsr").unwrap_or(0);
        if ipsr & PSR_RESERVED != 0 {
            let found = format!("{ipsr:#x}, with {}", bits(ipsr & PSR_RESERVED));
            out.add(
                cpu.finding(Code::HvmCpuIpsr, "ipsr")
                    .expected("reserved bits zero")
                    .found(found),
            );
        }
    }
}

/// Bits of psr in a context that are not the VPD's: be, up, ac, mfl, mfh, cpl and ri are the machine's.
const OF_MACHINE: u64 = 0x3e | 3 << 32 | 3 << 41;
/// Low bits of cr.iva, which a context does not show.
const IVA_LOW: u64 = 0x7fff;

/// VPD: psr and control registers stand in the context too, read while the domain was paused. A restore
/// loads the VPD last, so its values win. Pending interrupts are in the VPD alone, and predicates are
/// in the context alone.
pub(in crate::check) fn vpd(context: &Context<'_>, out: &mut Findings) {
    for (record, vpd) in fields_of(context, VPD) {
        let Some(registers) = registers(&record) else {
            continue;
        };
        let mut pairs = Vec::from([(String::from("vpsr"), String::from("regs.psr"), !OF_MACHINE)]);
        for name in CONTROL {
            let ignored = if name == "iva" { IVA_LOW } else { 0 };
            pairs.push((name.into(), format!("regs.cr.{name}"), !ignored));
        }
        let differs = pairs.into_iter().find_map(|(own, theirs, mask)| {
            let own = format!("vpd.vpd_low.{own}");
            let there = registers.get(&theirs)?;
            (vpd.get(&own)? & mask != there & mask).then_some((own, theirs, there & mask))
        });
        if let Some((own, theirs, there)) = differs {
            out.add(vpd.finding(Code::HvmVpdContext, &own).expected(format!(
                "{}, as in vcpu[{}].{theirs}",
                hex(there),
                record.instance
            )));
        }
    }
}

/// Control registers that a context has from the VPD.
const CONTROL: [&str; 22] = [
    "dcr", "itm", "iva", "pta", "ipsr", "isr", "iip", "ifa", "itir", "iipa", "ifs", "iim", "iha",
    "lid", "ivr", "tpr", "eoi", "itv", "pmv", "cmcv", "lrr0", "lrr1",
];

/// The context of the vcpu that a record is of.
fn registers<'a>(record: &RecordView<'a>) -> Option<Fields<'a>> {
    let vcpus = &record.round.checkpoint.vcpus;
    let id = u32::from(record.instance);
    let at = vcpus.binary_search_by_key(&id, |vcpu| vcpu.id).ok()?;
    let vcpu = &vcpus[at];
    let layout = wire::layout_of_context(vcpu.layout);
    let part = Part::Vcpu(id);
    Some(record.round.fields(part, layout, &vcpu.context))
}

/// VLSAPIC: a restore checks nothing of it.
pub(in crate::check) fn vlsapic(context: &Context<'_>, out: &mut Findings) {
    let path = "pal_init_pending";
    for (_, vlsapic) in fields_of(context, VLSAPIC) {
        if vlsapic.get(path).is_some_and(|flag| flag > 1) {
            out.add(vlsapic.finding(Code::HvmVlsapic, path).expected("0 or 1"));
        }
    }
}

/// VTIME: its match register is the guest's cr.itm, which the context has too.
pub(in crate::check) fn vtime(context: &Context<'_>, out: &mut Findings) {
    for (record, vtime) in fields_of(context, VTIME) {
        if vtime.get("pending").is_some_and(|flag| flag > 1) {
            out.add(vtime.finding(Code::HvmVtime, "pending").expected("0 or 1"));
        }
        let itm = registers(&record).and_then(|registers| registers.get("regs.cr.itm"));
        if let Some(itm) = itm.filter(|itm| vtime.get("itm") != Some(*itm)) {
            let expected = format!("{}, as in vcpu[{}].regs.cr.itm", hex(itm), record.instance);
            out.add(vtime.finding(Code::HvmVtimeItm, "itm").expected(expected));
        }
    }
}
