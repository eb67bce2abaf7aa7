//! shared_info and start_info.

use super::sample::Sample;
use super::{Case, case, check, hvm, pv, try_all};
use crate::code::Code;
use crate::dialect::{Dialect, Guest};

pub(super) const CASES: &[Case] = &[
    case(
        Code::SharedInfoFlag,
        "shared_info.vcpu_info[63].evtchn_upcall_mask",
        || {
            pv().shared_info("vcpu_info[63].evtchn_upcall_mask", 0xfe)
                .image()
        },
    ),
    case(
        Code::SharedInfoFlag,
        "shared_info.vcpu_info[2].evtchn_upcall_pending",
        || {
            pv().shared_info("vcpu_info[2].evtchn_upcall_pending", 0xff)
                .image()
        },
    ),
    // 3.0.3 did not begin with it.
    case(
        Code::SharedInfoFlag,
        "shared_info.vcpu_info[0].evtchn_upcall_mask",
        || {
            Sample::new(Dialect::D1, Guest::Pv)
                .shared_info("vcpu_info[0].evtchn_upcall_mask", 0xff)
                .image()
        },
    ),
    case(
        Code::SharedInfoVector,
        "shared_info.arch.evtchn_vector",
        || pv().shared_info("arch.evtchn_vector", 256).image(),
    ),
    case(
        Code::SharedInfoMemmap,
        "shared_info.arch.memmap_info_num_pages",
        || pv().shared_info("arch.memmap_info_num_pages", 2).image(),
    ),
    case(
        Code::SharedInfoMemmap,
        "shared_info.arch.memmap_info_pfn",
        || hvm().shared_info("arch.memmap_info_pfn", 1 << 30).image(),
    ),
    case(
        Code::MemmapInfoMissing,
        "shared_info.arch.memmap_info_pfn",
        || pv().shared_info("arch.memmap_info_pfn", 4).image(),
    ),
    case(
        Code::StartInfoPfn,
        "shared_info.arch.start_info_pfn",
        || pv().shared_info("arch.start_info_pfn", 1 << 50).image(),
    ),
    case(
        Code::StartInfoMissing,
        "shared_info.arch.start_info_pfn",
        || pv().shared_info("arch.start_info_pfn", 4).image(),
    ),
    case(
        Code::StartInfoHvm,
        "shared_info.arch.start_info_pfn",
        || hvm().shared_info("arch.start_info_pfn", 7).image(),
    ),
    case(Code::StartInfoMagic, "start_info.magic", || {
        pv().shared_info("arch.start_info_pfn", 5).image()
    }),
    case(Code::StartInfoNrPages, "start_info.nr_pages", || {
        pv().start_info("nr_pages", 11).image()
    }),
    case(Code::StartInfoRing, "start_info.store_mfn", || {
        pv().start_info("store_mfn", 4).image()
    }),
    case(Code::StartInfoRing, "start_info.console.domU.mfn", || {
        pv().start_info("console.domU.mfn", 1 << 40).image()
    }),
];

#[test]
fn every_fault_of_the_shared_pages_is_found() {
    try_all(CASES);
}

#[test]
fn a_big_endian_guest_keeps_its_numbers_to_itself() {
    let sample = pv().start_info("magic[12]", u64::from(b'b'));
    let sample = sample.start_info("magic[13]", u64::from(b'e'));
    let sample = sample
        .start_info("nr_pages", PAGES_SWAPPED)
        .start_info("store_mfn", PAGES_SWAPPED);
    assert_eq!(check(&sample.image()).findings, []);
}

const PAGES_SWAPPED: u64 = 10u64.swap_bytes();
