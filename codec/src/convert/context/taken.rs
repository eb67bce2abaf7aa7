//! What the target has a place for that its set-context does not load.
//!
//! Such a register is carried in the bytes and lost all the same: the guest goes on without it.

use alloc::format;

use super::{Names, Side};
use crate::wire::Style;

/// Names registers that the source's restore would give back to the vcpu and the target's would not.
pub(super) fn name(source: &Side<'_>, target: &Side<'_>, names: &mut Names<'_>) {
    source.layout.walk(&source.bytes, &mut |entry| {
        let path = entry.path;
        let lost = entry.style != Style::Pad
            && entry.bytes.iter().any(|byte| *byte != 0)
            && !is_elsewhere(path)
            && target.has(path)
            && source.era.loads(source.guest, path)
            && !target.era.loads(target.guest, path);
        if lost {
            let what = format!("a restore of {} does not load it", target.era);
            names
                .losses
                .name(format!("vcpu[{}].{path}", names.vcpu), what);
        }
    });
}

/// What has a file of its own, or stands in the privregs page, which is loaded last; and what only
/// says how to read the rest.
fn is_elsewhere(path: &str) -> bool {
    const OTHERS: [&str; 6] = [
        "regs.nats",
        "regs.rbs",
        "regs.rr",
        "regs.cr.dcr",
        "regs.rbs_voff",
        "regs.num_phys_stacked",
    ];
    OTHERS.contains(&path)
}
