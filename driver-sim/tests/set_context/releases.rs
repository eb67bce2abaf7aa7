//! 3.2 and 3.4.
//!
//! Of arrays of structures only the first was looked at, and a long list of fields is cut off behind a
//! few with their number.

use ia64save_codec::Guest;
use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::transfer::ports::Errno;
use ia64save_sim::{DomId, Era, Host, Machine, Registers};

use crate::context::Context;

const TABLES: [(&str, &str); 3] = [
    ("xen-3.2", include_str!("../data/set-context-xen-3.2.txt")),
    ("xen-3.4", include_str!("../data/set-context-xen-3.4.txt")),
    (
        "xen-3.4",
        include_str!("../data/set-context-xen-3.4-more.txt"),
    ),
];

/// A pinned translation of the changed contexts.
const PTE: u64 = 0x0010_0000_0010_4661;
const VA: u64 = 0x4000_0000_0010_4000;

/// The context that was changed: one that the real 3.4 had saved.
fn base() -> Context {
    let mut context = Context::of("real340-pv-2vcpu", 0);
    // Another run of the same guest, whose loop had come this far.
    context.set("regs.rbs[2]", 0x10500);
    context.set("flags", 0x1e);
    context
}

/// But for the flags, which whoever sets a context overwrites, and the clock, which runs on.
fn differences(given: &Context, back: &Context) -> Vec<String> {
    let mut found = given.differences(back);
    found.retain(|found| !found.starts_with("flags") && !found.starts_with("regs.ar.itc"));
    found
}

fn change(name: &str, c: &mut Context) {
    let number = |text: &str| text.parse::<u64>().unwrap();
    let bspstore = c.get("regs.ar.bspstore");
    let rr1 = c.get("regs.rr[1]");
    let dtr = |c: &mut Context, entry: &str, pte: u64, itir: u64, vadr: u64| {
        c.set(&format!("regs.tr.{entry}.pte"), pte);
        c.set(&format!("regs.tr.{entry}.itir"), itir);
        c.set(&format!("regs.tr.{entry}.vadr"), vadr);
    };
    let entry = |name: &str| {
        let index: String = name[3..].chars().take_while(char::is_ascii_digit).collect();
        format!("{}s[{index}]", &name[..3])
    };
    match name {
        "unchanged" => {}
        "flags=0" => c.set("flags", 0),
        "flags EXTRA only" => c.set("flags", 2),
        "flags online only + rr bad" => {
            c.set("flags", 8);
            c.or("regs.rr[1]", 2);
        }
        "bsp unaligned" => c.set("regs.ar.bsp", bspstore + 3),
        "bspstore=bsp=0" => {
            c.set("regs.ar.bspstore", 0);
            c.set("regs.ar.bsp", 0);
        }
        "bsp=bspstore-8" => c.set("regs.ar.bsp", bspstore - 8),
        "rbs_voff=0xffffffff" => c.set("regs.rbs_voff", 0xffff_ffff),
        "rr1 bit1" => c.or("regs.rr[1]", 2),
        "rr1 rid=0x3ffff" => c.set("regs.rr[1]", rr1 & 0xff | 0x3ffff << 8),
        "rr1 rid=0x40000" => c.set("regs.rr[1]", rr1 & 0xff | 0x40000 << 8),
        "rr1 high bits" => c.or("regs.rr[1]", 1 << 40),
        "rr1=0" => c.set("regs.rr[1]", 0),
        "psr PK" => c.or("regs.psr", 1 << 15),
        "psr IS" => c.or("regs.psr", 1 << 34),
        "psr VM" => c.or("regs.psr", 1 << 46),
        "psr MC" => c.or("regs.psr", 1 << 35),
        "psr SI" => c.or("regs.psr", 1 << 23),
        "psr cpl=3" => c.or("regs.psr", 3 << 32),
        "psr cpl=1" => c.or("regs.psr", 1 << 32),
        "psr i" => c.or("regs.psr", 1 << 14),
        "psr dt rt it" => c.or("regs.psr", 1 << 17 | 1 << 27 | 1 << 36),
        "psr dt only" => c.or("regs.psr", 1 << 17),
        "psr ri=3" => c.or("regs.psr", 3 << 41),
        "psr bn=0" => c.set("regs.psr", c.get("regs.psr") & !(1 << 44)),
        "psr dfh" => c.or("regs.psr", 1 << 19),
        "psr all ones" => c.set("regs.psr", 0xffff_bfff_ffff_ffff),
        "psr=0" => c.set("regs.psr", 0),
        "cfm all ones" => c.set("regs.cfm", u64::MAX),
        "cfm sof=127" => c.set("regs.cfm", 127),
        "cfm=0" => c.set("regs.cfm", 0),
        "lc=~0" => c.set("regs.ar.lc", u64::MAX),
        "lc" => c.set("regs.ar.lc", 0x77),
        "rsc=0" => c.set("regs.ar.rsc", 0),
        "rsc=~0" => c.set("regs.ar.rsc", u64::MAX),
        "pfs=~0" => c.set("regs.ar.pfs", u64::MAX),
        "fpsr=~0" => c.set("regs.ar.fpsr", u64::MAX),
        "rnat" => c.set("regs.ar.rnat", 0x5555),
        "kr" => c.set("regs.ar.kr[3]", 0x55),
        "unat" => c.set("regs.ar.unat", 0x5555),
        "b1-b5" => (1..6).for_each(|n| c.set(&format!("regs.b[{n}]"), 0x1110 + n)),
        "r0" => c.set("regs.r[0]", 0x99),
        "f0 f1" => {
            c.set("regs.f[0].u.bits[0]", 7);
            c.set("regs.f[1].u.bits[0]", 7);
        }
        "f1" => c.set("regs.f[1].u.bits[0]", 7),
        "nats bit0" => c.or("regs.nats", 1),
        "nats all" => c.set("regs.nats", 0xffff_ffff),
        "bnats" => c.set("regs.bnats", 0xffff_0000),
        "bank" => c.set("regs.bank[3]", 5),
        "pkr" => c.set("regs.pkr[3]", 5),
        "cr.iva low bits" => c.set("regs.cr.iva", 0x20_ffff),
        "cr.dcr" => c.set("regs.cr.dcr", 5),
        "cr.tpr" => c.set("regs.cr.tpr", 0x30),
        "cr.irr" => c.set("regs.cr.irr[1]", 0x10000),
        "dbr0 HV addr" => c.set("regs.dbr[0]", 0xf400_0000_0000_0000),
        "dbr1 plm" => c.set("regs.dbr[1]", 0xff00_ffff_ffff_ffff),
        "dbr2 guest addr" => c.set("regs.dbr[2]", 0x2000_0000_0000_0000),
        "ibr0 HV addr" => c.set("regs.ibr[0]", 0xf400_0000_0000_0000),
        "itr0 4K" => dtr(c, "itrs[0]", 0x0010_0000_0010_0661, 12 << 2, VA),
        "event_callback_ip" => c.set("event_callback_ip", 0x1230),
        "privregs_pfn" => c.set("privregs_pfn", 0x1234),
        "itc" => c.set("regs.ar.itc", 5),
        "excp" => {
            c.set("regs.excp_iipa", 5);
            c.set("regs.excp_ifa", 6);
            c.set("regs.excp_isr", 7);
        }
        "rbs beyond" => c.set("regs.rbs[1500]", 0x55),
        "rbs_rnat" => c.set("regs.rbs_rnat", u64::MAX),
        _ => {
            if let Some(n) = name.strip_prefix("num_phys_stacked=") {
                c.set("regs.num_phys_stacked", number(n));
            } else if let Some(n) = name.strip_prefix("bsp=bspstore+") {
                let slots = number(n.split(' ').next().unwrap());
                c.set("regs.ar.bsp", bspstore + 8 * slots);
            } else if let Some(n) = name.strip_prefix("rbs_voff=") {
                c.set("regs.rbs_voff", number(n));
            } else if let Some(n) = name.strip_prefix("rr1 ps=") {
                c.set("regs.rr[1]", rr1 & !0xfc | number(n) << 2);
            } else if let Some(n) = name.strip_prefix("ec=") {
                c.set("regs.ar.ec", number(n));
            } else {
                let (place, what) = name.split_once(' ').unwrap();
                let entry = entry(place);
                match what {
                    "16K pl0" => dtr(c, &entry, PTE, 14 << 2, VA),
                    "unaligned 64M" => dtr(c, &entry, PTE, 26 << 2, VA),
                    "ps=9" => dtr(c, &entry, PTE, 9 << 2, VA),
                    "ps=13" => dtr(c, &entry, PTE, 13 << 2, VA),
                    "HV va" => dtr(c, &entry, PTE, 14 << 2, 0xf400_0000_0000_0000),
                    "not present" => dtr(c, &entry, PTE & !1, 14 << 2, VA),
                    "all ones" => dtr(c, &entry, u64::MAX, u64::MAX, u64::MAX),
                    _ => panic!("what is {name:?}?"),
                }
            }
        }
    }
}

fn fresh(era: &str) -> (Host, DomId) {
    let host = Host::of(era.parse::<Era>().unwrap());
    let domid = host.create_domain(Guest::Pv, 1, 64).unwrap();
    (host, domid)
}

#[test]
fn every_context_is_answered_as_a_real_hypervisor_did() {
    let mut rows = 0;
    for (era, table) in TABLES {
        for row in table.lines() {
            rows += 1;
            let (name, answer) = row.split_at(35);
            let name = name.trim_end();
            let mut given = base();
            change(name, &mut given);
            let (host, domid) = fresh(era);
            let got = match host.set_vcpu_context(domid, 0, &given.bytes) {
                Ok(()) => 0,
                Err(Errno(errno)) => -errno,
            };
            let answer = answer
                .trim_start()
                .strip_prefix("set rc")
                .unwrap()
                .trim_start();
            let code = answer.split([' ', ',']).next().unwrap();
            assert_eq!(got.to_string(), code, "{era}: {name}");
            let Some((_, expected)) = answer.split_once("in->readback:") else {
                // The real one did not live to answer.
                assert!(answer.contains("DID NOT RETURN"), "{era}: {name}");
                assert_eq!(
                    host.vcpu_context(domid, 0),
                    Err(Errno::EIO),
                    "{era}: {name}"
                );
                continue;
            };
            if got != 0 {
                assert_eq!(expected.trim(), "", "{era}: {name}");
                assert_ne!(
                    host.vcpu_context(domid, 0),
                    Err(Errno::EIO),
                    "{era}: {name}"
                );
                continue;
            }
            let back = host.vcpu_context(domid, 0).unwrap();
            let back = Context::new(ContextLayout::F, back);
            let found = differences(&given, &back);
            let (listed, total) = match expected.split_once(" ...(") {
                Some((listed, rest)) => (listed, rest.trim_end_matches(')').parse().unwrap()),
                None => (expected, expected.split("; ").count()),
            };
            let listed: Vec<&str> = listed.trim().split("; ").collect();
            assert_eq!(
                found[..listed.len().min(found.len())],
                listed,
                "{era}: {name}"
            );
            assert_eq!(found.len(), total, "{era}: {name}: {found:?}");
        }
    }
    assert_eq!(rows, 187);
}

#[test]
fn vcpus_that_never_ran_or_are_not_there_have_no_context() {
    let (host, domid) = fresh("xen-3.4");
    assert_eq!(host.vcpu_context(domid, 0), Err(Errno::ENODATA));
    assert_eq!(host.vcpu_context(domid, 1), Err(Errno::EINVAL));
    assert_eq!(
        host.set_vcpu_context(domid, 1, &base().bytes),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        host.set_vcpu_context(domid, 0, &base().bytes[1..]),
        Err(Errno::EINVAL)
    );
    assert_eq!(host.vcpu_context(domid + 1, 0), Err(Errno::ESRCH));
    assert!(!host.vcpu_info(domid, 0).unwrap().online);
}

/// A host that keeps registers bit by bit refuses what the other one refuses.
#[test]
fn verbatim_registers_are_checked_and_kept() {
    let host = Host::new(Machine {
        registers: Registers::Verbatim,
        ..Machine::new("xen-3.4".parse::<Era>().unwrap())
    });
    let set = |context: &Context| {
        let domid = host.create_domain(Guest::Pv, 1, 64).unwrap();
        let done = host.set_vcpu_context(domid, 0, &context.bytes);
        (domid, done)
    };
    let mut context = base();
    context.set("regs.cr.dcr", 5);
    context.set("regs.b[3]", 5);
    context.set("regs.psr", u64::MAX);
    let (domid, done) = set(&context);
    assert_eq!(done, Ok(()));
    let back = host.vcpu_context(domid, 0).unwrap();
    let back = Context::new(ContextLayout::F, back);
    assert_eq!(differences(&context, &back), [""; 0]);
    assert_eq!(back.get("flags"), 0);
    for bad in ["num_phys_stacked=95", "rr1 bit1", "bsp=bspstore-8"] {
        let mut context = base();
        change(bad, &mut context);
        assert_eq!(set(&context).1, Err(Errno::EINVAL), "{bad}");
    }
}
