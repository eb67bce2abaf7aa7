//! Which fields mean the same in two eras (spec 8.3, 12.4).
//!
//! Fields of one name do, but for those of [`of_context`] and for what `registers` translates first.

use crate::dialect::{Dialect, Guest, P2mSizeMeaning};
use crate::era::Era;

/// Why a field of a context cannot be compared between two eras; `None` where it can.
pub(super) fn of_context(path: &str, guest: Guest, eras: [Era; 2]) -> Option<&'static str> {
    let [a, b] = eras.map(Era::spec);
    match (path, guest) {
        ("privregs_pfn", Guest::Pv) if a.machine_frame != b.machine_frame => {
            Some("it was a machine frame")
        }
        ("privregs_pfn", Guest::Hvm) if a.hvm_privregs_pfn != b.hvm_privregs_pfn => {
            Some("it was where the VPD stood in the guest's map, then 1")
        }
        // What is cleared is 0, which is no value.
        _ if eras[0].assigns(guest, path) != eras[1].assigns(guest, path) => {
            Some("one of the hypervisors did not give it")
        }
        _ => None,
    }
}

/// The same, for a field of the head.
pub(super) fn of_head(path: &str, a: Dialect, b: Dialect) -> Option<&'static str> {
    let limit = |dialect: Dialect| dialect.spec().p2m_size == P2mSizeMeaning::MaxMem;
    let differs = limit(a) != limit(b);
    match path {
        "p2m_size" if differs => {
            Some("it was the memory that was allowed, then the memory there is")
        }
        "arch_setup.maxmem" if differs => Some("it was not filled"),
        _ => None,
    }
}

/// Whether two values of a region register mean the same to a guest: 0, ~0 in rr0 and the default are
/// all one that nobody has set, where the eras have different defaults.
pub(super) fn is_same_region(path: &str, eras: [Era; 2], a: u64, b: u64) -> bool {
    let defaults = eras.map(|era| era.spec().region_defaults);
    let index = ["rrs[", "regs.rr["].into_iter().find_map(|head| {
        let digits = path.strip_prefix(head)?.strip_suffix(']')?;
        digits.parse::<usize>().ok()
    });
    let Some(index) = index.filter(|index| *index < 8 && defaults[0] != defaults[1]) else {
        return false;
    };
    let unset = |rr: u64| rr == 0 || defaults.iter().any(|default| default.value(index) == rr);
    unset(a) && unset(b)
}

/// Whether a field of a context is what the hypervisor's heap held.
pub(super) fn is_unset(path: &str, guest: Guest, era: Era) -> bool {
    let in_frame = path.starts_with("user_regs.") || path.starts_with("extra_regs.");
    // Of the register stack, words that are not dirty are told apart elsewhere.
    !in_frame && path != "regs.rbs" && era.leaves_to_heap(guest, path)
}

/// Whether a field of a record is the hypervisor's own address, or space that nobody filled.
pub(super) fn is_garbage(path: &str) -> bool {
    path.strip_prefix("vpd.").is_some_and(|field| {
        let own = ["vac.value", "vdc.value", "virt_env_vaddr"];
        let low = field.strip_prefix("vpd_low.");
        low.is_some_and(|low| own.contains(&low)) || field.starts_with("vmm_avail")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_set_is_the_same_in_every_era() {
        let eras = [Era::D7C, Era::D10C];
        let same = |path, a, b| is_same_region(path, eras, a, b);
        assert!(same("rrs[0]", u64::MAX, 0x39) && same("rrs[7]", 0, 0x38));
        assert!(same("regs.rr[7]", 0, 0x38) && !same("regs.rr[7]", 0, 0x39));
        assert!(!same("rrs[1]", 0x139, 0x39) && !same("krs[1]", 0, 0x39));
        assert!(!is_same_region("rrs[7]", [Era::D10C; 2], 0, 0x38));
    }

    #[test]
    fn heap_is_no_register() {
        let unset = |path| is_unset(path, Guest::Pv, Era::D7B);
        assert!(unset("flags") && unset("regs.rr[7]") && unset("regs.b[3]") && unset("regs.ar.lc"));
        assert!(!unset("regs.rr[6]") && !unset("regs.b[0]") && !unset("regs.rbs"));
        assert!(!is_unset("user_regs.r5", Guest::Pv, Era::D1));
        assert!(is_unset("flags", Guest::Pv, Era::D1));
    }
}
