//! Tests of the rules: a case for every code, in the order of the stream.

mod catalogue;
mod edges;
mod head;
mod hvm;
mod pages;
mod plausible;
mod sample;
mod shared;
mod vcpus;
mod whole;

use alloc::vec::Vec;

use super::{CheckOptions, Context, Findings, RULES, Report, run};
use crate::code::Code;
use crate::dialect::{Dialect, Guest};
use crate::image::Image;
use sample::Sample;

/// An image with one fault, and what is to be said of it.
struct Case {
    code: Code,
    path: &'static str,
    image: fn() -> Image,
}

const fn case(code: Code, path: &'static str, image: fn() -> Image) -> Case {
    Case { code, path, image }
}

/// Xen 3.3 and later, which has everything.
fn pv() -> Sample {
    Sample::new(Dialect::D11, Guest::Pv)
}

fn hvm() -> Sample {
    Sample::new(Dialect::D11, Guest::Hvm)
}

fn check(image: &Image) -> Report {
    run(image, &CheckOptions::default())
}

/// Holds each case against its expectation.
fn try_all(cases: &[Case]) {
    for case in cases {
        let image = (case.image)();
        let report = check(&image);
        let (code, path) = (case.code, case.path);
        let found = report
            .findings
            .iter()
            .find(|f| f.code == code && f.path == path);
        let Some(found) = found else {
            panic!("no {code} at {path} in {report:#?}");
        };
        let size = image.data.as_ref().map_or(0, |data| data.len() as u64);
        assert!(
            found.offset + u64::from(found.length) <= size,
            "{found} lies beyond the file"
        );
        // The decoder has its own view of a dialect that the version rules out.
        if code != Code::DialectMismatch {
            assert_eq!(found.severity, code.severity(), "{found}");
        }
    }
}

fn all_cases() -> impl Iterator<Item = &'static Case> {
    [
        head::CASES,
        pages::CASES,
        vcpus::CASES,
        shared::CASES,
        hvm::CASES,
        edges::CASES,
    ]
    .into_iter()
    .flatten()
}

#[test]
fn every_code_of_every_rule_can_be_produced() {
    let produced: Vec<Code> = all_cases().map(|case| case.code).collect();
    for code in RULES.iter().flat_map(|rule| rule.codes) {
        assert!(produced.contains(code), "no case for {code}");
    }
}

/// Two fields disagree, and it is the other one that the case has changed.
const NAMED_ELSEWHERE: [Code; 9] = [
    Code::MemmapDescEmpty,
    Code::MemmapLowest,
    Code::MemmapNoRam,
    Code::MemmapPartialPage,
    Code::MemmapHvmIo,
    Code::StartInfoMagic,
    Code::VcpuStacked,
    Code::HvmRecordOrder,
    Code::HvmRecordDuplicate,
];

#[test]
fn a_finding_lies_where_the_image_was_changed() {
    let mut compared = 0;
    for case in all_cases().filter(|case| !NAMED_ELSEWHERE.contains(&case.code)) {
        let image = (case.image)();
        let data = image.data.as_ref().unwrap();
        let (Some(head), Some(dialect)) = (&image.head, image.dialect()) else {
            continue;
        };
        let sound = Sample::new(dialect, head.guest).bytes();
        if sound.len() != data.len() {
            continue;
        }
        let report = check(&image);
        let mut findings = report.findings.iter();
        let found = findings
            .find(|f| f.code == case.code && f.path == case.path)
            .unwrap();
        let place = found.offset as usize..found.offset as usize + found.length as usize;
        assert!(
            place.clone().any(|at| sound[at] != data[at]),
            "{found}: {place:?}"
        );
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn a_rule_reports_no_code_but_those_it_declares() {
    for case in all_cases() {
        let image = (case.image)();
        let context = Context::new(&image);
        for rule in RULES {
            let mut findings = Findings::new(CheckOptions::default());
            (rule.check)(&context, &mut findings);
            for finding in findings.into_report().findings {
                assert!(rule.codes.contains(&finding.code), "{finding} by {rule:?}");
            }
        }
    }
}

#[test]
fn a_code_belongs_to_one_rule() {
    let codes: Vec<&Code> = RULES.iter().flat_map(|rule| rule.codes).collect();
    let mut once = codes.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), codes.len());
}
