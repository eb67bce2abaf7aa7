//! Page records and the unallocated list.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::sample::{PAGES, Sample};
use super::{Case, case, check, hvm, pv, try_all};
use crate::code::Code;
use crate::dialect::{Dialect, Guest};

pub(super) const CASES: &[Case] = &[
    case(Code::PagesNone, "pages", || {
        pv().with(|s| s.rounds[0].pages.clear()).image()
    }),
    case(Code::PageOutsideRam, "pages[2].gmfn", || {
        pv().page(2, 1 << 40).image()
    }),
    case(Code::PageMissing, "pages", || {
        pv().unallocated(&[1]).image()
    }),
    case(Code::PageMissing, "checkpoint[1].pages", || {
        pv().round(&[3], &[1]).image()
    }),
    case(Code::UnallocatedCount, "unallocated.count", || {
        pv().unallocated(&[1; 11]).image()
    }),
    case(Code::UnallocatedOutsideRam, "unallocated[1]", || {
        pv().unallocated(&[1, 10]).image()
    }),
    case(Code::UnallocatedOrder, "unallocated[1]", || {
        pv().unallocated(&[4, 1]).image()
    }),
    case(Code::UnallocatedDuplicate, "unallocated[2]", || {
        pv().unallocated(&[1, 4, 4]).image()
    }),
    case(Code::UnallocatedSent, "unallocated[2]", || {
        pv().unallocated(&[1, 4, 5]).image()
    }),
    case(Code::UnallocatedNeeded, "unallocated[2]", || {
        pv().unallocated(&[1, 4, 7]).image()
    }),
    case(
        Code::UnallocatedNeeded,
        "checkpoint[1].unallocated[2]",
        || pv().round(&[3], &[1, 4, 6]).image(),
    ),
    case(Code::UnallocatedNeeded, "unallocated[2]", || {
        hvm().unallocated(&[1, 4, 0x39001]).image()
    }),
];

#[test]
fn every_fault_of_the_pages_is_found() {
    try_all(CASES);
}

/// What the check says of a code.
fn said(sample: &Sample, code: Code) -> Vec<String> {
    let findings = check(&sample.image()).findings.into_iter();
    findings
        .filter(|f| f.code == code)
        .map(|f| f.found)
        .collect()
}

#[test]
fn neighbouring_bad_pages_are_one_finding() {
    let sample = pv().page(1, 20).page(2, 21).page(3, 12).page(6, 30);
    assert_eq!(
        said(&sample, Code::PageOutsideRam),
        vec!["3 records of pfns from 0xc to 0x15", "0x1e"]
    );
    assert_eq!(
        said(&sample, Code::PageMissing),
        vec![
            "neither for pfn 0x2 to 0x3 (2 pages)",
            "neither for pfn 0x5",
            "neither for pfn 0x8"
        ]
    );
}

#[test]
fn neighbouring_bad_entries_are_one_finding() {
    let sample = pv().unallocated(&[1, 9, 10, 11, 40, 4, 12]);
    assert_eq!(
        said(&sample, Code::UnallocatedOutsideRam),
        vec!["3 entries from 0xa to 0x28", "0xc"]
    );
}

#[test]
fn the_last_number_of_all_is_no_ram_either() {
    const MAX: u64 = u64::MAX;
    let outside = |list: &[u64]| said(&pv().unallocated(list), Code::UnallocatedOutsideRam);
    assert_eq!(outside(&[1, 4, MAX]), vec!["0xffffffffffffffff"]);
    assert_eq!(
        outside(&[1, 4, MAX - 1, MAX]),
        vec!["0xfffffffffffffffe to 0xffffffffffffffff (2 pages)"]
    );
    assert_eq!(outside(&[MAX, 1, 4]), vec!["0xffffffffffffffff"]);
    let twice = pv().unallocated(&[1, 4, MAX, MAX]);
    assert_eq!(
        said(&twice, Code::UnallocatedDuplicate),
        vec!["0xffffffffffffffff again"]
    );
}

#[test]
fn a_list_follows_descriptors_that_stand_in_descending_order() {
    let lists = |list: &[u64]| {
        let sample = pv().ram(&[(0x14000, 20), (0, 20)]).unallocated(list);
        said(&sample, Code::UnallocatedOrder)
    };
    assert_eq!(lists(&[5, 4]), Vec::<String>::new());
    assert_eq!(lists(&[5, 6, 3, 4]), Vec::<String>::new());
    // Neighbours by number, but not in the order of the map.
    assert_eq!(lists(&[4, 5]), vec!["0x5"]);
    assert_eq!(lists(&[3, 4, 5, 6]), vec!["0x5"]);
    assert_eq!(lists(&[4, 9]), vec!["0x9"]);
}

#[test]
fn a_list_longer_than_ram_is_not_looked_at() {
    let sample = pv().unallocated(&[0xdead; PAGES as usize + 1]);
    let codes: Vec<_> = check(&sample.image())
        .findings
        .iter()
        .map(|f| f.code)
        .collect();
    assert!(codes.contains(&Code::UnallocatedCount));
    assert!(!codes.contains(&Code::UnallocatedOutsideRam));
}

#[test]
fn version_1_counts_every_pfn_below_p2m_size() {
    let old = |p2m_size| Sample::new(Dialect::D1b, Guest::Pv).p2m_size(p2m_size);
    assert_eq!(said(&old(9), Code::PageOutsideRam), vec!["0x9"]);
    assert_eq!(
        said(&old(1 << 61), Code::PageMissing),
        vec!["neither for pfn 0xa to 0x1fffffffffffffff (2305843009213693942 pages)"]
    );
}

#[test]
fn a_round_has_to_bring_what_it_no_longer_lists() {
    let codes = |pages: &[u64], unallocated: &[u64]| -> Vec<_> {
        let report = check(&pv().round(pages, unallocated).image());
        report.findings.iter().map(|f| f.code).collect()
    };
    assert_eq!(codes(&[3], &[1, 4]), vec![Code::CheckpointsUnread]);
    assert_eq!(codes(&[], &[1, 4]), vec![Code::CheckpointsUnread]);
    assert!(codes(&[3], &[1]).contains(&Code::PageMissing));
}

#[test]
fn what_a_round_no_longer_lists_is_counted_once() {
    let sample = |listed: &[u64]| pv().unallocated(listed).round(&[3], &[1]);
    let missing = |listed: &[u64]| said(&sample(listed), Code::PageMissing);
    assert_eq!(missing(&[1, 4, 4]), vec!["neither for pfn 0x4"]);
    assert_eq!(
        missing(&[5, 4, 1, 8]),
        vec![
            "neither for pfn 0x4 to 0x5 (2 pages)",
            "neither for pfn 0x8"
        ]
    );
}
