//! Every structure gives back the bytes it was read from, and getters read what they say.

use alloc::vec::Vec;

use crate::dialect::{
    ArchSetupLayout, ContextLayout, MappedRegsLayout, SharedInfoLayout, StartInfoLayout,
};
use crate::wire::hvm::{self, vpd};
use crate::wire::*;

/// Bytes without pattern, cheaper than a proptest strategy for each of 65536.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed;
    (0..size)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}

fn same_bytes<T: Wire>(seed: u64) {
    let bytes = noise(seed, T::SIZE);
    assert_eq!(T::layout().size, T::SIZE);
    assert!(
        T::parse(&bytes).unwrap().to_bytes() == bytes,
        "{}",
        T::layout().name
    );
    assert!(T::parse(&bytes[1..]).is_none(), "{}", T::layout().name);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]

    #[test]
    fn what_is_parsed_is_written_back(seed: u64) {
        use MappedRegsLayout::{M1, M2, M3, M4, M5};
        for layout in ContextLayout::ALL {
            let bytes = noise(seed, layout.size());
            let context = Context::parse(layout, &bytes).unwrap();
            proptest::prop_assert_eq!(context.layout(), layout);
            proptest::prop_assert!(context.to_bytes() == bytes);
            proptest::prop_assert!(Context::parse(layout, &bytes[1..]).is_none());
        }
        for layout in [ArchSetupLayout::Dom0Op, ArchSetupLayout::Plain, ArchSetupLayout::Vhpt] {
            let bytes = noise(seed, layout.size());
            proptest::prop_assert!(ArchSetup::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        for layout in [M1, M2, M3, M4, M5] {
            let bytes = noise(seed, 4096);
            proptest::prop_assert!(MappedRegs::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        for layout in [SharedInfoLayout::S0, SharedInfoLayout::S1, SharedInfoLayout::S2] {
            let bytes = noise(seed, layout_of_shared_info(layout).size);
            proptest::prop_assert!(SharedInfo::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        for layout in [StartInfoLayout::I0, StartInfoLayout::I1, StartInfoLayout::I2] {
            let bytes = noise(seed, layout_of_start_info(layout).size);
            proptest::prop_assert!(StartInfo::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        for layout in [M4, M5] {
            let bytes = noise(seed, hvm::Vpd::SIZE);
            proptest::prop_assert!(hvm::Vpd::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        same_bytes::<memmap::MemmapInfo>(seed);
        same_bytes::<memmap::EfiMemoryDesc>(seed);
        same_bytes::<boot_param::BootParam>(seed);
        same_bytes::<nvram::NvramSaveAddr>(seed);
        same_bytes::<hvm::HvmSaveDescriptor>(seed);
        same_bytes::<hvm::HvmSaveHeader>(seed);
        same_bytes::<hvm::HvmHwIa64Cpu>(seed);
        same_bytes::<hvm::HvmHwIa64Vlsapic>(seed);
        same_bytes::<hvm::HvmHwIa64Vtime>(seed);
        same_bytes::<hvm::HvmHwIa64Viosapic>(seed);
        same_bytes::<hvm::HvmHwIa64Vacpi>(seed);
        same_bytes::<hvm::HvmHwIa64IdentityMappings>(seed);
    }
}

/// Every getter of a context reads the field of its name.
#[test]
fn getters_read_the_fields_of_their_names() {
    for layout in ContextLayout::ALL {
        let bytes = noise(7, layout.size());
        let context = Context::parse(layout, &bytes).unwrap();
        let field = |path: &str| {
            let found = layout_of_context(layout).find(path)?;
            let mut word = [0; 8];
            word[..found.size()].copy_from_slice(&bytes[found.offset..][..found.size()]);
            Some(u64::from_le_bytes(word))
        };
        let old = layout == ContextLayout::A;
        let named = |new: &str, a: &str| field(if old { a } else { new });
        let regs = [
            (Some(context.flags()), named("flags", "flags")),
            (Some(context.ip()), named("regs.ip", "user_regs.cr_iip")),
            (Some(context.psr()), named("regs.psr", "user_regs.cr_ipsr")),
            (Some(context.cfm()), named("regs.cfm", "user_regs.cr_ifs")),
            (Some(context.pr()), named("regs.pr", "user_regs.pr")),
            (context.r(31), named("regs.r[31]", "user_regs.r31")),
            (context.b(7), named("regs.b[7]", "user_regs.b7")),
            (context.b(1), field("regs.b[1]")),
            (context.bank(16), field("regs.bank[0]")),
            (
                context.fpr(9).map(|f| f[1]),
                named("regs.f[9].u.bits[1]", "user_regs.f9.u.bits[1]"),
            ),
            (
                context.fpr(127).map(|f| f[0]),
                field("regs.f[127].u.bits[0]"),
            ),
            (
                Some(context.nats()),
                named("regs.nats", "user_regs.eml_unat"),
            ),
            (context.bnats().map(u64::from), field("regs.bnats")),
            (context.ar_kr(7), field("regs.ar.ar[7]")),
            (
                Some(context.ar_rsc()),
                named("regs.ar.ar[16]", "user_regs.ar_rsc"),
            ),
            (context.ar_bsp(), field("regs.ar.ar[17]")),
            (
                Some(context.ar_bspstore()),
                named("regs.ar.ar[18]", "user_regs.ar_bspstore"),
            ),
            (
                Some(context.ar_rnat()),
                named("regs.ar.ar[19]", "user_regs.ar_rnat"),
            ),
            (
                Some(context.ar_csd()),
                named("regs.ar.ar[25]", "user_regs.ar_csd"),
            ),
            (
                Some(context.ar_ssd()),
                named("regs.ar.ar[26]", "user_regs.ar_ssd"),
            ),
            (
                Some(context.ar_ccv()),
                named("regs.ar.ar[32]", "user_regs.ar_ccv"),
            ),
            (
                Some(context.ar_unat()),
                named("regs.ar.ar[36]", "user_regs.ar_unat"),
            ),
            (
                Some(context.ar_fpsr()),
                named("regs.ar.ar[40]", "user_regs.ar_fpsr"),
            ),
            (context.ar_itc(), field("regs.ar.ar[44]")),
            (
                Some(context.ar_pfs()),
                named("regs.ar.ar[64]", "user_regs.ar_pfs"),
            ),
            (context.ar_lc(), field("regs.ar.ar[65]")),
            (context.ar_ec(), field("regs.ar.ar[66]")),
            (
                Some(context.cr_dcr()),
                named("regs.cr.cr[0]", "extra_regs.dcr"),
            ),
            (context.cr_itm(), field("regs.cr.cr[1]")),
            (
                Some(context.cr_iva()),
                named("regs.cr.cr[2]", "extra_regs.iva"),
            ),
            (context.cr_pta(), field("regs.cr.cr[8]")),
            (context.cr_ipsr(), field("regs.cr.cr[16]")),
            (context.cr_isr(), field("regs.cr.cr[17]")),
            (context.cr_iip(), field("regs.cr.cr[19]")),
            (context.cr_ifa(), field("regs.cr.cr[20]")),
            (context.cr_itir(), field("regs.cr.cr[21]")),
            (context.cr_iipa(), field("regs.cr.cr[22]")),
            (context.cr_ifs(), field("regs.cr.cr[23]")),
            (context.cr_iim(), field("regs.cr.cr[24]")),
            (context.cr_iha(), field("regs.cr.cr[25]")),
            (context.cr_lid(), field("regs.cr.cr[64]")),
            (context.cr_ivr(), field("regs.cr.cr[65]")),
            (context.cr_tpr(), field("regs.cr.cr[66]")),
            (context.cr_eoi(), field("regs.cr.cr[67]")),
            (context.cr_irr().map(|irr| irr[3]), field("regs.cr.cr[71]")),
            (context.cr_itv(), field("regs.cr.cr[72]")),
            (context.cr_pmv(), field("regs.cr.cr[73]")),
            (context.cr_cmcv(), field("regs.cr.cr[74]")),
            (context.cr_lrr0(), field("regs.cr.cr[80]")),
            (context.cr_lrr1(), field("regs.cr.cr[81]")),
            (context.dbr().map(|dbr| dbr[7]), field("regs.dbr[7]")),
            (context.ibr().map(|ibr| ibr[7]), field("regs.ibr[7]")),
            (context.rr().map(|rr| rr[7]), field("regs.rr[7]")),
            (context.pkr().map(|pkr| pkr[15]), field("regs.pkr[15]")),
            (
                Some(context.itrs()[7].rid),
                named("regs.tr.itrs[7].rid", "extra_regs.itrs[7].rid"),
            ),
            (
                Some(context.dtrs()[7].pte),
                named("regs.tr.dtrs[7].pte", "extra_regs.dtrs[7].pte"),
            ),
            (
                context.itrs().get(11).map(|tr| tr.vadr),
                field("regs.tr.itrs[11].vadr"),
            ),
            (context.rbs().map(|rbs| rbs[2047]), field("regs.rbs[2047]")),
            (context.rbs_voff().map(u64::from), field("regs.rbs_voff")),
            (context.rbs_nat(), field("regs.rbs_nat")),
            (context.rbs_rnat(), field("regs.rbs_rnat")),
            (context.num_phys_stacked(), field("regs.num_phys_stacked")),
            (
                Some(context.event_callback_ip()),
                named("event_callback_ip", "extra_regs.event_callback_ip"),
            ),
            (
                Some(context.privregs_pfn()),
                named("privregs_pfn", "privregs_pfn"),
            ),
        ];
        for (row, (got, want)) in regs.into_iter().enumerate() {
            assert_eq!(got, want, "{layout:?}: line {row}");
        }
        assert_eq!(context.r(32), None);
        assert_eq!(context.fpr(128), None);
        assert_eq!(context.bank(15), None);
    }
}

/// What only some layouts of a structure have, the others deny.
#[test]
fn getters_deny_what_the_layout_lacks() {
    use MappedRegsLayout::{M1, M2, M3, M4, M5};
    for layout in [M1, M2, M3, M4, M5] {
        let regs = MappedRegs::parse(layout, &noise(3, 4096)).unwrap();
        let has = |path: &str| regs.fields().find(path).is_some();
        assert_eq!(regs.pkrs().is_some(), has("pkrs"));
        assert_eq!(
            regs.incomplete_regframe().is_some(),
            has("incomplete_regframe")
        );
        assert_eq!(regs.vpsr_dfh().is_some(), has("vpsr_dfh"));
        assert_eq!(regs.hpsr_dfh_mfh().is_some(), has("hpsr_mfh"));
        assert_eq!(regs.itc_offset().is_some(), has("itc_offset"));
        assert_eq!(regs.itc_last().is_some(), has("itc_last"));
        assert_eq!(
            hvm::Vpd::parse(layout, &noise(3, hvm::Vpd::SIZE)).is_some(),
            vpd::layout_of(layout).is_some()
        );
    }
    for layout in [
        SharedInfoLayout::S0,
        SharedInfoLayout::S1,
        SharedInfoLayout::S2,
    ] {
        let info = SharedInfo::parse(layout, &noise(3, 4384)).unwrap();
        let has = |path: &str| info.fields().find(path).is_some();
        assert_eq!(
            info.memmap_info_pfn().is_some(),
            has("arch.memmap_info_pfn")
        );
        assert_eq!(
            info.memmap_info_num_pages().is_some(),
            has("arch.memmap_info_num_pages")
        );
        assert!(info.vcpu_info(63).is_some() && info.vcpu_info(64).is_none());
    }
}

/// A thread with little stack must be able to read and write the largest structures.
#[test]
fn small_stacks_hold() {
    let small = std::thread::Builder::new().stack_size(128 << 10);
    let thread = small.spawn(|| {
        let bytes = noise(1, hvm::Vpd::SIZE);
        let vpd = hvm::Vpd::parse(MappedRegsLayout::M5, &bytes).unwrap();
        assert!(vpd.to_bytes() == bytes);
        for layout in ContextLayout::ALL {
            let context = Context::parse(layout, &bytes).unwrap();
            assert!(context.to_bytes() == bytes[..layout.size()]);
        }
    });
    thread.unwrap().join().unwrap();
}
