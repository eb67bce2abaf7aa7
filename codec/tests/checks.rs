//! The checker over the whole corpus: nothing to say against what savers wrote, and a verdict on each
//! bad image that is as hard as it should be.

use ia64save_codec::check::{self, CheckOptions, Report};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Guest, Severity};
use ia64save_corpus::{Params, Trailing, Verdict, generate, goldens, hostile, kinds};

fn report(bytes: &bytes::Bytes) -> Report {
    let image = Image::parse(bytes, &Options::default());
    check::run(&image, &CheckOptions::default())
}

/// What is worse than a note.
fn complaints(report: &Report) -> Vec<String> {
    let findings = report.findings.iter();
    findings
        .filter(|finding| finding.severity > Severity::Note)
        .map(ToString::to_string)
        .collect()
}

#[test]
fn goldens_are_clean() {
    for golden in goldens() {
        let found = report(&golden.bytes());
        assert_eq!(found.verdict, check::Verdict::Valid, "{}", golden.name);
    }
}

#[test]
fn generated_images_are_clean() {
    for (dialect, guest) in kinds() {
        for seed in 0..10 {
            let trailing = match guest {
                Guest::Hvm => Trailing::DeviceModel(70),
                Guest::Pv => Trailing::Nothing,
            };
            let made = generate(&Params {
                trailing,
                ..Params::rich(dialect, guest, seed)
            });
            let found = complaints(&report(&made.bytes));
            assert_eq!(found, [""; 0], "{:?}", made.params);
        }
    }
}

#[test]
fn bad_images_get_their_verdict() {
    for bad in hostile() {
        let found = report(&bad.bytes());
        let right = match bad.verdict {
            Verdict::Invalid => found.verdict == check::Verdict::Invalid,
            Verdict::NotClean => found.verdict >= check::Verdict::ValidWithWarnings,
            Verdict::Valid => found.verdict < check::Verdict::Invalid,
            Verdict::Any => true,
        };
        let what = (bad.verdict, found.verdict);
        assert!(right, "{}: {what:?} {:?}", bad.name, complaints(&found));
    }
}
