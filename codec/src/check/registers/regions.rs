//! Region and translation registers (spec 8.8).

use alloc::format;

use crate::check::context::{Context, VcpuView};
use crate::check::findings::Findings;
use crate::check::registers::{is_page_size, page_size, rr_fault};
use crate::check::text::hex;
use crate::code::{Code, Severity};
use crate::dialect::{ContextLayout, Dialect, Guest};

/// Region ids that a domain gets unless its host is told otherwise: 18 bits of them.
const RIDS: u64 = 1 << 18;

/// Region registers, from D8 on: D2 to D6 left them unset, D7 the last of them. A restore skips
/// those that are 0, refuses bad ones of a PV guest, and looks at nothing but the id of an HVM guest.
pub(in crate::check) fn region(context: &Context<'_>, out: &mut Findings) {
    if !context.since(Dialect::D8) {
        return;
    }
    for vcpu in context.vcpus() {
        for index in 0..8 {
            let path = format!("regs.rr[{index}]");
            let Some(rr) = vcpu.get(&path).filter(|rr| *rr != 0) else {
                continue;
            };
            if let Some(expected) = rr_fault(rr) {
                let finding = vcpu.finding(Code::VcpuRr, &path).expected(expected);
                out.add(if context.is(Guest::Hvm) {
                    finding.severity(Severity::Warning)
                } else {
                    finding
                });
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
        let count = if vcpu.layout() >= ContextLayout::E {
            12
        } else {
            8
        };
        for kind in ["itrs", "dtrs"] {
            for index in 0..count {
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
