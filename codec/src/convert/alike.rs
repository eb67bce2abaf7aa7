//! Whether two eras mean the same by the same bytes.

use crate::dialect::{Guest, MappedRegsLayout};
use crate::era::{DcrSet, Era, HvmRegionSet};

/// Whether an image of the one is an image of the other: every part has its place and its meaning.
/// What a hypervisor refuses does not count. A conversion between such eras changes nothing.
pub fn mean_the_same(one: Era, other: Era, guest: Guest) -> bool {
    one == other || (shape(one) == shape(other) && meaning(one, guest) == meaning(other, guest))
}

/// What the dialects put where.
fn shape(era: Era) -> impl PartialEq {
    let spec = era.dialect().spec();
    (
        (spec.version, spec.arch_setup, spec.p2m_size, spec.context),
        (spec.pv_vcpumap, spec.vcpumap, spec.checkpoints),
        (era.spec().magic_pfns, era.spec().hvm_fixed_bytes.first()),
    )
}

/// What the hypervisors put into it.
fn meaning(era: Era, guest: Guest) -> impl PartialEq {
    let spec = era.spec();
    // M4 differs from M3 in scratch alone.
    let page = match spec.privregs {
        MappedRegsLayout::M4 => MappedRegsLayout::M3,
        other => other,
    };
    let pv = (guest == Guest::Pv).then_some((
        (spec.psr, spec.dfh_in_psr, spec.kernel_level, spec.control),
        (page, spec.machine_frame, spec.itc, spec.nats_set),
        spec.dcr_set == DcrSet::Own,
    ));
    let hvm = (guest == Guest::Hvm).then_some((
        spec.hvm_privregs_pfn,
        spec.hvm_regions_set == HvmRegionSet::Refused,
    ));
    (
        (spec.unset, spec.stack, spec.rbs, spec.rbs_voff),
        (spec.stack_set, era.nats(guest), spec.whole, spec.regions),
        (spec.breakpoints, spec.region_defaults),
        pv,
        hvm,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eras_that_differ_in_a_field_are_not_alike() {
        let alike =
            |a: &str, b: &str, guest| mean_the_same(a.parse().unwrap(), b.parse().unwrap(), guest);
        for (a, b, pv, hvm) in [
            ("D8a", "D8b", true, Some(false)),
            ("D10c", "D10d", true, Some(false)),
            ("D10d", "D10e", true, Some(true)),
            ("D7d", "D8a", false, None),
            ("D7c", "D7d", false, None),
            ("D1b.a", "D1b.b", true, None),
            ("D1b.b", "D1b.c", false, None),
            ("D6c", "D6d", true, None),
            ("D2", "D3", false, None),
            ("D11a", "D11b", false, Some(true)),
            ("D11b", "D12", false, Some(false)),
        ] {
            assert_eq!(alike(a, b, Guest::Pv), pv, "{a} {b}");
            if let Some(hvm) = hvm {
                assert_eq!(alike(a, b, Guest::Hvm), hvm, "{a} {b}");
            }
        }
    }
}
