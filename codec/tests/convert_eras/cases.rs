//! Images with leftovers of a heap in them, and others that went wrong.

use std::fs;
use std::path::Path;

use ia64save_codec::image::Image;
use ia64save_codec::{Era, Guest};

use super::{converted, eras, nats, parse, privreg, reg};

fn case(name: &str, era: Era) -> Image {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert/cases");
    let packed = fs::read(folder.join(format!("{name}.sav.zst"))).unwrap();
    parse(zstd::decode_all(&packed[..]).unwrap(), era)
}

/// The eras from D7d on, whose restore loads what earlier ones left to the heap.
fn loading() -> impl Iterator<Item = Era> {
    eras(Guest::Pv).filter(|era| era.spec().whole)
}

#[test]
fn region_and_breakpoint_registers_of_the_heap_go() {
    let source = case("d6-heapgarbage", Era::D6A);
    for to in loading() {
        let made = converted(&source, to);
        for path in ["regs.ar.lc", "regs.ar.ec"] {
            assert_eq!(reg(&made.image, path), 0, "{path} in {to}");
            assert_eq!(
                made.lost(&format!("vcpu[0].{path}")).len(),
                1,
                "{path} in {to}"
            );
        }
        for index in 0..8 {
            for name in ["dbr", "ibr"] {
                assert_eq!(reg(&made.image, &format!("regs.{name}[{index}]")), 0);
            }
            // The guest's own are in its privregs page.
            let [rr, page] = [
                reg(&made.image, &format!("regs.rr[{index}]")),
                privreg(&made.image, &format!("rrs[{index}]")),
            ];
            assert_eq!(rr, page, "rr{index} in {to}");
            assert!(made.lost(&format!("vcpu[0].regs.rr[{index}]")).is_empty());
        }
        assert_eq!(made.lost("vcpu[0].regs.dbr").len(), 1);
        assert_eq!(reg(&made.image, "regs.f[2].u.bits"), 0);
        assert_ne!(reg(&made.image, "regs.f[6].u.bits"), 0, "of the trap frame");
    }
    // An era that gave them keeps them.
    let source = case("d6-heapgarbage", Era::D6D);
    let made = converted(&source, Era::D8B);
    assert_eq!(reg(&made.image, "regs.dbr[0]"), 0xa5a5_a5a5_a5a5_a5a5);
}

#[test]
fn nat_bits_of_the_stack_that_nobody_gave_go() {
    let source = case("d7rnat", Era::D7C);
    for to in loading() {
        let made = converted(&source, to);
        assert_eq!(reg(&made.image, "regs.rbs_rnat"), 0, "{to}");
        assert_eq!(made.lost("vcpu[0].regs.rbs_rnat").len(), 1, "{to}");
        assert_eq!(made.noted("vcpu[0].regs.rbs_rnat").len(), 1, "{to}");
    }
}

#[test]
fn a_clock_that_nobody_gave_goes() {
    let source = case("d7itc", Era::D7C);
    for to in loading() {
        let made = converted(&source, to);
        assert_eq!(reg(&made.image, "regs.ar.itc"), 0, "{to}");
        assert_eq!(made.lost("vcpu[0].regs.ar.itc").len(), 1, "{to}");
    }
}

#[test]
fn the_dirty_registers_of_b2_are_counted() {
    let source = case("d4", Era::D4A);
    for to in loading() {
        let made = converted(&source, to);
        let words = reg(&made.image, "regs.ar.bsp") - reg(&made.image, "regs.ar.bspstore");
        // 32 words, of which none is a collection from word 0 or from 56 on but one.
        assert_eq!(words, 31 * 8, "{to}");
        assert_eq!(made.lost("vcpu[0].regs.rbs").len(), 1, "{to}");
        assert!(
            made.lost("vcpu[0].regs.ar.bsp")[0].contains("31 registers"),
            "{to}"
        );
    }
    // Both ends give it.
    for to in [Era::D2, Era::D3, Era::D4B] {
        let made = converted(&source, to);
        assert_eq!(reg(&made.image, "regs.ar.bsp"), reg(&source, "regs.ar.bsp"));
        assert!(made.lost("vcpu[0].regs.ar.bsp").is_empty());
    }
}

#[test]
fn a_guest_with_vt_keeps_what_its_nat_bits_say() {
    let source = case("hvm9", Era::D9A);
    assert_eq!(nats(&source), 1 << 5, "of 0xd02e");
    for to in eras(Guest::Hvm).filter(|era| *era != Era::D9A) {
        let made = converted(&source, to);
        assert_eq!(nats(&made.image), 1 << 5, "{to}");
        assert!(made.lost("vcpu[0].regs.nats").is_empty(), "{to}");
        assert_eq!(reg(&made.image, "regs.bnats"), 0x7b43_0000, "{to}");
        let pfn = if to == Era::D8A { 0x400_0001 } else { 1 };
        assert_eq!(reg(&made.image, "privregs_pfn"), pfn, "{to}");
    }
}
