//! Magic pfns and the records of an HVM domain.

use alloc::vec;
use alloc::vec::Vec;

use super::sample::{Record, Sample};
use super::{Case, case, check, hvm, try_all};
use crate::code::Code;
use crate::dialect::{Dialect, Guest};

pub(super) const CASES: &[Case] = &[
    case(Code::MagicPfnOutsideRam, "magic_pfns.bufioreq", || {
        hvm().magic(2, u64::MAX).image()
    }),
    case(Code::MagicPfnMissing, "magic_pfns.store", || {
        hvm().magic(0, 4).image()
    }),
    case(Code::MagicPfnDuplicate, "magic_pfns.ioreq", || {
        hvm().magic(1, 0x39001).image()
    }),
    case(Code::MagicPfnUnusual, "magic_pfns.ioreq", || {
        hvm().magic(1, 5).image()
    }),
    case(Code::HvmSize, "hvm_context.size", || {
        hvm().blob_tail(&[0]).image()
    }),
    case(
        Code::HvmHeaderFirst,
        "hvm_context.records[0].typecode",
        || hvm().records(|records| records.swap(0, 1)).image(),
    ),
    case(
        Code::HvmRecordType,
        "hvm_context.records[1].typecode",
        || hvm().records(|records| records[1].typecode = 9).image(),
    ),
    case(
        Code::HvmRecordType,
        "hvm_context.records[11].typecode",
        || {
            let old = Sample::new(Dialect::D9, Guest::Hvm);
            let identity = Record {
                typecode: 8,
                instance: 0,
                length: 72,
                body: vec![0; 72],
            };
            old.records(|records| records.insert(11, identity)).image()
        },
    ),
    case(
        Code::HvmRecordLength,
        "hvm_context.records[1].length",
        || {
            hvm()
                .records(|records| records[1].length = u32::MAX)
                .image()
        },
    ),
    case(
        Code::HvmRecordTruncated,
        "hvm_context.records[3].length",
        || {
            hvm()
                .records(|records| {
                    records.truncate(4);
                    records[3].body.truncate(100);
                })
                .image()
        },
    ),
    case(
        Code::HvmRecordOrder,
        "hvm_context.records[2].typecode",
        || hvm().records(|records| records.swap(1, 2)).image(),
    ),
    case(
        Code::HvmRecordInstance,
        "hvm_context.records[1].instance",
        || hvm().records(|records| records[1].instance = 200).image(),
    ),
    case(
        Code::HvmDomainInstance,
        "hvm_context.records[9].instance",
        || hvm().records(|records| records[9].instance = 1).image(),
    ),
    case(
        Code::HvmRecordDuplicate,
        "hvm_context.records[2].typecode",
        || hvm().records(|records| records[2].instance = 0).image(),
    ),
    case(Code::HvmRecordMissing, "hvm_context", || {
        hvm().records(|records| drop(records.remove(8))).image()
    }),
    case(Code::HvmRecordMissing, "hvm_context", || {
        hvm().records(|records| drop(records.remove(10))).image()
    }),
    case(Code::HvmEndMissing, "hvm_context", || {
        hvm().records(|records| drop(records.pop())).image()
    }),
    case(Code::HvmEndMissing, "hvm_context", || {
        hvm().records(Vec::clear).image()
    }),
    case(Code::HvmEnd, "hvm_context.records[12].length", || {
        hvm().records(|records| records[12].length = 1).image()
    }),
    case(Code::HvmEndTrailing, "hvm_context", || {
        hvm().blob_tail(&[7; 8]).image()
    }),
    case(Code::HvmHeaderMagic, "hvm_context.records[0].magic", || {
        hvm().record(1, "magic", 0).image()
    }),
    case(
        Code::HvmHeaderVersion,
        "hvm_context.records[0].version",
        || hvm().record(1, "version", 2).image(),
    ),
    case(
        Code::HvmHeaderCpuid,
        "hvm_context.records[0].cpuid[3]",
        || hvm().record(1, "cpuid[3]", 3).image(),
    ),
    case(Code::HvmCpuIpsr, "hvm_context.records[1].ipsr", || {
        hvm().record(2, "ipsr", 1).image()
    }),
    case(
        Code::HvmVpdContext,
        "hvm_context.records[3].vpd.vpd_low.vpsr",
        || hvm().record(3, "vpd.vpd_low.vpsr", 0).image(),
    ),
    case(
        Code::HvmVpdContext,
        "hvm_context.records[3].vpd.vpd_low.pta",
        || hvm().record(3, "vpd.vpd_low.pta", 0).image(),
    ),
    case(
        Code::HvmVlsapic,
        "hvm_context.records[5].pal_init_pending",
        || hvm().record(4, "pal_init_pending", 2).image(),
    ),
    case(Code::HvmVtime, "hvm_context.records[7].pending", || {
        hvm().record(5, "pending", 2).image()
    }),
    case(Code::HvmVtimeItm, "hvm_context.records[7].itm", || {
        hvm().record(5, "itm", 0x1235).image()
    }),
    case(
        Code::HvmViosapicBase,
        "hvm_context.records[9].base_address",
        || hvm().record(6, "base_address", 0).image(),
    ),
    case(
        Code::HvmViosapicLowest,
        "hvm_context.records[9].lowest_vcpu_id",
        || hvm().record(6, "lowest_vcpu_id", 64).image(),
    ),
    case(Code::HvmViosapic, "hvm_context.records[9].irr", || {
        hvm().record(6, "irr", 1 << 48).image()
    }),
    case(
        Code::HvmViosapic,
        "hvm_context.records[9].redirtbl[5].bits",
        || hvm().record(6, "redirtbl[5].bits", 1 << 11).image(),
    ),
    case(
        Code::HvmIdentity,
        "hvm_context.records[11].im_reg4.key",
        || hvm().record(8, "im_reg4.key", 1).image(),
    ),
    case(
        Code::HvmIdentity,
        "hvm_context.records[11].im_reg7.on",
        || hvm().record(8, "im_reg7.on", 2).image(),
    ),
];

#[test]
fn every_fault_of_an_hvm_domain_is_found() {
    try_all(CASES);
}

#[test]
fn missing_records_are_named_in_one_finding() {
    let sample = hvm().records(|records| records.retain(|record| matches!(record.typecode, 0 | 1)));
    let report = check(&sample.image());
    let mut missing = report
        .findings
        .iter()
        .filter(|f| f.code == Code::HvmRecordMissing);
    assert_eq!(
        missing.next().unwrap().expected,
        "CPU 0, CPU 1, VPD 0, VPD 1, VLSAPIC 0, VLSAPIC 1, VTIME 0, VTIME 1 and 3 more"
    );
    assert!(missing.next().is_none());
}

#[test]
fn the_bytes_that_a_record_would_have_are_counted() {
    let sample = hvm().records(|records| {
        records.truncate(4);
        records[3].body.truncate(100);
    });
    let report = check(&sample.image());
    let cut = report
        .findings
        .iter()
        .find(|f| f.code == Code::HvmRecordTruncated);
    assert_eq!(cut.unwrap().expected, "at most the 100 bytes that are left");
}
