//! Unwind information that the GNU assembler made of directives, decoded.

use ia64save_guest::unwind::{Info, Kind, Place, Preserved, Psp, Record, Records, Rules};

/// Functions `f1`, `f2` and `f3` below, as `ia64-linux-gnu-as` 2.40 encodes them.
const INFO: &str = "\
0600000000000100462311b951000191b8220f140000e0000ae218ec0cb228e80db1a9ea0eb2aaee0fb52bf01010b5ac\
2381c00124a100000f0000000000010014b800000000fab306e100b021e401f00104e603e70ae804f00308ea06eb0eec\
07f0050cee09ef12f0070af00910f00a0cf00b16f00d0df00f14f0130ff01216a1b2f1033cff03692dfa074601fac507\
02fc0630a803fb87440418f906051ef9a5061cfa070007fc06300008f028f828c00200000000000003000000000001000\
cb99c0003b8114680e100e30c617bc00100000000000000";

fn descriptors(offset: usize) -> Vec<u8> {
    let bytes: Vec<u8> = (0..INFO.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&INFO[at..at + 2], 16).unwrap())
        .collect();
    Info::parse(&bytes[offset..]).unwrap().descriptors.to_vec()
}

/// ```text
/// f1: .prologue 12, r35                  slot
///     .fframe 160         adds sp          0
///     .spill 80
///     .save.g 0x1         st8.spill r4     1
///     .save.g 0x4         st8.spill r6     3
///     .save.b 0x11        st8, st8         6, 7
///     .save.f 0x10001     stf.spill, ..    9, 10
///     .save ar.unat, r40                  12
///     .save pr, r41                       13
///     .save ar.lc, r42                    14
///     .save ar.fpsr, r43                  15
///     .save @priunat, r44                 16
///     .body                               17
///     .label_state 1
///     .restore sp                         18
///     .body                               20
///     .copy_state 1
/// ```
#[test]
fn a_function_with_everything_in_its_frame() {
    let bytes = descriptors(0);
    let at = |slot| Rules::at(&bytes, slot, 0).unwrap();
    let place = |slot, register| at(slot).place(register);
    assert_eq!(at(0), Rules::of_leaf());
    assert_eq!((at(0).psp, at(1).psp), (Psp::Above(0), Psp::Above(160)));
    // Six registers lie below psp - 80: two of 16 bytes and four of 8.
    for (register, slot, home) in [
        (Preserved::Gr(4), 1, -144),
        (Preserved::Gr(6), 3, -136),
        (Preserved::Br(1), 6, -128),
        (Preserved::Br(5), 7, -120),
        (Preserved::Fr(2), 9, -112),
        (Preserved::Fr(28), 10, -96),
    ] {
        assert_eq!(place(slot, register), Place::Own, "{register}");
        assert_eq!(place(slot + 1, register), Place::Psp(home), "{register}");
    }
    for (register, slot, gr) in [
        (Preserved::Unat, 12, 40),
        (Preserved::Pr, 13, 41),
        (Preserved::Lc, 14, 42),
        (Preserved::Fpsr, 15, 43),
        (Preserved::PriUnat, 16, 44),
        // Nobody said when, so it is at the end of the prologue.
        (Preserved::Rp, 16, 35),
        (Preserved::Pfs, 16, 36),
    ] {
        assert_eq!(place(slot, register), Place::Own, "{register}");
        assert_eq!(place(slot + 1, register), Place::Gr(gr), "{register}");
    }
    assert_eq!(place(17, Preserved::Gr(5)), Place::Own, "never saved");
    assert_eq!(at(18).psp, Psp::Above(160));
    // The frame is given up, and what lay in it was restored.
    assert_eq!(at(19).psp, Psp::Above(0));
    assert_eq!(place(19, Preserved::Gr(4)), Place::Own);
    assert_eq!(place(19, Preserved::Rp), Place::Gr(35));
    // Behind a return all is as it was at the label.
    assert_eq!(at(20), at(17));
}

/// ```text
/// f2: .prologue
///     .altrp b6
///     .vframe r33                          0
///     .savesp rp, 16                       1
///     .savepsp ar.pfs, 24                  3
///     .savesp pr, 32                       4
///     .savepsp ar.lc, 40                   6
///     .savesp ar.unat, 48                  7
///     .savepsp ar.fpsr, 56                 9
///     .savesp ar.bsp, 64                  10
///     .savepsp ar.bspstore, 72            12
///     .savesp ar.rnat, 80                 13
///     .savesp @priunat, 88                15
///     .save.b 0x3, r50                    16, 17 (by the mask)
///     .save.g 0x3, r60                    18, 19
///     .unwabi 3, 0x69
///     .body                               20
///     .spillreg r7, r70                   21
///     .spillreg b5, b7                    22
///     .spillreg.p p6, f16, f40            23
///     .spillsp.p p7, b4, 96               24
///     .spillpsp r6, 104                   25
///     .spillsp f5, 112                    26
///     .restorereg r7                      27
///     .restorereg.p p6, f16               28
///     .label_state 40, .copy_state 40
///     .restore sp
/// ```
#[test]
fn a_function_with_every_record() {
    let bytes = descriptors(0x38);
    let at = |slot| Rules::at(&bytes, slot, 0).unwrap();
    let place = |slot, register| at(slot).place(register);
    assert_eq!((at(0).return_in, at(0).abi), (6, Some((3, 0x69))));
    assert_eq!(
        (at(0).psp, at(1).psp),
        (Psp::Above(0), Psp::Saved(Place::Gr(33)))
    );
    for (register, slot, saved) in [
        (Preserved::Rp, 1, Place::Sp(16)),
        (Preserved::Pfs, 3, Place::Psp(-24)),
        (Preserved::Pr, 4, Place::Sp(32)),
        (Preserved::Lc, 6, Place::Psp(-40)),
        (Preserved::Unat, 7, Place::Sp(48)),
        (Preserved::Fpsr, 9, Place::Psp(-56)),
        (Preserved::Bsp, 10, Place::Sp(64)),
        (Preserved::Bspstore, 12, Place::Psp(-72)),
        (Preserved::Rnat, 13, Place::Sp(80)),
        (Preserved::PriUnat, 15, Place::Sp(88)),
        (Preserved::Gr(4), 18, Place::Gr(60)),
        (Preserved::Gr(5), 19, Place::Gr(61)),
        (Preserved::Gr(7), 21, Place::Gr(70)),
        (Preserved::Br(5), 22, Place::Br(7)),
        (Preserved::Gr(6), 25, Place::Psp(-104)),
        (Preserved::Fr(5), 26, Place::Sp(112)),
    ] {
        assert_eq!(place(slot, register), Place::Own, "{register}");
        assert_eq!(place(slot + 1, register), saved, "{register}");
    }
    assert_eq!(place(27, Preserved::Gr(7)), Place::Gr(70));
    assert_eq!(place(28, Preserved::Gr(7)), Place::Own, "restored");
    // What happens under a predicate happens where that is set.
    let by = |slot, predicates, register| {
        let rules = Rules::at(&bytes, slot, predicates).unwrap();
        rules.place(register)
    };
    assert_eq!(by(28, 0, Preserved::Fr(16)), Place::Own);
    assert_eq!(by(28, 1 << 6, Preserved::Fr(16)), Place::Fr(40));
    assert_eq!(by(29, 1 << 6, Preserved::Fr(16)), Place::Own);
    assert_eq!(by(25, 1 << 6, Preserved::Br(4)), Place::Own);
    assert_eq!(by(25, 1 << 7, Preserved::Br(4)), Place::Sp(96));
}

/// ```text
/// f3: .prologue
///     .vframesp 48                         0
///     .save.gf 0x9, 0xc0003
///     .body
///     .restore sp
/// ```
#[test]
fn spilled_registers_have_their_homes_from_psp_plus_16_on() {
    let bytes = descriptors(0xb8);
    let at = |slot| Rules::at(&bytes, slot, 0).unwrap();
    assert_eq!(at(12).psp, Psp::Saved(Place::Sp(48)));
    for (register, slot, home) in [
        (Preserved::Fr(2), 1, -48),
        (Preserved::Fr(3), 3, -32),
        (Preserved::Fr(30), 4, -16),
        (Preserved::Fr(31), 6, 0),
        (Preserved::Gr(4), 7, -64),
        (Preserved::Gr(7), 8, -56),
    ] {
        assert_eq!(at(slot).place(register), Place::Own, "{register}");
        assert_eq!(at(slot + 1).place(register), Place::Psp(home), "{register}");
    }
    assert_eq!(at(12 + 123 - 1).psp, Psp::Above(0), "restored");
}

/// Those that the assembler makes of what no one writes by hand.
#[test]
fn long_forms_are_as_good_as_short_ones() {
    let records = |bytes: &[u8]| Records::new(bytes).collect::<Result<Vec<_>, _>>();
    // R3 prologue of 300 slots; R3 body; B3; B4.
    let all = records(&[0x60, 0xac, 2, 0x61, 5, 0xe0, 1, 40, 0xf0, 33, 0xf8, 33]).unwrap();
    assert!(matches!(all[0], Record::Region(region)
        if region.slots == 300 && region.kind != Kind::Body));
    let epilogue = Record::Epilogue { time: 1, count: 40 };
    assert_eq!(
        all[2..],
        [epilogue, Record::LabelState(33), Record::CopyState(33)]
    );
    // P6, both kinds.
    let all = records(&[0x05, 0xc3, 0xd9]).unwrap();
    let spilled = |general, floating| Record::Spilled {
        general,
        branch: 0,
        floating,
    };
    assert_eq!(all[1..], [spilled(0, 3), spilled(9, 0)]);
    // A prologue that saves without saying where takes r32 and those behind.
    let bytes = [0x04, 0xe4, 0, 0xe6, 1, 0x21];
    let rules = Rules::at(&bytes, 4, 0).unwrap();
    assert_eq!(rules.place(Preserved::Rp), Place::Gr(32));
    assert_eq!(rules.place(Preserved::Pfs), Place::Gr(33));
    // A prologue within another, undone by its epilogue.
    let bytes = [
        0x01, 0xe0, 0, 1, 0x01, 0xe0, 0, 2, 0x22, 0xc0, 0, 0x23, 0x00,
    ];
    let psp = |slot| Rules::at(&bytes, slot, 0).unwrap().psp;
    assert_eq!(
        (psp(1), psp(2), psp(4)),
        (Psp::Above(16), Psp::Above(32), Psp::Above(16))
    );
}

#[test]
fn what_is_broken_says_where() {
    let fails = |bytes: &[u8], slot| {
        let error = Rules::at(bytes, slot, 0).unwrap_err();
        (error.offset, error.expected, error.found)
    };
    assert_eq!(fails(&[0xe4, 0], 0).0, 0, "no region");
    assert_eq!(
        fails(&[0x48], 0),
        (0, "the head of a region (R1, R2 or R3)", "0x48".into())
    );
    assert_eq!(fails(&[0x04, 0xe4], 0).0, 2, "cut short");
    assert_eq!(
        fails(&[0x04, 0xe4, 0x80, 0x80], 9).0,
        4,
        "a number without an end"
    );
    let big = [
        0x04, 0xe4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ];
    assert_eq!(fails(&big, 0).1, "a number of at most 64 bits");
    assert_eq!(fails(&[0x04, 0xf0, 20, 1], 0).2, "P8 with code 20");
    assert_eq!(
        fails(&[0x04, 0xf8], 0).1,
        "a record of a prologue (P1 to P10, X1 to X4)"
    );
    assert_eq!(
        fails(&[0x24, 0xff, 1, 1], 0).1,
        "a record of a body (B1 to B4, X1 to X4)"
    );
    assert_eq!(
        fails(&[0x04, 0xfa, 0x08, 4, 1], 0).2,
        "0x08",
        "r8 is nobody's to keep"
    );
    assert_eq!(
        fails(&[0x60, 0xff, 0xff, 0x03, 0xb8, 0], 0).1,
        "a mask with two bits for each slot of the region"
    );
    assert_eq!(
        fails(&[0x04, 0xb8, 0xff], 9).1,
        "as many spills as registers are said to be spilled"
    );
    assert_eq!(
        fails(&[0x04, 0xf0, 7, 0], 9).1,
        "a record that says where a register is saved"
    );
    assert_eq!(fails(&[0x22, 0xa1], 0).2, "label 1");
    assert_eq!(
        fails(&[0x22, 0xc0, 0, 0x22], 3).2,
        "1 of 0",
        "an epilogue without a prologue"
    );
    let e2 = [
        0x04, 0xe2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
    ];
    assert_eq!(fails(&e2, 0).1, "an offset within 64 bits");
    assert_eq!(
        fails(&[0x47, 0xff, 4], 9).1,
        "general registers up to r127 to save others in"
    );
    let many: Vec<u8> = [0x01].repeat(100);
    assert_eq!(fails(&many, 1000).1, "at most 64 prologues and labels");
    let labels: Vec<u8> = [vec![0x3f], vec![0x81; 100]].concat();
    assert_eq!(fails(&labels, 0).1, "at most 64 prologues and labels");
}

proptest::proptest! {
    /// Whatever stands there: no panic, and an end.
    #[test]
    fn any_bytes_have_an_end(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        slot in proptest::num::u64::ANY,
        small in 0u64..400,
    ) {
        for slot in [slot, small] {
            let _ = Rules::at(&bytes, slot, slot);
        }
        let _ = Info::parse(&bytes);
    }
}
