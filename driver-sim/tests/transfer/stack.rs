//! Register stacks of images from other builds of the hypervisor: every register arrives.
//!
//! `../data/rbs-voff-*.txt` were measured on real hosts of five eras. Each line names a place of the
//! stack (`rbs_voff`) that was given to a host with another one, and the counts of registers that did not
//! come back. Here the same stacks come in images: as they are they get lost on the same counts, and a
//! restore brings all of them, with their NaT bits, on all counts.

use ia64save_codec::era::{relaid, slot, words_of};
use ia64save_codec::wire::Context;
use ia64save_codec::wire::layout_of_context;
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::hypervisor::Op;
use ia64save_sim::{Era, GuestSpec, Host, Machine};

use crate::common::{host, restore, save};

const TABLES: [(&str, &str); 5] = [
    ("D8a", include_str!("../data/rbs-voff-D8a.txt")),
    ("xen-3.2", include_str!("../data/rbs-voff-D10c.txt")),
    ("xen-3.3", include_str!("../data/rbs-voff-D11a.txt")),
    ("xen-3.4", include_str!("../data/rbs-voff-D11b.txt")),
    ("xen-4.0", include_str!("../data/rbs-voff-D40.txt")),
];
const PAGES: u64 = 24;
/// Where the guest's own stack begins: within a row.
const BSPSTORE: u64 = 0x240d8;

/// An image of that era, and where the context of its vcpu is.
fn image(era: Era) -> (Vec<u8>, usize) {
    let host = host(era, 512);
    let domid = GuestSpec::new(Guest::Pv, PAGES).build(&host).unwrap();
    let (_, image) = save(&host, domid, false).unwrap();
    let context = host.vcpu_context(domid, 0).unwrap();
    let at = image
        .windows(context.len())
        .position(|bytes| bytes == context)
        .expect("the context is in the image");
    (image, at)
}

/// Register n, which has the value n + 1 and is NaT where n is a multiple of 5, in words from a place on.
fn words(place: u64, registers: u64) -> (Vec<u64>, u64) {
    let (mut row, mut nats) = (Vec::new(), 0);
    for register in 0..registers {
        let at = row.len() as u64 % 64;
        nats |= u64::from(register % 5 == 0) << at;
        row.push(register + 1);
        if at == 62 {
            row.push(nats);
            nats = 0;
        }
    }
    relaid(&row, 0, nats, place)
}

fn put(dialect: Dialect, context: &mut [u8], path: &str, value: u64) {
    let field = layout_of_context(dialect.spec().context)
        .find(path)
        .unwrap();
    let bytes = value.to_le_bytes();
    context[field.offset..][..field.size()].copy_from_slice(&bytes[..field.size()]);
}

/// Gives a context a stack from `place` on.
fn give(dialect: Dialect, context: &mut [u8], place: u64, registers: u64) {
    let slots = words_of(slot(BSPSTORE), registers);
    put(dialect, context, "regs.ar.bspstore", BSPSTORE);
    put(dialect, context, "regs.ar.bsp", BSPSTORE + 8 * slots);
    put(dialect, context, "regs.rbs_voff", place);
    let (words, rnat) = words(place, registers);
    put(dialect, context, "regs.rbs_rnat", rnat);
    let rbs = layout_of_context(dialect.spec().context)
        .find("regs.rbs")
        .unwrap();
    let space = &mut context[rbs.offset..][..rbs.size()];
    space.fill(0);
    for (index, word) in words.iter().enumerate() {
        space[index * 8..][..8].copy_from_slice(&word.to_le_bytes());
    }
}

/// What a vcpu has of those registers: how many there are, and the first that is wrong.
fn found(host: &Host, domid: u32, registers: u64) -> (u64, Option<u64>) {
    let state = host.arch_state(domid, 0).unwrap();
    let get = |name: &str| state.get(name).unwrap_or(u128::MAX);
    let wrong = (0..registers).find(|register| {
        let value = get(&format!("stacked.{register}"));
        let nat = get(&format!("stacked.{register}.nat"));
        // The NaT bit of the topmost one is lost where no collection follows (spec 15.3).
        let topmost = register + 1 == registers;
        value != u128::from(register + 1) || (!topmost && nat != u128::from(register % 5 == 0))
    });
    (get("stacked") as u64, wrong)
}

/// Places and counts that a table has, with the counts that do not come back.
fn lines(table: &str) -> impl Iterator<Item = (u64, Vec<u64>)> {
    table.lines().skip(1).map(|line| {
        let (place, rest) = line.split_once(": ok ").unwrap();
        let place = u64::from_str_radix(place.strip_prefix("rbs_voff 0x").unwrap(), 16).unwrap();
        let (_, wrong) = rest.split_once("; not: ").unwrap();
        let wrong = wrong.split(' ').filter_map(|item| item.split_once("->"));
        (
            place,
            wrong.map(|(count, _)| count.parse().unwrap()).collect(),
        )
    })
}

#[test]
fn a_restore_brings_every_register_whatever_build_saved_them() {
    let (mut seen, mut lost) = (0, 0);
    for (era, table) in TABLES {
        let era: Era = era.parse().unwrap();
        let (mut image, at) = image(era);
        let size = era.dialect().spec().context.size();
        let there = host(era, 512);
        for (place, wrong) in lines(table) {
            for registers in 1..=96 {
                let context = &mut image[at..at + size];
                give(era.dialect(), context, place, registers);
                // As it is, the hypervisor takes it and loses.
                let raw = there.create_domain(Guest::Pv, 1, 0).unwrap();
                there.set_vcpu_context(raw, 0, context).unwrap();
                let (count, first) = found(&there, raw, registers);
                let loses = count != registers || first.is_some();
                assert_eq!(
                    loses,
                    wrong.contains(&registers),
                    "{era} {place:#x} {registers}"
                );
                lost += u32::from(loses);
                there.destroy_domain(raw).unwrap();
                // Restored, it does not.
                let (domid, _) = restore(&there, Guest::Pv, 1, PAGES, &image, 1 << 20).unwrap();
                let right = (registers, None);
                assert_eq!(found(&there, domid, registers), right, "{era} {place:#x}");
                there.destroy_domain(domid).unwrap();
                seen += 1;
            }
        }
    }
    assert_eq!((seen, lost), (16 * 96, LOST));
}

/// Stacks of the tables that a host takes and gets wrong.
const LOST: u32 = 246;

/// Every place that a build may have, not only those that were seen.
#[test]
fn any_two_builds_agree_after_a_restore() {
    let era: Era = "xen-3.4".parse().unwrap();
    let (mut image, at) = image(era);
    let size = era.dialect().spec().context.size();
    for rbs_voff in [0, 7, 0x34, 62, 63] {
        let there = Host::new(Machine {
            page_size: 512,
            rbs_voff,
            ..Machine::new(era)
        });
        for place in 0..64 {
            for registers in [1, 17, 62, 63, 64, 90, 96] {
                give(era.dialect(), &mut image[at..at + size], place, registers);
                let (domid, _) = restore(&there, Guest::Pv, 1, PAGES, &image, 1 << 20).unwrap();
                let right = (registers, None);
                assert_eq!(
                    found(&there, domid, registers),
                    right,
                    "{place} on {rbs_voff}"
                );
                there.destroy_domain(domid).unwrap();
            }
        }
    }
}

/// The domain itself is set once, and asked once; another one tells how the host lays stacks out, and is
/// gone.
#[test]
fn nothing_is_set_twice() {
    for (era, scratch) in [
        ("xen-3.1", 0),
        ("D7c", 0),
        ("D7d", 1),
        ("xen-3.2", 1),
        ("xen-4.1", 1),
    ] {
        let era: Era = era.parse().unwrap();
        let (image, at) = image(era);
        let there = host(era, 512);
        there.reset_counts();
        let (domid, _) = restore(&there, Guest::Pv, 1, PAGES, &image, 1 << 20).unwrap();
        let counts = there.counts();
        let sets = if era.spec().set_twice { 2 } else { 1 };
        assert_eq!(counts.of(Op::SetVcpuContext), sets + scratch, "{era}");
        assert_eq!(counts.of(Op::GetVcpuContext), 1 + scratch, "{era}");
        assert_eq!(counts.of(Op::CreateDomain), 1 + scratch, "{era}");
        assert_eq!(there.domains(), [domid], "{era}");
        let layout = era.dialect().spec().context;
        let context = Context::parse(layout, &image[at..at + layout.size()]);
        assert!(context.is_some(), "{era}");
    }
}
