//! Frame markers: cfm and ar.pfs (spec 8.6).

use crate::check::context::Context;
use crate::check::findings::Findings;
use crate::code::Code;

/// The valid bit, set where an interruption stopped the vcpu and clear where a hypercall did.
const VALID: u64 = 1 << 63;
/// A frame marker.
const MARKER: u64 = (1 << 38) - 1;
/// The parts of ar.pfs: previous frame marker, epilogue count, privilege level.
const PFS: u64 = MARKER | 0x3f << 52 | 3 << 62;

/// Both describe a frame that a processor could have. Bit 63 of cfm is not asked for: a vcpu that
/// suspended itself has it clear in every genuine image.
pub(in crate::check) fn markers(context: &Context<'_>, out: &mut Findings) {
    for vcpu in context.vcpus() {
        if let Some(cfm) = vcpu.get("regs.cfm") {
            let fault = if cfm & !(MARKER | VALID) == 0 {
                fault(cfm & MARKER)
            } else {
                Some("bits 38 to 62 zero")
            };
            if let Some(expected) = fault {
                out.add(vcpu.finding(Code::VcpuCfm, "regs.cfm").expected(expected));
            }
        }
        if let Some(pfs) = vcpu.get("regs.ar.pfs") {
            let fault = if pfs & !PFS == 0 {
                fault(pfs & MARKER)
            } else {
                Some("bits 38 to 51 and 58 to 61 zero")
            };
            if let Some(expected) = fault {
                out.add(
                    vcpu.finding(Code::VcpuPfs, "regs.ar.pfs")
                        .expected(expected),
                );
            }
        }
    }
}

/// Why a frame marker describes no frame.
fn fault(marker: u64) -> Option<&'static str> {
    let frame = marker & 0x7f;
    let locals = marker >> 7 & 0x7f;
    let rotating = (marker >> 14 & 0xf) * 8;
    let rename_general = marker >> 18 & 0x7f;
    let rename_floating = marker >> 25 & 0x7f;
    let rename_predicate = marker >> 32 & 0x3f;
    let faults = [
        (frame > 96, "sof (bits 0 to 6) of at most 96"),
        (locals > frame, "sol (bits 7 to 13) of at most sof"),
        (rotating > frame, "8 * sor (bits 14 to 17) of at most sof"),
        (
            rename_general >= rotating.max(1),
            "rrb.gr (bits 18 to 24) below 8 * sor",
        ),
        (rename_floating >= 96, "rrb.fr (bits 25 to 31) below 96"),
        (rename_predicate >= 48, "rrb.pr (bits 32 to 37) below 48"),
    ];
    let mut broken = faults.iter().filter(|(broken, _)| *broken);
    broken.next().map(|(_, expected)| *expected)
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn markers_of_real_frames_pass() {
        for marker in [0, 0x6, 0x40c, 0x816, 0xf24, 0x60 | 0x60 << 7 | 12 << 14] {
            assert_eq!(fault(marker), None, "{marker:#x}");
        }
    }

    #[test]
    fn every_part_of_a_marker_has_its_bound() {
        let frame = 16 | 8 << 7 | 1 << 14;
        assert_eq!(fault(frame | 7 << 18 | 95 << 25 | 47 << 32), None);
        for broken in [
            97,
            16 | 17 << 7,
            16 | 3 << 14,
            frame | 8 << 18,
            16 | 1 << 18,
            frame | 96 << 25,
            frame | 48 << 32,
        ] {
            assert!(fault(broken).is_some(), "{broken:#x}");
        }
    }
}
