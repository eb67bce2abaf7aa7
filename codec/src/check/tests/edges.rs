//! How far each rule lets go: what is just right, which no rule may speak of, and what is just wrong.

use alloc::vec::Vec;

use super::sample::Sample;
use super::vcpus::STORE;
use super::{Case, case, check, hvm, pv, try_all};
use crate::code::Code;
use crate::dialect::{Dialect, Guest};
use crate::image::{Image, Options};

/// An image of which nothing is to be said with that code.
struct Fine {
    code: Code,
    image: fn() -> Image,
}

const fn fine(code: Code, image: fn() -> Image) -> Fine {
    Fine { code, image }
}

/// A PV domain of an older hypervisor.
fn old(dialect: Dialect) -> Sample {
    Sample::new(dialect, Guest::Pv)
}

/// A register stack of so many words from the slot on.
fn stack(sample: Sample, slot: u64, words: u64) -> Sample {
    let store = STORE + 8 * slot;
    sample
        .register("regs.ar.bspstore", store)
        .register("regs.ar.bsp", store + 8 * words)
}

/// No register is dirty.
fn empty_stack() -> Sample {
    (0..32).fold(stack(pv(), 0, 0), |sample, word| {
        sample.register(&alloc::format!("regs.rbs[{word}]"), 0)
    })
}

const FINE: &[Fine] = &[
    // Another rule says that p2m_size is wrong.
    fine(Code::PageBeyondP2m, || pv().p2m_size(5).image()),
    fine(Code::StartInfoNrPages, || pv().p2m_size(0).image()),
    // What a round in the middle brought is there.
    fine(Code::StartInfoMissing, || {
        let rounds = pv().unallocated(&[1, 4, 8]);
        let rounds = rounds.round(&[3, 7], &[1, 4]).round(&[3], &[1, 4]);
        rounds
            .with(|s| {
                s.rounds[0].pages.retain(|(pfn, _)| *pfn != 8);
                // start_info moves to page 8.
                s.rounds[1].pages[1].0 = 8;
                for round in &mut s.rounds[1..] {
                    round.shared_info[4112] = 8;
                }
            })
            .image()
    }),
    fine(Code::P2mSizeHuge, || pv().p2m_size(0x400_0000).image()),
    // Nothing to compare with: no limit, or one that means something else.
    fine(Code::P2mSizeMismatch, || pv().setup("maxmem", 0).image()),
    fine(Code::P2mSizeMismatch, || {
        old(Dialect::D1b).setup("maxmem", 5 << 14).image()
    }),
    // 409 descriptors fill the page.
    fine(Code::MemmapOverflow, || {
        pv().memmap("efi_memmap_size", 16384 - 24).image()
    }),
    // Of RAM that nobody knows, no page lies outside.
    fine(Code::PageOutsideRam, || pv().ram(&[]).image()),
    fine(Code::UnallocatedOutsideRam, || pv().ram(&[]).image()),
    // All of RAM.
    fine(Code::UnallocatedCount, || {
        pv().unallocated(&[1; 10]).image()
    }),
    // Twice, but not out of order.
    fine(Code::UnallocatedOrder, || {
        pv().unallocated(&[5, 6, 6]).image()
    }),
    fine(Code::VcpuFlags, || pv().register("flags", 0x1e).image()),
    // Before D8 the flags are what lay in memory.
    fine(Code::VcpuFlags, || {
        old(Dialect::D7).register("flags", 0x20).image()
    }),
    // The NaT bits stand in the order of a frame.
    fine(Code::VcpuNats, || {
        old(Dialect::D5).register("regs.nats", 1).image()
    }),
    fine(Code::VcpuNats, || {
        let old = Sample::new(Dialect::D9, Guest::Hvm);
        old.register("regs.nats", 1).image()
    }),
    fine(Code::VcpuNats, || pv().register("regs.bnats", 1).image()),
    fine(Code::VcpuEc, || pv().register("regs.ar.ec", 63).image()),
    fine(Code::VcpuBreakpoint, || {
        hvm().register("regs.ibr[2]", 0xf100_0000_0000_0000).image()
    }),
    // A mask.
    fine(Code::VcpuBreakpoint, || {
        pv().register("regs.ibr[3]", 0xf100_0000_0000_0000).image()
    }),
    // 96 registers and two collections.
    fine(Code::VcpuStacked, || stack(pv(), 60, 98).image()),
    fine(Code::VcpuRbsVoff, || {
        pv().register("regs.rbs_voff", 63).image()
    }),
    // Where no register is dirty, the bits below the first word are those of the guest.
    fine(Code::VcpuRbsRnat, || {
        let sample = empty_stack().register("regs.rbs_voff", 8);
        sample.register("regs.rbs_rnat", 1 << 7).image()
    }),
    // The last word is the collection: the next is open, with bits of any register.
    fine(Code::VcpuRbsRnat, || {
        let sample = stack(pv(), 0, 55).register("regs.rbs_voff", 8);
        sample.register("regs.rbs_rnat", 1 << 7).image()
    }),
    // The VPD stood in the guest's map, for a day of D8.
    fine(Code::PrivregsPfn, || {
        Sample::new(Dialect::D8, Guest::Hvm)
            .register("privregs_pfn", 0x400_0001)
            .image()
    }),
    // Masks begin as 0xff.
    fine(Code::SharedInfoFlag, || {
        old(Dialect::D2)
            .shared_info("vcpu_info[0].evtchn_upcall_mask", 0xff)
            .image()
    }),
    // Physical mode: region register 0 is not looked at.
    fine(Code::PrivregsRr, || {
        pv().privregs("metaphysical_mode", 1)
            .privregs("rrs[0]", u64::MAX)
            .image()
    }),
    // What the hypervisor shows of the VPD is not all of it.
    fine(Code::HvmVpdContext, || {
        hvm()
            .record(3, "vpd.vpd_low.vpr", 0)
            .record(3, "vpd.vpd_low.irr[1]", 0x10)
            .record(3, "vpd.vpd_low.iva", 0xa000_0001_0000_8abc)
            .record(3, "vpd.vpd_low.vpsr", 0x1010_0802_6010 ^ (0x3e | 3 << 32))
            .image()
    }),
    fine(Code::SharedInfoVector, || {
        pv().shared_info("arch.evtchn_vector", 0xff).image()
    }),
    fine(Code::HvmVlsapic, || {
        hvm().record(4, "pal_init_pending", 1).image()
    }),
    fine(Code::HvmVtime, || hvm().record(5, "pending", 1).image()),
    fine(Code::HvmViosapicLowest, || {
        hvm().record(6, "lowest_vcpu_id", 63).image()
    }),
    // Who knows what would have come before the END that is not there.
    fine(Code::HvmRecordMissing, || {
        hvm().records(|records| records.truncate(3)).image()
    }),
];

pub(super) const CASES: &[Case] = &[
    // RAM, but not a whole page of it.
    case(Code::MemmapNoRam, "memmap.descriptors[0].type", || {
        pv().ram(&[(5 << 14, 3)]).image()
    }),
    case(Code::PageBeyondP2m, "pages[2].gmfn", || {
        pv().ram(&[(0, 40), (1 << 20, 40)]).page(2, 64).image()
    }),
    case(Code::PageBeyondP2m, "pages[2].gmfn", || {
        pv().ram(&[(0, 44)]).page(2, 10).image()
    }),
    case(Code::SetupFlags, "arch_setup.flags", || {
        let options = Options::default().guest(Some(Guest::Pv));
        let bytes = pv().setup("flags", 3).bytes();
        Image::parse(&bytes.into(), &options)
    }),
    case(Code::UnallocatedNeeded, "unallocated[2]", || {
        let rings = pv().start_info("store_mfn", 5);
        rings.unallocated(&[1, 4, 5]).image()
    }),
    case(Code::UnallocatedNeeded, "unallocated[2]", || {
        let rings = pv().start_info("console.domU.mfn", 5);
        rings.unallocated(&[1, 4, 5]).image()
    }),
    // A round leaves start_info as it was.
    case(
        Code::UnallocatedNeeded,
        "checkpoint[1].unallocated[2]",
        || {
            let rings = pv().start_info("store_mfn", 5);
            rings.round(&[3], &[1, 4, 5]).image()
        },
    ),
    case(Code::P2mSizeHuge, "p2m_size", || {
        pv().p2m_size(0x400_0001).image()
    }),
    // RAM is counted from where it begins.
    case(Code::UnallocatedCount, "unallocated.count", || {
        pv().ram(&[(4 << 14, 40)]).unallocated(&[5; 11]).image()
    }),
    case(Code::UnallocatedDuplicate, "unallocated[1]", || {
        pv().unallocated(&[1; 10]).image()
    }),
    case(Code::UnallocatedSent, "unallocated[0]", || {
        pv().unallocated(&[5, 4, 1]).image()
    }),
    case(Code::VcpuFlags, "vcpu[0].flags", || {
        old(Dialect::D8).register("flags", 0x20).image()
    }),
    // From layout E on the words of the stack are the guest's own: 97 registers.
    case(Code::VcpuStacked, "vcpu[0].regs.ar.bsp", || {
        stack(old(Dialect::D9), 0, 98).image()
    }),
    case(Code::VcpuRbsSize, "vcpu[0].regs.rbs_voff", || {
        pv().register("regs.rbs_voff", 2020).image()
    }),
    // 32 registers and a collection end where the buffer does.
    case(Code::VcpuRbsSize, "vcpu[0].regs.rbs_voff", || {
        pv().register("regs.rbs_voff", 2048 - 33).image()
    }),
    case(Code::VcpuRbsVoff, "vcpu[0].regs.rbs_voff", || {
        pv().register("regs.rbs_voff", 2048 - 34).image()
    }),
    // All 96 of them are counted.
    case(Code::VcpuRbsSize, "vcpu[0].regs.rbs_voff", || {
        stack(pv(), 0, 97).register("regs.rbs_voff", 1952).image()
    }),
    case(Code::VcpuRbs, "vcpu[0].regs.rbs[2047]", || {
        stack(pv(), 0, 97).register("regs.rbs[2047]", 1).image()
    }),
    case(Code::VcpuTr, "vcpu[0].regs.tr.itrs[11].itir", || {
        let sample = old(Dialect::D9).register("regs.tr.itrs[11].pte", 0x661);
        sample.register("regs.tr.itrs[11].itir", 17 << 2).image()
    }),
    case(Code::VcpuTr, "vcpu[0].regs.tr.dtrs[11].itir", || {
        let sample = pv().register("regs.tr.dtrs[11].pte", 0x661);
        sample.register("regs.tr.dtrs[11].itir", 17 << 2).image()
    }),
    case(Code::PrivregsPfn, "vcpu[0].privregs_pfn", || {
        Sample::new(Dialect::D8, Guest::Hvm)
            .register("privregs_pfn", 5)
            .image()
    }),
    case(Code::PrivregsPfn, "vcpu[0].privregs_pfn", || {
        Sample::new(Dialect::D9, Guest::Hvm)
            .register("privregs_pfn", u64::MAX)
            .image()
    }),
    case(
        Code::SharedInfoVector,
        "shared_info.arch.evtchn_vector",
        || pv().shared_info("arch.evtchn_vector", 0x100).image(),
    ),
];

#[test]
fn what_is_just_right_passes() {
    for Fine { code, image } in FINE {
        let report = check(&image());
        let found: Vec<_> = report.findings.iter().filter(|f| f.code == *code).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn what_is_just_wrong_does_not() {
    try_all(CASES);
}

#[test]
fn the_count_of_the_memory_map_is_where_it_is_said_to_be() {
    let image = pv().memmap_pages(2).image();
    let report = check(&image);
    let mut findings = report.findings.iter();
    let found = findings.find(|f| f.code == Code::MemmapNumPages).unwrap();
    assert_eq!((found.offset, found.length), (56, 4));
    assert_eq!(image.data.unwrap()[56..60], 2u32.to_le_bytes());
}
