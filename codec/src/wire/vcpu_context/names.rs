//! Layout A, the hypervisor's trap frame, by the names that its registers have in B to F.

use alloc::format;
use alloc::string::{String, ToString};

/// Registers whose names differ by more than a number: in A, and in B to F.
const NAMES: [(&str, &str); 23] = [
    ("flags", "flags"),
    ("pad8", "pad8"),
    ("user_regs.b0", "regs.b[0]"),
    ("user_regs.b6", "regs.b[6]"),
    ("user_regs.b7", "regs.b[7]"),
    ("user_regs.ar_csd", "regs.ar.csd"),
    ("user_regs.ar_ssd", "regs.ar.ssd"),
    ("user_regs.ar_unat", "regs.ar.unat"),
    ("user_regs.ar_pfs", "regs.ar.pfs"),
    ("user_regs.ar_rsc", "regs.ar.rsc"),
    ("user_regs.ar_rnat", "regs.ar.rnat"),
    ("user_regs.ar_bspstore", "regs.ar.bspstore"),
    ("user_regs.ar_fpsr", "regs.ar.fpsr"),
    ("user_regs.ar_ccv", "regs.ar.ccv"),
    ("user_regs.cr_iip", "regs.ip"),
    ("user_regs.cr_ifs", "regs.cfm"),
    ("user_regs.cr_ipsr", "regs.psr"),
    ("user_regs.pr", "regs.pr"),
    ("user_regs.eml_unat", "regs.nats"),
    ("extra_regs.iva", "regs.cr.iva"),
    ("extra_regs.dcr", "regs.cr.dcr"),
    ("extra_regs.event_callback_ip", "event_callback_ip"),
    ("privregs_pfn", "privregs_pfn"),
];

/// What takes the place of `ar.bsp` in A.
const LOADRS: &str = "user_regs.loadrs";

/// The path in A of a field of the table of names, or of the one that stands for it.
pub fn name_in_a(name: &str) -> Option<&'static str> {
    if name == "regs.ar.bsp" {
        return Some(LOADRS);
    }
    NAMES
        .iter()
        .find(|(_, other)| *other == name)
        .map(|(a, _)| *a)
}

/// The path in B to F of a field of A; `None` where they have none that means the same.
pub fn name_elsewhere(path: &str) -> Option<String> {
    if let Some((_, name)) = NAMES.iter().find(|(a, _)| *a == path) {
        return Some((*name).to_string());
    }
    if let Some(slot) = path.strip_prefix("extra_regs.") {
        return Some(format!("regs.tr.{slot}"));
    }
    let register = path.strip_prefix("user_regs.")?;
    if let Some(number) = register.strip_prefix('r') {
        return number
            .parse::<u8>()
            .ok()
            .map(|number| format!("regs.r[{number}]"));
    }
    let number = register.strip_prefix('f')?.strip_suffix(".u.bits")?;
    number
        .parse::<u8>()
        .ok()
        .map(|number| format!("regs.f[{number}].u.bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ContextLayout;
    use crate::wire::{Style, layout_of_context};
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn every_field_of_a_has_a_place_in_b_but_loadrs() {
        let [a, b] = [ContextLayout::A, ContextLayout::B].map(layout_of_context);
        let mut placed = Vec::new();
        a.walk(&vec![0; a.size], &mut |entry| {
            let name = name_elsewhere(entry.path).and_then(|name| b.find(&name));
            match name {
                Some(found) => {
                    assert_eq!(found.size(), entry.size, "{}", entry.path);
                    placed.push(found.offset);
                }
                None => assert!(entry.path == LOADRS || entry.style == Style::Pad),
            }
        });
        let fields = placed.len();
        placed.sort_unstable();
        placed.dedup();
        assert_eq!(placed.len(), fields, "two fields of A in one place");
    }
}
