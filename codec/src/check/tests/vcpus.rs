//! The vcpumap, registers and privregs pages.

use super::sample::Sample;
use super::{Case, case, check, hvm, pv, try_all};
use crate::code::{Code, Severity};
use crate::dialect::{Dialect, Guest};

const PSR: u64 = 0x1010_0842_6010;
pub(super) const STORE: u64 = 0xe000_0000_0100_0000;

pub(super) const CASES: &[Case] = &[
    case(Code::VcpumapMax, "vcpumap.max_virt_cpus", || {
        pv().vcpumap(63, &[3]).image()
    }),
    case(Code::VcpumapSlack, "vcpumap.bitmap[8]", || {
        pv().vcpumap(64, &[3, 0, 0, 0, 0, 0, 0, 0, 0xff]).image()
    }),
    case(Code::VcpumapSlack, "vcpumap.bitmap[0]", || {
        pv().vcpumap(3, &[9]).image()
    }),
    case(Code::VcpumapEmpty, "vcpumap.bitmap", || {
        pv().vcpumap(64, &[]).image()
    }),
    case(Code::VcpumapBoot, "vcpumap.bitmap", || {
        pv().vcpumap(64, &[2]).image()
    }),
    case(Code::VcpuFlags, "vcpu[0].flags", || {
        pv().register("flags", 0x20).image()
    }),
    case(Code::VcpuNotCleared, "vcpu[0].regs.b[3]", || {
        pv().register("regs.b[3]", 1).image()
    }),
    case(Code::VcpuNotCleared, "vcpu[0].regs.bank[5]", || {
        Sample::new(Dialect::D8, Guest::Pv)
            .register("regs.bank[5]", 1)
            .image()
    }),
    case(Code::VcpuNotCleared, "vcpu[0].regs.rbs_nat", || {
        Sample::new(Dialect::D9, Guest::Hvm)
            .register("regs.rbs_nat", 1)
            .image()
    }),
    case(Code::VcpuPsrReserved, "vcpu[0].regs.psr", || {
        pv().register("regs.psr", PSR | 1 << 16).image()
    }),
    case(Code::VcpuPsrReserved, "vcpu[0].user_regs.cr_ipsr", || {
        let old = Sample::new(Dialect::D1, Guest::Pv);
        old.register("regs.psr", PSR | 1 << 63).image()
    }),
    case(Code::VcpuPsrRi, "vcpu[0].regs.psr", || {
        pv().register("regs.psr", PSR | 3 << 41).image()
    }),
    case(Code::VcpuIp, "vcpu[0].regs.ip", || {
        pv().register("regs.ip", 8).image()
    }),
    case(Code::VcpuPsrPv, "vcpu[0].regs.psr", || {
        pv().register("regs.psr", PSR & !(1 << 22)).image()
    }),
    case(Code::VcpuPsrPv, "vcpu[0].regs.psr", || {
        pv().register("regs.psr", PSR | 1 << 34).image()
    }),
    case(Code::VcpuPsrPv, "vcpu[0].regs.psr", || {
        pv().register("regs.psr", PSR & !(1 << 36)).image()
    }),
    case(Code::VcpuPsrPv, "vcpu[0].regs.psr", || {
        pv().register("regs.psr", PSR | 1 << 32).image()
    }),
    // Where kernels ran at level 2, the guest saw 0 or 3.
    case(Code::VcpuPsrPv, "vcpu[0].regs.psr", || {
        let old = Sample::new(Dialect::D5, Guest::Pv);
        old.register("regs.psr", PSR | 2 << 32).image()
    }),
    // The machine's: of a guest it is at level 2 or 3, with translation.
    case(Code::VcpuPsrPv, "vcpu[0].user_regs.cr_ipsr", || {
        let old = Sample::new(Dialect::D1, Guest::Pv);
        old.register("regs.psr", PSR).image()
    }),
    case(Code::VcpuPsrPv, "vcpu[0].regs.psr", || {
        let old = Sample::new(Dialect::D3, Guest::Pv);
        old.register("regs.psr", (PSR | 2 << 32) & !(1 << 27))
            .image()
    }),
    case(Code::VcpuPsrHvm, "vcpu[0].regs.psr", || {
        hvm().register("regs.psr", 1 << 15).image()
    }),
    case(Code::VcpuCfm, "vcpu[0].regs.cfm", || {
        pv().register("regs.cfm", 1 << 40).image()
    }),
    case(Code::VcpuCfm, "vcpu[0].user_regs.cr_ifs", || {
        Sample::new(Dialect::D0, Guest::Pv)
            .register("regs.cfm", 97)
            .image()
    }),
    case(Code::VcpuPfs, "vcpu[0].regs.ar.pfs", || {
        pv().register("regs.ar.pfs", 8 | 9 << 7).image()
    }),
    case(Code::VcpuPfs, "vcpu[0].regs.ar.pfs", || {
        pv().register("regs.ar.pfs", 1 << 45).image()
    }),
    case(Code::VcpuRsc, "vcpu[0].regs.ar.rsc", || {
        pv().register("regs.ar.rsc", 7 | 1 << 5).image()
    }),
    case(Code::VcpuRscPl, "vcpu[0].regs.ar.rsc", || {
        pv().register("regs.ar.rsc", 3).image()
    }),
    case(Code::VcpuBspUnaligned, "vcpu[0].regs.ar.bsp", || {
        pv().register("regs.ar.bsp", STORE + 0x103).image()
    }),
    case(Code::VcpuBspBelow, "vcpu[0].regs.ar.bsp", || {
        pv().register("regs.ar.bsp", STORE - 8).image()
    }),
    case(Code::VcpuStacked, "vcpu[0].regs.ar.bsp", || {
        pv().register("regs.ar.bsp", STORE + 98 * 8).image()
    }),
    case(Code::VcpuStacked, "vcpu[0].regs.ar.bsp", || {
        let old = Sample::new(Dialect::D5, Guest::Pv);
        old.register("regs.ar.bsp", STORE + 99 * 8).image()
    }),
    // B2 has no rbs, but bsp is given.
    case(Code::VcpuBspBelow, "vcpu[0].regs.ar.bsp", || {
        let old = Sample::new(Dialect::D4, Guest::Pv);
        old.register("regs.ar.bsp", 0).image()
    }),
    case(Code::VcpuStacked, "vcpu[0].regs.ar.bsp", || {
        let old = Sample::new(Dialect::D4, Guest::Pv);
        old.register("regs.ar.bsp", STORE + 99 * 8).image()
    }),
    // In D8 bsp is that of the guest's stack: 98 words from slot 0 are 97 registers.
    case(Code::VcpuStacked, "vcpu[0].regs.ar.bsp", || {
        let old = Sample::new(Dialect::D8, Guest::Pv);
        old.register("regs.ar.bsp", STORE + 98 * 8).image()
    }),
    case(Code::VcpuStacked, "vcpu[0].user_regs.loadrs", || {
        let old = Sample::new(Dialect::D1, Guest::Pv);
        old.register("user_regs.loadrs", (99 * 8) << 16).image()
    }),
    case(Code::VcpuBspUnaligned, "vcpu[0].user_regs.loadrs", || {
        let old = Sample::new(Dialect::D1b, Guest::Pv);
        old.register("user_regs.loadrs", 0x2e4 << 16).image()
    }),
    case(Code::VcpuStacked, "vcpu[0].regs.ar.bsp", || {
        pv().register("regs.ar.bspstore", 0).image()
    }),
    case(Code::VcpuRbsVoff, "vcpu[0].regs.rbs_voff", || {
        pv().register("regs.rbs_voff", 64).image()
    }),
    case(Code::VcpuRbsSize, "vcpu[0].regs.rbs_voff", || {
        pv().register("regs.rbs_voff", u64::from(u32::MAX)).image()
    }),
    case(Code::VcpuRbs, "vcpu[0].regs.rbs[2047]", || {
        pv().register("regs.rbs[2047]", 1).image()
    }),
    case(Code::VcpuRbsRnat, "vcpu[0].regs.rbs_rnat", || {
        pv().register("regs.rbs_rnat", 1 << 32).image()
    }),
    case(Code::VcpuRbsRnat, "vcpu[0].regs.rbs_rnat", || {
        pv().register("regs.rbs_voff", 8)
            .register("regs.rbs_rnat", 1 << 7)
            .image()
    }),
    case(
        Code::VcpuNumPhysStacked,
        "vcpu[0].regs.num_phys_stacked",
        || pv().register("regs.num_phys_stacked", 95).image(),
    ),
    case(Code::VcpuRr, "vcpu[0].regs.rr[3]", || {
        pv().register("regs.rr[3]", 17 << 2).image()
    }),
    case(Code::VcpuRr, "vcpu[0].regs.rr[3]", || {
        pv().register("regs.rr[3]", 0x3a).image()
    }),
    case(Code::VcpuRrRid, "vcpu[0].regs.rr[1]", || {
        pv().register("regs.rr[1]", 0x39 | 1 << 26).image()
    }),
    case(Code::VcpuTr, "vcpu[0].regs.tr.itrs[1].itir", || {
        pv().register("regs.tr.itrs[1].itir", 17 << 2).image()
    }),
    case(Code::VcpuTr, "vcpu[0].extra_regs.itrs[1].itir", || {
        let old = Sample::new(Dialect::D1, Guest::Pv);
        old.register("regs.tr.itrs[1].itir", 26 << 2 | 1 << 32)
            .image()
    }),
    case(Code::VcpuNats, "vcpu[0].regs.nats", || {
        pv().register("regs.nats", 1).image()
    }),
    // The first dialect in which the bits stand by number.
    case(Code::VcpuNats, "vcpu[0].regs.nats", || {
        Sample::new(Dialect::D8, Guest::Pv)
            .register("regs.nats", 1)
            .image()
    }),
    case(Code::VcpuNats, "vcpu[0].regs.bnats", || {
        hvm().register("regs.bnats", 1).image()
    }),
    case(Code::VcpuFpsr, "vcpu[0].regs.ar.fpsr", || {
        pv().register("regs.ar.fpsr", 1 << 58).image()
    }),
    case(Code::VcpuEc, "vcpu[0].regs.ar.ec", || {
        pv().register("regs.ar.ec", 64).image()
    }),
    case(Code::VcpuIva, "vcpu[0].regs.cr.iva", || {
        pv().register("regs.cr.iva", 0x4000).image()
    }),
    case(Code::VcpuIva, "vcpu[0].extra_regs.iva", || {
        Sample::new(Dialect::D1b, Guest::Pv)
            .register("regs.cr.iva", 0x4000)
            .image()
    }),
    case(Code::VcpuPta, "vcpu[0].regs.cr.pta", || {
        hvm().register("regs.cr.pta", 14 << 2).image()
    }),
    case(Code::VcpuPta, "vcpu[0].regs.cr.pta", || {
        hvm().register("regs.cr.pta", 0x3e).image()
    }),
    case(Code::VcpuVector, "vcpu[0].regs.cr.pmv", || {
        hvm().register("regs.cr.pmv", 1 << 8).image()
    }),
    case(Code::VcpuBreakpoint, "vcpu[0].regs.ibr[2]", || {
        pv().register("regs.ibr[2]", 0xf100_0000_0000_0000).image()
    }),
    case(Code::EventCallbackNone, "vcpu[0].event_callback_ip", || {
        pv().register("event_callback_ip", 0).image()
    }),
    case(
        Code::EventCallbackUnaligned,
        "vcpu[0].extra_regs.event_callback_ip",
        || {
            Sample::new(Dialect::D1, Guest::Pv)
                .register("event_callback_ip", 8)
                .image()
        },
    ),
    case(Code::PrivregsPfn, "vcpu[0].privregs_pfn", || {
        pv().register("privregs_pfn", u64::MAX).image()
    }),
    case(Code::PrivregsPfn, "vcpu[0].privregs_pfn", || {
        hvm().register("privregs_pfn", u64::MAX).image()
    }),
    case(Code::PrivregsPfn, "vcpu[0].privregs_pfn", || {
        hvm().register("privregs_pfn", 0x400_0001).image()
    }),
    case(
        Code::PrivregsMaskAddr,
        "privregs[0].interrupt_mask_addr",
        || {
            pv().privregs("interrupt_mask_addr", 0xf500_0000_0000_0031)
                .image()
        },
    ),
    case(Code::PrivregsFlag, "privregs[0].metaphysical_mode", || {
        pv().privregs("metaphysical_mode", 2).image()
    }),
    case(Code::PrivregsRr, "privregs[0].rrs[1]", || {
        pv().privregs("rrs[1]", 29 << 2).image()
    }),
    // 0 and ~0 crash the guest since region registers are checked.
    case(Code::PrivregsRr, "privregs[0].rrs[7]", || {
        pv().privregs("rrs[7]", 0).image()
    }),
    case(Code::PrivregsRr, "privregs[0].rrs[0]", || {
        pv().privregs("rrs[0]", u64::MAX).image()
    }),
    case(Code::PrivregsFlag, "privregs[0].hpsr_dfh", || {
        pv().privregs("hpsr_dfh", 2).image()
    }),
    case(
        Code::PrivregsFlag,
        "privregs[0].incomplete_regframe",
        || {
            let old = Sample::new(Dialect::D1, Guest::Pv);
            old.privregs("incomplete_regframe", 0x10000).image()
        },
    ),
    case(Code::PrivregsPta, "privregs[0].pta", || {
        pv().privregs("pta", 1 << 9).image()
    }),
    case(Code::PrivregsVector, "privregs[0].cmcv", || {
        pv().privregs("cmcv", 1 << 13).image()
    }),
];

#[test]
fn every_fault_of_the_vcpus_is_found() {
    try_all(CASES);
}

#[test]
fn a_bad_region_register_of_an_hvm_guest_is_only_a_warning() {
    let report = check(&hvm().register("regs.rr[3]", 17 << 2).image());
    let found = report.findings.iter().find(|f| f.code == Code::VcpuRr);
    assert_eq!(found.map(|f| f.severity), Some(Severity::Warning));
}

#[test]
fn translation_half_on_is_a_warning_for_an_hvm_guest() {
    let half = hvm().register("regs.psr", 0x1010_0002_6010);
    let report = check(&half.image());
    let found = report.findings.iter().find(|f| f.code == Code::VcpuPsrHvm);
    assert_eq!(found.map(|f| f.severity), Some(Severity::Warning));
}

#[test]
fn a_frame_that_only_simulated_hypervisors_gave_is_noted() {
    let early = Sample::new(Dialect::D8, Guest::Hvm).register("privregs_pfn", u64::MAX);
    let report = check(&early.image());
    let found = report.findings.iter().find(|f| f.code == Code::PrivregsPfn);
    assert_eq!(found.map(|f| f.severity), Some(Severity::Note));
}

#[test]
fn a_full_register_stack_passes_where_it_is_one() {
    // 96 registers and the collection among them; two collections in a hypervisor's own layout.
    for (dialect, words) in [(Dialect::D11, 97), (Dialect::D5, 98)] {
        let sample = Sample::new(dialect, Guest::Pv).register("regs.ar.bsp", STORE + words * 8);
        assert_eq!(check(&sample.image()).findings, [], "{dialect}");
    }
}

#[test]
fn a_frame_marker_need_not_be_valid() {
    assert_eq!(check(&pv().register("regs.cfm", 6).image()).findings, []);
}

#[test]
fn the_second_vcpu_is_named() {
    let sample = pv().vcpumap(64, &[0, 1]).register("regs.ip", 8);
    let report = check(&sample.image());
    assert!(report.findings.iter().any(|f| f.path == "vcpu[8].regs.ip"));
}
