//! What each field becomes. Numbers of real guests are those that the hypervisors of the day gave.

use ia64save_codec::Era::{
    self, D1, D1bA, D1bD, D1bF, D2, D4A, D4B, D5, D6A, D6B, D6C, D6D, D7A, D7C, D7D, D8A, D8B, D9A,
    D9B, D10B, D10C, D10D, D11A, D11B, D12,
};
use ia64save_codec::Guest;
use ia64save_codec::image::Image;

use super::{
    Made, context, converted, eras, golden, nats, page, privreg, reg, set_privreg, set_reg, stacked,
};

/// NaT in r5 and r27, as every real guest of these images has it.
const NATS: u32 = 0x0800_0020;
const NONE: u64 = u64::MAX;

fn rr(image: &Image) -> [u64; 8] {
    core::array::from_fn(|index| reg(image, &format!("regs.rr[{index}]")))
}

fn rrs(image: &Image) -> [u64; 8] {
    core::array::from_fn(|index| privreg(image, &format!("rrs[{index}]")))
}

// 1: a page whose region registers were never set crashes the guest from D9b on.
#[test]
fn region_registers_of_a_page_that_were_never_set_get_the_later_default() {
    for name in ["realD1-pv", "realD5-pv", "realD7c-pv", "realD8a-pv"] {
        let source = golden(name);
        let before = rrs(&source);
        for to in eras(Guest::Pv) {
            let made = converted(&source, to);
            for (index, (old, new)) in before.into_iter().zip(rrs(&made.image)).enumerate() {
                let none = old == 0 || old == NONE;
                let usual = if index < 6 { 0x39 } else { 0x38 };
                let expected = if none && to >= D9B { usual } else { old };
                assert_eq!(new, expected, "{name} as {to}: rrs[{index}]");
            }
            assert!(made.losses.iter().all(|loss| !loss.path.contains("rrs")));
        }
    }
    // And back nothing has to be done.
    let source = golden("realD9b-pv");
    assert_eq!(rrs(&source)[0], 0x39);
    assert_eq!(rrs(&converted(&source, D7C).image), rrs(&source));
}

// 2: ~0 in rr0 of a context is refused from D10 on.
#[test]
fn region_registers_of_a_context_are_taken_by_every_restore() {
    let source = golden("realD7c-pv");
    assert_eq!(rr(&source)[0], NONE);
    for to in [D7D, D8B, D9A] {
        assert_eq!(rr(&converted(&source, to).image)[0], NONE, "{to} gave it");
    }
    for to in eras(Guest::Pv).filter(|to| *to >= D9B) {
        let made = converted(&source, to);
        assert_eq!(rr(&made.image), rrs(&made.image), "{to}");
        assert_eq!(rr(&made.image)[0], 0x39, "{to}");
        assert_eq!(made.noted("vcpu[0].regs.rr[0]").len(), 1, "{to}");
    }
    // D8a's 0, too.
    let source = golden("realD8a-pv");
    assert_eq!((rr(&source)[0], rr(&source)[7]), (0, 0));
    let made = converted(&source, D10C).image;
    assert_eq!(
        (rr(&made)[0], rr(&made)[6], rr(&made)[7]),
        (0x39, 0x38, 0x38)
    );
}

#[test]
fn region_registers_come_from_the_page_where_the_context_has_none() {
    for name in [
        "realD1b.f-pv-int",
        "realD3-pv",
        "realD4b-pv-int",
        "realD6a-pv",
    ] {
        let source = golden(name);
        for to in eras(Guest::Pv).filter(|to| *to >= D7D) {
            let made = converted(&source, to);
            assert_eq!(rr(&made.image), rrs(&made.image), "{name} as {to}");
            let lost = made.losses.iter().any(|loss| loss.path.contains("regs.rr"));
            assert!(!lost, "{name} as {to}: the page has them");
        }
    }
    // A region register that is none is never handed on.
    let mut source = golden("realD8a-pv");
    set_reg(&mut source, "regs.rr[1]", 0xdead_0000_0000_0000);
    let made = converted(&source, D10C);
    assert_eq!(rr(&made.image)[1], rrs(&made.image)[1]);
}

// 3 and 7: how many registers are dirty.
#[test]
fn as_many_registers_are_dirty_as_before() {
    for (name, count) in [
        ("realD4a-pv", 90),
        ("realD5-pv", 90),
        ("realD7c-pv", 90),
        ("realD8a-pv", 90),
        ("realD8a-pv-int", 96),
        ("realD9a-pv", 90),
        ("realD10b-pv-int", 96),
        ("realD41-pv", 90),
    ] {
        let source = golden(name);
        assert_eq!(stacked(&source).0, count, "{name}");
        for to in eras(Guest::Pv) {
            let made = converted(&source, to);
            assert_eq!(stacked(&made.image).0, count, "{name} as {to}");
        }
    }
}

#[test]
fn bsp_counts_what_the_target_counts() {
    // Of one guest: host bytes from word 56 on in D6c, the guest's slots later.
    let [old, new] = ["realD6c-pv", "realD8a-pv"].map(golden);
    assert_eq!(
        (reg(&old, "regs.ar.bsp"), reg(&new, "regs.ar.bsp")),
        (0x183b8, 0x183b0)
    );
    assert_eq!(reg(&converted(&old, D7D).image, "regs.ar.bsp"), 0x183b0);
    assert_eq!(reg(&converted(&new, D5).image, "regs.ar.bsp"), 0x183b8);
    assert_eq!(reg(&converted(&new, D10C).image, "regs.ar.bsp"), 0x183b0);
    assert_eq!(
        reg(&converted(&new, D1bF).image, "user_regs.loadrs"),
        (92 * 8) << 16
    );
    // From word 8 on 90 registers cross one collection.
    assert_eq!(reg(&new, "regs.rbs_voff"), 8);
    assert_eq!(
        reg(&converted(&new, D7C).image, "regs.ar.bsp"),
        0x180d8 + 91 * 8
    );
    // D4 gives bsp at both ends.
    let d4 = golden("realD4a-pv");
    for to in [D2, D4B, D5, D6A] {
        assert_eq!(
            reg(&converted(&d4, to).image, "regs.ar.bsp"),
            reg(&d4, "regs.ar.bsp")
        );
    }
}

// 11 and more: the registers themselves, which up to D7c no restore gave back.
#[test]
fn stacked_registers_go_where_they_are_loaded() {
    for name in ["realD5-pv", "realD6c-pv", "realD7c-pv"] {
        let source = golden(name);
        let (count, registers) = stacked(&source);
        assert_eq!(registers.len() as u64, count);
        assert!(registers.iter().any(|(word, _)| *word != 0));
        for to in eras(Guest::Pv).filter(|to| *to >= D7D) {
            let made = converted(&source, to);
            assert_eq!(
                stacked(&made.image),
                (count, registers.clone()),
                "{name} as {to}"
            );
            assert!(made.lost("vcpu[0].regs.rbs").is_empty(), "{name} as {to}");
            assert_eq!(
                made.noted("vcpu[0].regs.rbs_rnat").len(),
                1,
                "{name} as {to}"
            );
        }
        for to in [D1bF, D2, D4A] {
            let made = converted(&source, to);
            assert_eq!(made.lost("vcpu[0].regs.rbs").len(), 1, "{name} as {to}");
        }
    }
    // They are the same as those that a hypervisor of the target gave of that guest.
    let [old, new] = ["realD7c-pv", "realD8a-pv"].map(golden);
    let [old, new] = [stacked(&old).1, stacked(&new).1].map(|all| {
        let words = all.into_iter().map(|(word, _)| word);
        words.collect::<Vec<_>>()
    });
    assert_eq!(old, new);
}

#[test]
fn c_has_its_words_at_56() {
    let source = golden("realD5-pv");
    assert_eq!(reg(&converted(&source, D7D).image, "regs.rbs_voff"), 56);
    for name in ["realD8a-pv", "realD10b-pv-int"] {
        let source = golden(name);
        let (count, registers) = stacked(&source);
        let made = converted(&source, D5);
        let now = stacked(&made.image);
        assert_eq!(now.0, count, "{name}");
        for (index, (old, new)) in registers.iter().zip(&now.1).enumerate() {
            assert_eq!(old.0, new.0, "{name}: register {index}");
        }
        let what = made.lost("vcpu[0].regs.rbs");
        assert!(what[0].contains("does not give them back"), "{what:?}");
    }
}

#[test]
fn what_a_frame_does_not_have_is_made_up_and_named() {
    let source = golden("realD1b.f-pv-int");
    for to in eras(Guest::Pv).filter(|to| *to >= D7D) {
        let made = converted(&source, to);
        assert_eq!(reg(&made.image, "regs.rbs_voff"), 56, "{to}");
        assert!(
            made.lost("vcpu[0].regs.rbs")[0].contains("no stacked registers"),
            "{to}"
        );
    }
}

// 4 and 5: NaT bits.
#[test]
fn nat_bits_are_those_of_the_same_registers() {
    for name in [
        "realD1-pv",
        "realD1b.a-pv",
        "realD2-pv",
        "realD4a-pv",
        "realD8a-pv",
        "realD9a-pv",
    ] {
        let source = golden(name);
        assert_eq!(nats(&source), NATS, "{name}");
        for to in eras(Guest::Pv) {
            let made = converted(&source, to);
            let has_bits = to.nats(Guest::Pv).bit(5).is_some();
            assert_eq!(
                nats(&made.image),
                if has_bits { NATS } else { 0 },
                "{name} as {to}"
            );
            let named = made
                .losses
                .iter()
                .find(|loss| loss.path.ends_with("regs.nats") || loss.path.ends_with("eml_unat"));
            // No restore from D2 to D7c loads any.
            let loads = |era: Era| era.loads(Guest::Pv, "regs.nats");
            let lost = !has_bits || (loads(source.era().unwrap()) && !loads(to));
            assert_eq!(named.is_some(), lost, "{name} as {to}");
            if let Some(loss) = named {
                assert!(loss.what.starts_with("r5, r27: "), "{}", loss.what);
            }
        }
    }
}

#[test]
fn nat_bits_that_were_cut_off_are_not_made_of_others() {
    // What a bitmap would say of r4 r5 r10 r12 r14 r18 r20.
    let source = golden("realD7c-pv");
    assert_eq!(reg(&source, "regs.nats"), 0x0014_5430);
    let made = converted(&source, D8A);
    assert_eq!(reg(&made.image, "regs.nats"), 0);
    let what = made.noted("vcpu[0].regs.nats");
    assert!(what[0].contains("r4 to r7, r19 to r31"), "{what:?}");
    // Those that the half has.
    let mut source = golden("realD7c-pv");
    set_reg(&mut source, "regs.nats", 1 << 21 | 1 << 9 | 1 << 31);
    assert_eq!(
        nats(&converted(&source, D10C).image),
        1 << 1 | 1 << 11 | 1 << 18
    );
}

// 6: NaT bits of a guest with VT.
#[test]
fn nat_bits_with_vt_go_by_era() {
    let source = golden("realD9a-hvm-2vcpu-rich");
    assert_eq!(reg(&source, "regs.nats"), 0x0810_0120);
    for to in [D10D, D11A, D11B, D12] {
        let made = converted(&source, to);
        assert_eq!(
            reg(&made.image, "regs.nats"),
            0x0810_0420,
            "{to}: r10 is its own bit"
        );
        assert!(made.lost("vcpu[0].regs.nats").is_empty(), "{to}");
        assert_eq!(made.noted("vcpu[0].regs.nats").len(), 2, "{to}");
    }
    for to in [D8A, D8B, D10B, D10C] {
        assert_eq!(
            reg(&converted(&source, to).image, "regs.nats"),
            0x0810_0120,
            "{to}"
        );
    }
    let mut source = golden("real340-hvm-2vcpu");
    set_reg(&mut source, "regs.nats", 0x0010_0c26);
    let made = converted(&source, D10C);
    // A restore would take bits 8 and 9 for r8 and r9.
    assert_eq!(reg(&made.image, "regs.nats"), 0x0010_0020);
    let what = made.lost("vcpu[0].regs.nats");
    assert!(what[0].starts_with("r1 to r2, r10 to r11: "), "{what:?}");
}

// 8: psr.
#[test]
fn psr_is_the_machines_or_the_guests() {
    let [frame, d4b, d8] = ["realD4a-pv", "realD4b-pv-int", "realD8a-pv"].map(golden);
    for to in eras(Guest::Pv).filter(|to| *to >= D4B) {
        let made = converted(&frame, to);
        let psr = reg(&made.image, "regs.psr");
        assert_eq!(
            (psr >> 32 & 3, psr >> 22 & 1),
            (0, 1),
            "{to}: the kernel, and di"
        );
        assert!(made.lost("vcpu[0].regs.psr").is_empty(), "{to}");
        assert_eq!(
            reg(&converted(&d4b, to).image, "regs.psr"),
            reg(&d4b, "regs.psr")
        );
    }
    for source in [&d4b, &d8] {
        for to in [D2, D4A] {
            let made = converted(source, to);
            let psr = reg(&made.image, "regs.psr");
            // ic i dt rt it bn pp, level 2, and f32 to f127 left to the first use.
            assert_eq!(psr & 0x1013_082a_6000, 0x1012_082a_6000, "{to}: {psr:#x}");
            assert!(made.lost("vcpu[0].regs.psr").is_empty(), "{to}");
            let back = converted(&made.image, source.era().unwrap());
            assert_eq!(
                reg(&back.image, "regs.psr"),
                reg(source, "regs.psr"),
                "{to}"
            );
        }
    }
    let mut source = golden("realD8a-pv");
    let psr = reg(&source, "regs.psr");
    set_reg(&mut source, "regs.psr", psr | 2 << 32);
    for (to, lost) in [(D6C, false), (D6B, true), (D1bF, true)] {
        let made = converted(&source, to);
        let named = made
            .losses
            .iter()
            .any(|loss| loss.path == "vcpu[0].regs.psr");
        assert_eq!(named, lost, "level 2 in {to}");
    }
}

// 9 and 10: the bytes of a page that three layouts read otherwise.
#[test]
fn flags_of_a_page_are_where_the_layout_has_them() {
    let mut early = golden("realD1b.a-pv");
    set_privreg(&mut early, "vpsr_pp", 1);
    assert_eq!(page(&early)[3108..3113], [0, 0, 0, 0, 1]);
    let dfh = reg(&early, "user_regs.cr_ipsr") >> 19 & 1;
    let made = converted(&early, Era::D1bC);
    assert_eq!(
        page(&made.image)[3108..3120],
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    for to in eras(Guest::Pv).filter(|to| *to >= D1bD) {
        let made = converted(&early, to);
        let expected = [1, dfh as u8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(page(&made.image)[3108..3120], expected, "{to}");
        let back = converted(&made.image, D1bA);
        assert_eq!(
            page(&back.image)[3108..3120],
            page(&early)[3108..3120],
            "{to}"
        );
        let psr = |image| reg(image, "user_regs.cr_ipsr");
        assert_eq!(psr(&back.image), psr(&early), "{to}");
    }
    // Left as they were, they would say that the register frame is incomplete.
    let mut late = golden("realD1b.f-pv-int");
    set_privreg(&mut late, "vpsr_dfh", 0);
    for to in [D1, D1bA] {
        let made = converted(&late, to);
        assert_eq!(privreg(&made.image, "incomplete_regframe"), 0, "{to}");
        let psr = reg(&made.image, "user_regs.cr_ipsr");
        assert_eq!(psr >> 19 & 1, 0, "{to}: dfh is the guest's");
    }
    set_privreg(&mut early, "incomplete_regframe", 1);
    let made = converted(&early, D1bF);
    assert_eq!(made.lost("privregs[0].incomplete_regframe").len(), 1);
}

// 12: what D6b to D7c did fill.
#[test]
fn breakpoints_that_were_given_are_kept() {
    for name in ["realD6c-pv", "realD6d-pv", "realD7a-pv", "realD7c-pv"] {
        let mut source = golden(name);
        for index in 0..8 {
            set_reg(&mut source, &format!("regs.dbr[{index}]"), 0x1000 + index);
            set_reg(&mut source, &format!("regs.ibr[{index}]"), 0x2000 + index);
        }
        for to in eras(Guest::Pv).filter(|to| *to >= D6B) {
            let made = converted(&source, to);
            for index in 0..8 {
                assert_eq!(
                    reg(&made.image, &format!("regs.dbr[{index}]")),
                    0x1000 + index
                );
                assert_eq!(
                    reg(&made.image, &format!("regs.ibr[{index}]")),
                    0x2000 + index
                );
            }
        }
        // A restore of D6a does not load them.
        let made = converted(&source, D6A);
        assert_eq!(made.lost("vcpu[0].regs.dbr").len(), 1, "{name}");
    }
}

// 13: what the heap left.
#[test]
fn leftovers_go_where_something_is_made_of_them() {
    let source = golden("realD7a-pv");
    let made = converted(&source, D8B);
    for path in [
        "regs.r[0]",
        "regs.b[1]",
        "regs.b[5]",
        "regs.bank[3]",
        "regs.bnats",
        "regs.ar.kr[1]",
        "regs.ar.itc",
        "regs.ar.lc",
        "regs.ar.ec",
        "regs.cr.iipa",
        "regs.cr.irr[1]",
        "regs.pkr[2]",
        "regs.f[2].u.bits",
        "regs.f[32].u.bits",
        "regs.excp_iipa",
        "regs.rbs_nat",
        "regs.rbs_rnat",
        "flags",
    ] {
        assert_ne!(reg(&source, path), 0, "{path}: of the heap");
        assert_eq!(reg(&made.image, path), 0, "{path}");
    }
    assert_eq!(
        reg(&made.image, "regs.cr.pta"),
        privreg(&source, "pta"),
        "the page has it"
    );
    assert_eq!(reg(&made.image, "regs.cr.ivr"), 0xf);
    // What neither end fills may stay.
    let made = converted(&source, D7C);
    assert_eq!(reg(&made.image, "regs.b[1]"), reg(&source, "regs.b[1]"));
    assert_eq!(reg(&made.image, "regs.cr.pta"), privreg(&source, "pta"));
}

#[test]
fn what_a_restore_does_not_load_is_lost() {
    let source = golden("realD8a-pv");
    for path in [
        "regs.ar.lc",
        "regs.ar.ec",
        "regs.f[2].u.bits",
        "regs.f[127].u.bits",
    ] {
        for to in [D5, D6D, D7C] {
            let made = converted(&source, to);
            assert_eq!(
                made.lost(&format!("vcpu[0].{path}")).len(),
                1,
                "{path} in {to}"
            );
        }
        let made = converted(&source, D10C);
        assert!(made.lost(&format!("vcpu[0].{path}")).is_empty(), "{path}");
    }
}

#[test]
fn a_kernel_runs_at_the_level_of_its_hypervisor() {
    let [old, new] = ["realD1b.f-pv-int", "realD8a-pv-int"].map(golden);
    assert_eq!(
        (reg(&old, "user_regs.ar_rsc"), reg(&new, "regs.ar.rsc")),
        (8, 4)
    );
    let up = converted(&old, D10C);
    assert_eq!(reg(&up.image, "regs.ar.rsc"), 4);
    assert_eq!(reg(&up.image, "regs.ar.pfs"), reg(&new, "regs.ar.pfs"));
    assert_eq!(
        up.lost("vcpu[0].user_regs.ar_pfs").len(),
        1,
        "frames in memory stay"
    );
    let down = converted(&new, D1bF);
    assert_eq!(reg(&down.image, "user_regs.ar_rsc"), 8);
    assert_eq!(
        reg(&down.image, "user_regs.ar_pfs"),
        reg(&old, "user_regs.ar_pfs")
    );
    assert!(down.lost("vcpu[0].regs.ar.pfs").is_empty());
    // A translation of the kernel's, and one that holds nothing.
    let mut source = golden("realD8a-pv");
    set_reg(&mut source, "regs.tr.itrs[0].pte", 0x10_0000_0000_06e1);
    set_reg(&mut source, "regs.tr.itrs[1].pte", 0x80);
    let down = converted(&source, D6B);
    assert_eq!(reg(&down.image, "regs.tr.itrs[0].pte"), 0x10_0000_0000_0761);
    assert_eq!(reg(&down.image, "regs.tr.itrs[1].pte"), 0x100);
}

#[test]
fn what_privregs_carry_as_well_is_no_loss() {
    for name in ["realD8a-pv", "realD9b-pv", "realD10c-pv-leaf"] {
        let made = converted(&golden(name), D1bF);
        for loss in &made.losses {
            assert!(
                !loss.path.contains("regs.cr.") && !loss.path.contains("regs.rr"),
                "{loss}"
            );
        }
    }
}

#[test]
fn a_clock_is_lost_where_none_is_kept() {
    let mut source = golden("realD41-pv");
    set_privreg(&mut source, "itc_offset", 0x1234);
    let made = converted(&source, D11A);
    assert_eq!(made.lost("privregs[0].itc_offset").len(), 1);
    assert_eq!(page(&made.image)[3408..3424], [0; 16]);
    assert_eq!(reg(&made.image, "regs.ar.itc"), 0);
    assert_eq!(
        made.lost("vcpu[0].regs.ar.itc").len(),
        usize::from(reg(&source, "regs.ar.itc") != 0)
    );
}

#[test]
fn privregs_pfn_of_a_guest_with_vt() {
    let source = golden("realD8a-hvm-2vcpu-rich");
    assert_eq!(reg(&source, "privregs_pfn"), 0x400_0001);
    let made = converted(&source, D8B);
    assert_eq!(reg(&made.image, "privregs_pfn"), 1);
    assert!(made.losses.is_empty(), "{:?}", made.losses);
    let back = converted(&made.image, D8A);
    assert_eq!(back.bytes, source.data.as_ref().unwrap().to_vec());
}

#[test]
fn dcr_is_in_the_context_and_then_in_the_page() {
    let mut source = golden("realD1b.a-pv");
    set_reg(&mut source, "extra_regs.dcr", 0x7e04);
    for to in [Era::D1bE, D1bF, D10C] {
        let made = converted(&source, to);
        assert_eq!(privreg(&made.image, "dcr"), 0x7e04, "{to}: the page wins");
    }
    let mut source = golden("realD8a-pv");
    set_reg(&mut source, "regs.cr.dcr", 1);
    let made: Made = converted(&source, D1bA);
    assert_eq!(reg(&made.image, "extra_regs.dcr"), privreg(&source, "dcr"));
}

#[test]
fn what_nobody_fills_is_what_the_target_would_have_had() {
    // Padding and flags, where the target clears a context first.
    for name in ["realD4a-pv", "realD5-pv", "realD7c-pv"] {
        let made = converted(&golden(name), D10B);
        let bytes = context(&made.image);
        assert_eq!(
            (bytes[..16].to_vec(), bytes[2552..2560].to_vec()),
            (vec![0; 16], vec![0; 8])
        );
    }
    let _ = D7A;
}
