//! Register stacks that were laid out for another `rbs_voff` than the host's.
//!
//! `../data/rbs-voff-*.txt` say for hosts of five eras what came back of stacks of 1 to 96 registers: the
//! number of words to take is computed for the host's place, but the words are read at the given one.

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::Errno;
use ia64save_sim::{Era, Host};

use crate::context::Context;

const TABLES: [(&str, &str, &str); 5] = [
    (
        "D8a",
        "realD8a-pv",
        include_str!("../data/rbs-voff-D8a.txt"),
    ),
    (
        "xen-3.2",
        "realD10c-pv-leaf",
        include_str!("../data/rbs-voff-D10c.txt"),
    ),
    (
        "xen-3.3",
        "real340-pv-2vcpu",
        include_str!("../data/rbs-voff-D11a.txt"),
    ),
    (
        "xen-3.4",
        "real340-pv-2vcpu",
        include_str!("../data/rbs-voff-D11b.txt"),
    ),
    (
        "xen-4.0",
        "real340-pv-2vcpu",
        include_str!("../data/rbs-voff-D40.txt"),
    ),
];

fn slots(place: u64, registers: u64) -> u64 {
    registers + (place + registers) / 63
}

/// A context with so many registers from `place` on, of which the first holds 1.
fn given(golden: &str, place: u64, registers: u64) -> Context {
    let mut context = Context::of(golden, 0);
    let bspstore = context.get("regs.ar.bspstore");
    let guest = bspstore >> 3 & 63;
    context.set("regs.ar.bsp", bspstore + 8 * slots(guest, registers));
    context.set("regs.rbs_voff", place);
    for slot in 0..200 {
        context.set(&format!("regs.rbs[{slot}]"), 0);
    }
    for register in 0..registers {
        let slot = slots(place, register);
        context.set(&format!("regs.rbs[{slot}]"), register + 1);
    }
    context
}

/// Registers by `bsp`, and their values.
fn stack(context: &Context) -> Vec<u64> {
    let bspstore = context.get("regs.ar.bspstore");
    let (place, words) = (
        bspstore >> 3 & 63,
        (context.get("regs.ar.bsp") - bspstore) / 8,
    );
    let registers = words - (place + words) / 64;
    let voff = context.get("regs.rbs_voff");
    (0..registers)
        .map(|register| context.get(&format!("regs.rbs[{}]", slots(voff, register))))
        .collect()
}

fn host_of(era: &str) -> (Host, u32) {
    let host = Host::of(era.parse::<Era>().unwrap());
    let domid = host.create_domain(Guest::Pv, 1, 64).unwrap();
    (host, domid)
}

#[test]
fn every_count_of_registers_comes_back_as_it_did() {
    let mut seen = 0;
    for (era, golden, table) in TABLES {
        let mut lines = table.lines();
        let own = lines.next().unwrap();
        let own = own.split("0x").nth(1).unwrap().split(';').next().unwrap();
        let own = u64::from_str_radix(own, 16).unwrap();
        for line in lines {
            let (voff, rest) = line.split_once(": ok ").unwrap();
            let voff = u64::from_str_radix(voff.strip_prefix("rbs_voff 0x").unwrap(), 16).unwrap();
            let (_, wrong) = rest.split_once("; not: ").unwrap();
            let wrong: Vec<&str> = wrong.split(' ').filter(|item| *item != "none").collect();
            let mut found = Vec::new();
            for registers in 1..=96 {
                let (host, domid) = host_of(era);
                assert_eq!(host.machine().rbs_voff, own);
                let before = given(golden, voff, registers);
                assert_eq!(host.set_vcpu_context(domid, 0, &before.bytes), Ok(()));
                let after = host.vcpu_context(domid, 0).unwrap();
                let (before, after) = (stack(&before), stack(&Context::new(before.layout, after)));
                let same = before.iter().zip(&after).all(|(one, other)| one == other);
                if !same || after.len() != before.len() {
                    let mark = if same { "" } else { "R" };
                    found.push(format!("{registers}->{}{mark}", after.len()));
                }
                seen += 1;
            }
            assert_eq!(found, wrong, "{era} {voff:#x}");
        }
    }
    assert_eq!(seen, 16 * 96);
}

/// Where 96 become 97 the processor has too few.
#[test]
fn one_too_many_of_96_is_refused() {
    let (host, domid) = host_of("xen-3.4");
    let context = given("real340-pv-2vcpu", 8, 96);
    let refused = host.set_vcpu_context(domid, 0, &context.bytes);
    assert_eq!(refused, Err(Errno::ENOSYS));
    let context = given("real340-pv-2vcpu", 0x34, 96);
    let domid = host.create_domain(Guest::Pv, 1, 64).unwrap();
    assert_eq!(host.set_vcpu_context(domid, 0, &context.bytes), Ok(()));
}

/// A second context of the same vcpu keeps the size of the first one's stack.
#[test]
fn the_size_of_the_first_stack_stays() {
    for era in ["D8a", "xen-3.2", "xen-3.4"] {
        let golden = match era {
            "D8a" => "realD8a-pv",
            "xen-3.2" => "realD10c-pv-leaf",
            _ => "real340-pv-2vcpu",
        };
        let (host, domid) = host_of(era);
        let voff = host.machine().rbs_voff;
        for registers in [20, 40] {
            let context = given(golden, voff, registers);
            host.set_vcpu_context(domid, 0, &context.bytes).unwrap();
            let after = host.vcpu_context(domid, 0).unwrap();
            assert_eq!(
                stack(&Context::new(context.layout, after)).len(),
                20,
                "{era}"
            );
        }
    }
}
