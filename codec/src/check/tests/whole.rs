//! What holds of the checker as a whole.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::sample::Sample;
use super::{check, hvm, pv};
use crate::check::{CheckOptions, Verdict, run};
use crate::code::{Code, Severity};
use crate::dialect::{Dialect, Guest};
use crate::era::Era;
use crate::image::{Image, Options};
use crate::wire::layout_of_context;

#[test]
fn every_dialect_has_images_without_a_finding() {
    for dialect in Dialect::ALL {
        for guest in [Guest::Pv, Guest::Hvm] {
            if dialect.supports(guest) {
                let report = check(&Sample::new(dialect, guest).image());
                assert_eq!(report.findings, [], "{dialect} {guest}");
                assert_eq!(report.verdict, Verdict::Valid);
            }
        }
    }
}

/// Every field that a hypervisor of the era left to its heap; by its own path, arrays in one piece.
fn left_to_heap(era: Era) -> Vec<String> {
    let layout = layout_of_context(era.dialect().spec().context);
    let mut unset = Vec::new();
    layout.walk(&alloc::vec![0; layout.size], &mut |entry| {
        let elements = (0..entry.count).map(|index| alloc::format!("{}[{index}]", entry.path));
        let paths: Vec<String> = match entry.count {
            1 => Vec::from([String::from(entry.path)]),
            _ => elements.collect(),
        };
        let given_by_frame =
            entry.path.starts_with("user_regs") || entry.path.starts_with("extra_regs");
        let unset_here = |path: &String| !given_by_frame && era.leaves_to_heap(Guest::Pv, path);
        unset.extend(paths.into_iter().filter(unset_here));
    });
    unset
}

#[test]
fn what_a_hypervisor_did_not_fill_in_may_be_anything() {
    let mut with_garbage = 0;
    for era in Era::ALL {
        let unset = left_to_heap(era);
        let paths: Vec<&str> = unset.iter().map(String::as_str).collect();
        let sample = Sample::new(era.dialect(), Guest::Pv).garbage(&paths);
        let options = Options::default().era(Some(era));
        let image = Image::parse(&sample.bytes().into(), &options);
        let findings = check(&image).findings;
        let about = |code: Code| findings.iter().any(|f| f.code == code);
        assert!(!about(Code::VcpuNotCleared), "{era}: {findings:?}");
        let registers = findings.iter().filter(|f| {
            paths
                .iter()
                .any(|path| f.path == alloc::format!("vcpu[0].{path}"))
        });
        assert_eq!(registers.count(), 0, "{era}: {findings:?}");
        with_garbage += usize::from(!unset.is_empty());
        assert_eq!(unset.is_empty(), era.spec().cleared, "{era}");
    }
    assert_eq!(with_garbage, 20);
}

#[test]
fn the_psr_of_the_machine_is_not_held_against_a_guests() {
    // Of a genuine 3.1 image.
    for dialect in [Dialect::D1b, Dialect::D4] {
        let sample = Sample::new(dialect, Guest::Pv).register("regs.psr", 0x1412_083a_6038);
        assert_eq!(check(&sample.image()).findings, [], "{dialect}");
    }
}

#[test]
fn no_more_findings_of_a_code_are_kept_than_asked_for() {
    // Every second page lies outside RAM, so that none of them are neighbours.
    let many = pv().with(|s| {
        let page = s.rounds[0].pages[0].clone();
        for pfn in 100..150 {
            s.rounds[0].pages.push((pfn, page.1.clone()));
            s.rounds[0].pages.push(page.clone());
        }
    });
    let image = many.image();
    let count = |options: CheckOptions| {
        let report = run(&image, &options);
        let kept = report
            .findings
            .iter()
            .filter(|f| f.code == Code::PageOutsideRam);
        assert_eq!(report.verdict, Verdict::Invalid);
        (
            kept.count(),
            report.suppressed.get(&Code::PageOutsideRam).copied(),
        )
    };
    assert_eq!(count(CheckOptions::default()), (16, Some(34)));
    assert_eq!(
        count(CheckOptions::default().findings_per_code(0)),
        (0, Some(50))
    );
    assert_eq!(
        count(CheckOptions::default().findings_per_code(50)),
        (50, None)
    );
}

#[test]
fn findings_come_in_the_order_of_the_stream() {
    let sample = pv()
        .setup("bp", 1)
        .register("regs.ip", 1)
        .p2m_size(11)
        .trailing(b"rest");
    let report = check(&sample.image());
    let codes: Vec<_> = report.findings.iter().map(|f| f.code.name()).collect();
    assert_eq!(
        codes,
        ["p2m-size-mismatch", "setup-bp", "vcpu-ip", "trailing-bytes"]
    );
    assert_eq!(report.verdict, Verdict::ValidWithWarnings);
}

#[test]
fn a_round_is_checked_like_the_stream_proper() {
    let sample = pv().register("regs.ip", 1).round(&[3], &[1, 4]);
    let report = check(&sample.image());
    let paths: Vec<_> = report.findings.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "vcpu[0].regs.ip",
            "checkpoint[1]",
            "checkpoint[1].vcpu[0].regs.ip"
        ]
    );
}

#[test]
fn a_note_changes_no_verdict() {
    let report = check(&pv().register("event_callback_ip", 0).image());
    assert_eq!(report.findings[0].severity, Severity::Note);
    assert_eq!(report.verdict, Verdict::Valid);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the bytes, the checker has an answer, and one that agrees with its findings.
    #[test]
    fn any_damage_is_answered(
        is_hvm: bool,
        at in 0usize..1 << 20,
        damage in proptest::collection::vec(any::<u8>(), 1..64),
        keep in 0usize..1 << 20,
    ) {
        let mut bytes = if is_hvm { hvm() } else { pv() }.bytes();
        let at = at % bytes.len();
        let end = bytes.len().min(at + damage.len());
        bytes[at..end].copy_from_slice(&damage[..end - at]);
        if keep % 4 == 0 {
            bytes.truncate(keep % bytes.len());
        }
        let report = check(&Image::parse(&Bytes::from(bytes), &Options::default()));
        let worst = report.findings.iter().map(|f| f.severity).max();
        let verdict = match worst {
            Some(Severity::Error) => Verdict::Invalid,
            Some(Severity::Warning) => Verdict::ValidWithWarnings,
            _ => Verdict::Valid,
        };
        prop_assert_eq!(report.verdict, verdict);
    }
}
