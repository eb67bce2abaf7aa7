//! Vcpu contexts (spec 8.4 to 8.9, 8.11).
//!
//! Two kinds of rules: what the architecture allows at all, and what Xen is known to put there or to
//! refuse. A register is only looked at in dialects whose hypervisor filled it in; before, the place
//! holds whatever the hypervisor's heap held.

pub(super) mod frame;
pub(super) mod other;
pub(super) mod psr;
pub(super) mod regions;
pub(super) mod stack;

/// Whether 2 to the power of `log2` is a page size that every Itanium has.
pub(super) fn is_page_size(log2: u64) -> bool {
    matches!(log2, 12..=16 | 18 | 20 | 22 | 24 | 26 | 28)
}

/// The log2 of the page size in a region register or itir.
pub(super) fn page_size(register: u64) -> u64 {
    register >> 2 & 0x3f
}

/// Why a region register is none for a PV guest, by the hypervisor's own rule; `None` where it is
/// fine. Its list of page sizes is not the architecture's: 8 KiB and 32 KiB pass.
pub(super) fn rr_fault(rr: u64) -> Option<&'static str> {
    let log2 = page_size(rr);
    if rr & 2 != 0 || rr >> 32 != 0 {
        Some("bit 1 and bits 32 to 63 zero")
    } else if !(12..=28).contains(&log2) || (log2 > 15 && !log2.is_multiple_of(2)) {
        Some("a page size of 2^12 to 2^15, or of an even power up to 2^28")
    } else {
        None
    }
}

/// Why cr.pta is none.
pub(super) fn pta_fault(pta: u64) -> Option<&'static str> {
    if pta & 0x7e02 != 0 {
        Some("bit 1 and bits 9 to 14 zero")
    } else if page_size(pta) < 15 {
        Some("a table of at least 2^15 bytes")
    } else {
        None
    }
}

/// Bits of itv, pmv and cmcv that mean something: vector, an ignored bit, mask.
pub(super) const VECTOR_BITS: u64 = 0x1_10ff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_sizes_of_a_region_are_those_of_the_hypervisor() {
        let sizes = (0..64).filter(|log2| rr_fault(log2 << 2).is_none());
        let expected = [12, 13, 14, 15, 16, 18, 20, 22, 24, 26, 28];
        assert!(sizes.eq(expected));
    }
}
