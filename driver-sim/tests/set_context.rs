//! Set-context against a real hypervisor.
//!
//! `data/set-context-xen-*.txt` are what Xen 3.2 and 3.4 answered, on a simulated Itanium 2, to
//! contexts that each had one thing changed: the return code, and which fields came back other than
//! they went in. Of arrays of structures only the first was looked at, and a long list of fields is
//! cut off behind a few with their number. Every row is held against the simulated hypervisor.

use ia64save_codec::Guest;
use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::layout_of_context;
use ia64save_corpus::golden;
use ia64save_sim::{DomId, Era, GuestSpec, Host, Machine, Registers};

const TABLES: [(&str, &str); 3] = [
    ("xen-3.2", include_str!("data/set-context-xen-3.2.txt")),
    ("xen-3.4", include_str!("data/set-context-xen-3.4.txt")),
    ("xen-3.4", include_str!("data/set-context-xen-3.4-more.txt")),
];

/// A pinned translation of the changed contexts.
const PTE: u64 = 0x0010_0000_0010_4661;
const VA: u64 = 0x4000_0000_0010_4000;

/// A context that is changed field by field.
#[derive(Clone)]
struct Context(Vec<u8>);

impl Context {
    fn place(path: &str) -> (usize, usize) {
        let field = layout_of_context(ContextLayout::F).find(path);
        let field = field.unwrap_or_else(|| panic!("no field {path}"));
        (field.offset, field.size().min(8))
    }

    fn get(&self, path: &str) -> u64 {
        let (offset, size) = Self::place(path);
        let mut word = [0; 8];
        word[..size].copy_from_slice(&self.0[offset..offset + size]);
        u64::from_le_bytes(word)
    }

    fn set(&mut self, path: &str, value: u64) {
        let (offset, size) = Self::place(path);
        self.0[offset..offset + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }

    fn or(&mut self, path: &str, bits: u64) {
        self.set(path, self.get(path) | bits);
    }

    /// The fields in which `other` differs, as the tables write them: `regs.rr[8][1] 0->39`.
    fn differences(&self, other: &Context) -> Vec<String> {
        let mut out = Vec::new();
        layout_of_context(ContextLayout::F).walk(&self.0, &mut |entry| {
            let elements = entry.path.split('[').skip(1);
            let first = elements
                .filter_map(|rest| rest.split(']').next())
                .all(|index| index == "0");
            // The first is overwritten by whoever sets a context, the second runs on.
            if !first || ["flags", "regs.ar.itc"].contains(&entry.path) {
                return;
            }
            let size = entry.size / entry.count;
            for index in 0..entry.count {
                let at = entry.offset + index * size;
                let word = |bytes: &[u8]| {
                    let bytes = &bytes[at..at + size];
                    bytes
                        .iter()
                        .rev()
                        .fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
                };
                let (before, after) = (word(&self.0), word(&other.0));
                if before != after {
                    let count = if entry.count > 1 {
                        format!("[{}]", entry.count)
                    } else {
                        String::new()
                    };
                    out.push(format!(
                        "{}{count}[{index}] {before:x}->{after:x}",
                        entry.path
                    ));
                }
            }
        });
        out
    }
}

/// The context that was changed: one that the real 3.4 had saved.
fn base() -> Context {
    let image = golden("real340-pv-2vcpu");
    let section = image.sections();
    let section = section.iter().find(|s| s.name == "vcpu0_context").unwrap();
    let bytes = image.bytes();
    let mut context = Context(bytes[section.offset as usize..section.end() as usize].to_vec());
    // Another run of the same guest, whose loop had come this far.
    context.set("regs.rbs[2]", 0x10500);
    context.set("flags", 0x1e);
    context
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
            let got = match host.set_vcpu_context(domid, 0, &given.0) {
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
            let back = Context(host.vcpu_context(domid, 0).unwrap());
            let found = given.differences(&back);
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
        host.set_vcpu_context(domid, 1, &base().0),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        host.set_vcpu_context(domid, 0, &base().0[1..]),
        Err(Errno::EINVAL)
    );
    assert_eq!(host.vcpu_context(domid + 1, 0), Err(Errno::ESRCH));
    assert!(!host.vcpu_info(domid, 0).unwrap().online);
}

/// Set-context of an HVM vcpu, for which no table was recorded: the rules of spec 8 and 15.
mod hvm {
    use super::*;

    const FLAGS: u64 = 0x1e;

    fn base() -> Context {
        let host = Host::of("xen-3.4".parse::<Era>().unwrap());
        let spec = GuestSpec {
            firmware: 4,
            ..GuestSpec::new(Guest::Hvm, 64)
        };
        let domid = spec.build(&host).unwrap();
        let mut context = Context(host.vcpu_context(domid, 0).unwrap());
        context.set("flags", FLAGS);
        context
    }

    /// The return code, and what came back other than it went in.
    fn set(change: impl FnOnce(&mut Context)) -> (Result<(), Errno>, Vec<String>) {
        let mut given = base();
        change(&mut given);
        let host = Host::of("xen-3.4".parse::<Era>().unwrap());
        let domid = host.create_domain(Guest::Hvm, 1, 64).unwrap();
        let done = host.set_vcpu_context(domid, 0, &given.0);
        let back = host.vcpu_context(domid, 0).map(Context);
        (
            done,
            back.map_or(Vec::new(), |back| given.differences(&back)),
        )
    }

    #[test]
    fn registers_come_back() {
        assert_eq!(set(|_| {}), (Ok(()), vec![]));
        let kept = set(|c| {
            c.set("regs.ar.kr[3]", 0x55);
            c.set("regs.bank[3]", 5);
            c.set("regs.bnats", 0xffff_0000);
            c.set("regs.cr.dcr", 5);
            c.set("regs.cr.tpr", 0x30);
            c.set("regs.cr.irr[1]", 0x10000);
            c.set("regs.dbr[1]", 0xff00_ffff_ffff_ffff);
            c.set("regs.ar.rsc", 0);
        });
        assert_eq!(kept, (Ok(()), vec![]));
    }

    #[test]
    fn some_are_dropped() {
        let psr = set(|c| {
            c.set("regs.psr", 0x10_0802_2010 | 0x2be0_0000_0000);
        });
        assert!(psr.0.is_ok());
        // id 37, da 38, dd 39, ed 43, ia 45 are gone; ss 40 and ri 41 stay.
        assert_eq!(psr.1, ["regs.psr[0] 2bf008022010->31008022010"]);
        let irr = set(|c| {
            c.set("flags", FLAGS & !4);
            c.set("regs.cr.irr[1]", 0x10000);
        });
        assert_eq!(irr.1, ["regs.cr.irr[4][1] 10000->0"]);
        let others = set(|c| {
            c.set("regs.b[1]", 1);
            c.set("regs.r[0]", 1);
            c.set("regs.cr.iva", 0x20_ffff);
        });
        let names: Vec<&str> = others
            .1
            .iter()
            .map(|d| d.split('[').next().unwrap())
            .collect();
        assert_eq!(names, ["regs.r", "regs.b", "regs.cr.iva"]);
    }

    #[test]
    fn of_region_registers_only_the_id_is_looked_at() {
        let bad = |flags| {
            set(move |c| {
                c.set("flags", flags);
                c.set("regs.rr[2]", 0x39 | 1 << 26);
            })
            .0
        };
        assert_eq!(bad(FLAGS), Err(Errno::EINVAL));
        assert_eq!(bad(FLAGS & !2), Ok(()));
        let odd = set(|c| c.set("regs.rr[2]", 0x1ff));
        assert_eq!(odd, (Ok(()), vec![]));
    }

    #[test]
    fn translations_get_their_region_anew() {
        let (done, found) = set(|c| {
            c.set("regs.tr.itrs[0].pte", 0x000c_0000_0400_0663);
            c.set("regs.tr.itrs[0].rid", 7);
            c.set("regs.tr.dtrs[0].rid", 8);
            c.set("regs.rr[5]", 0x1_2339);
        });
        assert_eq!(done, Ok(()));
        assert_eq!(
            found,
            [
                "regs.tr.itrs[0].pte[0] c000004000663->4000661",
                "regs.tr.itrs[0].rid[0] 7->123",
                "regs.tr.dtrs[0].rid[0] 8->123",
            ]
        );
    }

    #[test]
    fn three_bits_of_psr_kill_the_domain() {
        for bit in [15, 34, 46] {
            let (done, found) = set(|c| c.or("regs.psr", 1 << bit));
            assert!(done.is_err() && found.is_empty(), "{bit}");
        }
    }
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
        let done = host.set_vcpu_context(domid, 0, &context.0);
        (domid, done)
    };
    let mut context = base();
    context.set("regs.cr.dcr", 5);
    context.set("regs.b[3]", 5);
    context.set("regs.psr", u64::MAX);
    let (domid, done) = set(&context);
    assert_eq!(done, Ok(()));
    let back = Context(host.vcpu_context(domid, 0).unwrap());
    assert_eq!(context.differences(&back), [""; 0]);
    assert_eq!(back.get("flags"), 0);
    for bad in ["num_phys_stacked=95", "rr1 bit1", "bsp=bspstore-8"] {
        let mut context = base();
        change(bad, &mut context);
        assert_eq!(set(&context).1, Err(Errno::EINVAL), "{bad}");
    }
}
