//! The stream as a whole, the setup record, the memory map.

use alloc::format;

use bytes::Bytes;

use super::sample::Sample;
use super::{Case, case, check, hvm, pv, try_all};
use crate::code::Code;
use crate::dialect::{Dialect, Guest};
use crate::image::{Image, Options};
use crate::limits::Limits;

/// Reads without being told the dialect.
fn read(bytes: Vec<u8>) -> Image {
    Image::parse(&Bytes::from(bytes), &Options::default())
}

use alloc::vec::Vec;

pub(super) const CASES: &[Case] = &[
    case(Code::Truncated, "vcpu[1]", || {
        let mut bytes = pv().bytes();
        bytes.truncate(bytes.len() - 16384 - 16384 - 100);
        let options = Options::default().dialect(Some(Dialect::D11));
        Image::parse(&Bytes::from(bytes), &options)
    }),
    case(Code::LimitExceeded, "memmap.num_pages", || {
        let limits = Limits {
            memmap_pages: 0,
            ..Limits::default()
        };
        let options = Options::default().limits(limits);
        Image::parse(&Bytes::from(pv().bytes()), &options)
    }),
    case(Code::VersionUnknown, "version", || {
        let mut bytes = pv().bytes();
        bytes[8] = 9;
        read(bytes)
    }),
    case(Code::DialectNone, "tail", || {
        let mut bytes = pv().bytes();
        let tail = bytes.len() - 3 * 16384 - 2 * 22208;
        bytes[tail..].fill(0xa5);
        bytes.truncate(tail + 30000);
        read(bytes)
    }),
    case(Code::DialectMismatch, "version", || {
        let options = Options::default().dialect(Some(Dialect::D10));
        Image::parse(&Bytes::from(pv().bytes()), &options)
    }),
    case(Code::GuestUnsupported, "arch_setup.flags", || {
        let options = Options::default().guest(Some(Guest::Hvm));
        let bytes = Sample::new(Dialect::D3, Guest::Pv).bytes();
        Image::parse(&Bytes::from(bytes), &options)
    }),
    case(Code::DialectAmbiguous, "dialect", || {
        let mut bytes = hvm().bytes();
        bytes.truncate(60 + 16384 + 43 * 16392 + 8 + 20 + 5000);
        read(bytes)
    }),
    case(Code::P2mSizeZero, "p2m_size", || pv().p2m_size(0).image()),
    case(Code::P2mSizeHuge, "p2m_size", || {
        pv().p2m_size(u64::MAX).image()
    }),
    case(Code::P2mSizeMismatch, "p2m_size", || {
        pv().p2m_size(11).image()
    }),
    case(Code::P2mSizeHvm, "p2m_size", || {
        hvm().p2m_size(0x3ffff).image()
    }),
    case(Code::SetupFlags, "arch_setup.flags", || {
        pv().setup("flags", 0).image()
    }),
    case(Code::SetupFlags, "arch_setup.flags", || {
        pv().setup("flags", 6).image()
    }),
    case(Code::SetupBp, "arch_setup.bp", || {
        pv().setup("bp", 0x4000).image()
    }),
    case(Code::SetupMaxmem, "arch_setup.maxmem", || {
        pv().setup("maxmem", 0).image()
    }),
    case(Code::SetupMaxmem, "arch_setup.maxmem", || {
        pv().setup("maxmem", 1 << 62).image()
    }),
    case(Code::SetupMaxmem, "arch_setup.maxmem", || {
        Sample::new(Dialect::D1, Guest::Pv)
            .setup("maxmem", 0x28000)
            .image()
    }),
    case(Code::SetupXsiVa, "arch_setup.xsi_va", || {
        pv().setup("xsi_va", 0xf500_0000_0000_1000).image()
    }),
    case(Code::SetupXsiVa, "arch_setup.xsi_va", || {
        pv().setup("xsi_va", 0x2000_0000_0000_0000).image()
    }),
    case(Code::SetupHypercallImm, "arch_setup.hypercall_imm", || {
        pv().setup("hypercall_imm", 0x2000).image()
    }),
    case(Code::SetupVhptSize, "arch_setup.vhpt_size_log2", || {
        pv().setup("vhpt_size_log2", 63).image()
    }),
    case(Code::MemmapNumPages, "memmap.num_pages", || {
        pv().memmap_pages(0).image()
    }),
    case(Code::MemmapNumPages, "memmap.num_pages", || {
        pv().memmap_pages(2).image()
    }),
    case(Code::MemmapEmpty, "memmap.efi_memmap_size", || {
        pv().memmap("efi_memmap_size", 0).image()
    }),
    case(Code::MemmapOverflow, "memmap.efi_memmap_size", || {
        pv().memmap("efi_memmap_size", u64::MAX - 23).image()
    }),
    case(Code::MemmapDescSmall, "memmap.efi_memdesc_size", || {
        pv().memmap("efi_memdesc_size", 0).image()
    }),
    case(Code::MemmapDescSize, "memmap.efi_memdesc_size", || {
        pv().memmap("efi_memdesc_size", 48)
            .memmap("efi_memmap_size", 48)
            .image()
    }),
    case(Code::MemmapSize, "memmap.efi_memmap_size", || {
        pv().memmap("efi_memmap_size", 41).image()
    }),
    case(Code::MemmapVersion, "memmap.efi_memdesc_version", || {
        pv().memmap("efi_memdesc_version", 2).image()
    }),
    case(
        Code::MemmapDescWrap,
        "memmap.descriptors[0].num_pages",
        || pv().descriptor(0, "num_pages", 1 << 52).image(),
    ),
    case(
        Code::MemmapDescUnaligned,
        "memmap.descriptors[1].phys_addr",
        || pv().ram(&[(0, 40), (0x28801, 4)]).image(),
    ),
    case(
        Code::MemmapDescEmpty,
        "memmap.descriptors[1].num_pages",
        || pv().ram(&[(0, 40), (0x28000, 0), (0x28000, 0)]).image(),
    ),
    case(
        Code::MemmapLowest,
        "memmap.descriptors[1].num_pages",
        || pv().ram(&[(0x4000, 36), (0, 0)]).image(),
    ),
    case(
        Code::MemmapLowest,
        "memmap.descriptors[0].phys_addr",
        || pv().descriptor(0, "phys_addr", 0x801).image(),
    ),
    case(
        Code::MemmapOverlap,
        "memmap.descriptors[0].phys_addr",
        || pv().ram(&[(0x24000, 8), (0, 40)]).image(),
    ),
    case(Code::MemmapEnd, "memmap.descriptors[0].num_pages", || {
        pv().descriptor(0, "num_pages", 0x2004).image()
    }),
    case(Code::MemmapNoRam, "memmap.descriptors[0].type", || {
        pv().descriptor(0, "attribute", 9).image()
    }),
    case(
        Code::MemmapPartialPage,
        "memmap.descriptors[0].phys_addr",
        || pv().descriptor(0, "num_pages", 43).image(),
    ),
    case(Code::MemmapHvmIo, "memmap.descriptors[0].phys_addr", || {
        hvm().descriptor(0, "num_pages", 164).image()
    }),
    case(Code::CheckpointsUnread, "checkpoint[1]", || {
        pv().round(&[3], &[1, 4]).image()
    }),
    case(Code::TrailingBytes, "trailing", || {
        pv().trailing(&[0xfe; 256]).image()
    }),
    case(Code::TrailingBytes, "trailing", || {
        let record = [
            b"DeviceModelRecord0002",
            &[4, 0, 0, 0][..],
            b"QEVM",
            b"more",
        ];
        pv().trailing(&record.concat()).image()
    }),
    case(Code::DeviceModelTruncated, "device_model.data", || {
        let record = [b"DeviceModelRecord0002", &[9, 0, 0, 0][..], b"QEVM"];
        pv().trailing(&record.concat()).image()
    }),
    case(Code::DeviceModelMagic, "device_model.data", || {
        pv().trailing(b"QemuDeviceModelRecordabcd").image()
    }),
];

/// Both ends count in whole pages of 16 KiB, rounded down; the memory is then rounded up to 32 MiB.
#[test]
fn the_end_of_the_map_is_rounded_as_the_hypervisor_rounds() {
    let refused = |maxmem, num_pages| {
        let sample = pv().setup("maxmem", maxmem);
        let report = check(&sample.descriptor(0, "num_pages", num_pages).image());
        let mut findings = report.findings.iter();
        findings.any(|found| found.code == Code::MemmapEnd)
    };
    for (maxmem, num_pages, expected) in [
        (0x200_0000, 0x2000, false),
        (0x200_0000, 0x2003, false),
        (0x200_0000, 0x2004, true),
        (0x200_3fff, 0x2003, false),
        (0x200_3fff, 0x2004, true),
        (0x200_4000, 0x4003, false),
        (0x200_4000, 0x4004, true),
        (1 << 14, 0x2003, false),
        ((1 << 14) - 1, 4, true),
    ] {
        let what = format!("{maxmem:#x} {num_pages:#x}");
        assert_eq!(refused(maxmem, num_pages), expected, "{what}");
    }
}

#[test]
fn every_fault_of_the_head_is_found() {
    try_all(CASES);
}
