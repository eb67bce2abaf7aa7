//! Region and translation registers (spec 8.8).

use alloc::format;

use crate::check::context::{Context, VcpuView};
use crate::check::findings::Findings;
use crate::check::registers::{is_page_size, page_size, rr_fault};
use crate::check::text::hex;
use crate::code::{Code, Severity};
use crate::dialect::Guest;
use crate::era::{Era, RegionSet};

/// Region ids that a domain gets unless its host is told otherwise: 18 bits of them.
const RIDS: u64 = 1 << 18;

/// Region registers. A restore stores, skips or refuses bad ones of a PV guest, each in its time, and
/// looks at nothing but the id of an HVM guest. 0 is none, and so is ~0 in rr0 where it was the default.
pub(in crate::check) fn region(context: &Context<'_>, out: &mut Findings) {
    let refused = |era: Era| era.spec().regions_set == RegionSet::Refused;
    let severity = if context.is(Guest::Pv) && context.every_era(refused) {
        Severity::Error
    } else {
        Severity::Warning
    };
    for vcpu in context.vcpus() {
        for index in 0..8 {
            let path = format!("regs.rr[{index}]");
            let Some(rr) = vcpu.get(&path).filter(|rr| *rr != 0) else {
                continue;
            };
            let mut defaults = context.eras().iter().map(|era| era.spec().region_defaults);
            if context.is(Guest::Pv) && defaults.any(|default| default.value(index) == rr) {
                continue;
            }
            if let Some(expected) = rr_fault(rr) {
                out.add(
                    vcpu.finding(Code::VcpuRr, &path)
                        .expected(expected)
                        .severity(severity),
                );
            } else if rr >> 8 >= RIDS {
                out.add(
                    vcpu.finding(Code::VcpuRrRid, &path)
                        .expected(format!("a region id below {}", hex(RIDS))),
                );
            }
        }
    }
}

/// Translation registers that hold an entry. An empty one reads back with some bits of its pte set,
/// but never the present bit.
pub(in crate::check) fn translation(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        for kind in ["itrs", "dtrs"] {
            // Eight of each, then twelve.
            for index in 0..12 {
                check(&vcpu, &format!("regs.tr.{kind}[{index}]"), out);
            }
        }
    }
}

fn check(vcpu: &VcpuView<'_>, entry: &str, out: &mut Findings) {
    let itir_path = format!("{entry}.itir");
    let (Some(pte), Some(itir)) = (vcpu.get(&format!("{entry}.pte")), vcpu.get(&itir_path)) else {
        return;
    };
    if pte & 1 == 0 {
        return;
    }
    let expected = if itir & 3 != 0 || itir >> 32 != 0 {
        "bits 0, 1 and 32 to 63 zero"
    } else if !is_page_size(page_size(itir)) {
        "a page size that the processor has in bits 2 to 7"
    } else {
        return;
    };
    out.add(vcpu.finding(Code::VcpuTr, &itir_path).expected(expected));
}
