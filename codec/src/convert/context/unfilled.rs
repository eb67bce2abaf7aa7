//! What a saver left to the heap (spec 8.3, 8.8).
//!
//! Before D8 the hypervisor did not clear a context before it filled it in, so some fields hold whatever
//! lay in memory; no restore of those days looked at them. One from D8 on loads them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Names, Side};
use crate::dialect::Dialect;
use crate::wire::Style;

/// Floating-point registers that were always filled: the scratch registers of a trap frame.
const SCRATCH: Range<usize> = 6..12;

/// Makes them 0, which a restore skips or takes for what it is; names what is not.
pub(super) fn clear(source: &Side<'_>, target: &mut Side<'_>, names: &mut Names<'_>) {
    if source.dialect >= Dialect::D8 || target.dialect < Dialect::D8 {
        return;
    }
    let mut unfilled: Vec<(String, Vec<String>)> = Vec::new();
    let mut registers = |name: &str, range: Range<usize>| {
        let each = range.map(|index| format!("regs.{name}[{index}]"));
        unfilled.extend(each.map(|name| (name.clone(), alloc::vec![name])));
    };
    match source.dialect {
        Dialect::D7 => registers("rr", 7..8),
        dialect if dialect >= Dialect::D2 => {
            registers("rr", 0..8);
            registers("dbr", 0..8);
            registers("ibr", 0..8);
        }
        _ => {}
    }
    if source.dialect >= Dialect::D2 {
        for name in ["regs.ar.lc", "regs.ar.ec"] {
            unfilled.push((name.into(), alloc::vec![name.into()]));
        }
        let others = (2..128).filter(|number| !SCRATCH.contains(number));
        let halves = others.flat_map(|number| [0, 1].map(|half| (number, half)));
        let halves = halves.map(|(number, half)| format!("regs.f[{number}].u.bits[{half}]"));
        unfilled.push(("regs.f".into(), halves.collect()));
    }
    for (name, fields) in &unfilled {
        if fields.iter().any(|field| source.get(field) != 0) {
            tell(source, target, names, name);
        }
        for field in fields {
            target.set(field, 0);
        }
    }
    // A restore makes its own, and nobody gave padding a meaning.
    target.set("flags", 0);
    padding(target);
    if behind_the_stack(target) {
        tell(source, target, names, "regs.rbs");
    }
}

fn tell(source: &Side<'_>, target: &Side<'_>, names: &mut Names<'_>, name: &str) {
    let (from, to) = (source.dialect, target.dialect);
    let what = format!("{from} did not fill all of it, and {to} would load it");
    names.name(source, name, what);
}

fn padding(side: &mut Side<'_>) {
    let mut pads = Vec::new();
    side.layout.walk(&side.bytes, &mut |entry| {
        if entry.style == Style::Pad {
            pads.push(entry.offset..entry.offset + entry.size);
        }
    });
    for pad in pads {
        if side.bytes[pad.clone()].iter().any(|byte| *byte != 0) {
            side.bytes.to_mut()[pad].fill(0);
        }
    }
}

/// The words of `rbs` above the registers that are dirty; whether there was something.
fn behind_the_stack(side: &mut Side<'_>) -> bool {
    let Some(rbs) = side.layout.find("regs.rbs") else {
        return false;
    };
    let used = super::stack::dirty_words(side).unwrap_or(0) as usize * 8;
    let behind = rbs.offset + used.min(rbs.size())..rbs.offset + rbs.size();
    let stale = side.bytes[behind.clone()].iter().any(|byte| *byte != 0);
    if stale {
        side.bytes.to_mut()[behind].fill(0);
    }
    stale
}
