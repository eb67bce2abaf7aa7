//! The checker over the whole corpus: nothing to say against what savers wrote, and a verdict on each
//! bad image that is as hard as it should be.

use ia64save_codec::check::{self, CheckOptions, Report};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Code, Era, Guest, Severity};
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
fn goldens_are_clean_as_what_they_are() {
    for golden in goldens() {
        let options = Options::default().era(Some(golden.era()));
        let image = Image::parse(&golden.bytes(), &options);
        let found = check::run(&image, &CheckOptions::default());
        assert_eq!(complaints(&found), [""; 0], "{}", golden.name);
        // No hypervisor leaves anything in memory that it clears.
        let real = golden.name.starts_with("real");
        let set = |f: &ia64save_codec::Error| f.code == Code::VcpuNotCleared;
        assert!(!real || !found.findings.iter().any(set), "{}", golden.name);
    }
}

/// Registers that a genuine image has right in one era and no hypervisor of another could have given.
#[test]
fn goldens_read_as_another_era_are_found_out() {
    let codes = |name: &str, era: Era| -> Vec<Code> {
        let golden = goldens().into_iter().find(|golden| golden.name == name);
        let options = Options::default().era(Some(era));
        let image = Image::parse(&golden.expect(name).bytes(), &options);
        let found = check::run(&image, &CheckOptions::default());
        found.findings.iter().map(|finding| finding.code).collect()
    };
    for (name, own, other, code) in [
        ("realD7c-pv", Era::D7C, Era::D8A, Code::VcpuNotCleared),
        ("realD4a-pv", Era::D4A, Era::D4B, Code::VcpuPsrPv),
        ("realD4b-pv-int", Era::D4B, Era::D4A, Code::VcpuPsrPv),
        ("realD9a-pv", Era::D9A, Era::D9B, Code::PrivregsRr),
        (
            "realD8a-hvm-2vcpu-rich",
            Era::D8A,
            Era::D8B,
            Code::PrivregsPfn,
        ),
        ("realD8b-hvm-2vcpu", Era::D8B, Era::D8A, Code::PrivregsPfn),
    ] {
        assert!(!codes(name, own).contains(&code), "{name} as {own}");
        assert!(codes(name, other).contains(&code), "{name} as {other}");
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
