//! D7c, D8a, D8b (HVM), D9a, D9b, D10a and D10b.
//!
//! Each table begins with the context unchanged; its other rows list what differed beyond that, how many
//! of those differences did *not* appear, and all fields, but a list that is too long is cut off behind
//! some with their number.

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::Errno;
use ia64save_sim::{Era, Heap, Host, Machine};

use crate::context::Context;

/// A table: the golden image whose context was changed (of another run of the same guest), and where
/// that run differed.
struct Table {
    era: &'static str,
    guest: Guest,
    rows: &'static [u8],
    golden: &'static str,
    run: &'static [(&'static str, u64)],
}

macro_rules! table {
    ($era:literal, $guest:ident, $file:literal, $golden:literal, $run:expr) => {
        Table {
            era: $era,
            guest: Guest::$guest,
            rows: include_bytes!(concat!("../data/set-context-", $file, ".txt.zst")),
            golden: $golden,
            run: $run,
        }
    };
}

const TABLES: [Table; 7] = [
    table!("D7c", Pv, "D7c", "realD7c-pv", &[]),
    table!("D8a", Pv, "D8a", "realD8a-pv", &[("regs.r[16]", 0x10000)]),
    table!("D8b", Hvm, "D8b-hvm", "realD8a-hvm-2vcpu-rich", HVM),
    table!("D9a", Pv, "D9a", "realD9a-pv", &[]),
    table!("D9b", Pv, "D9b", "realD9b-pv", &[]),
    table!(
        "D10a",
        Pv,
        "D10a",
        "realD10a-pv",
        &[("regs.r[16]", 0x14000)]
    ),
    table!("D10b", Pv, "D10b", "realD10a-pv", &[("regs.r[16]", 0x8000)]),
];

/// The HVM context as it was given; the golden image has what came of that.
const HVM: &[(&str, u64)] = &[
    ("regs.r[14]", 0x18_4008),
    ("regs.r[15]", 0xa_12d1),
    ("regs.r[16]", 0x4000),
    ("regs.psr", 0x1020_0000_2008),
    ("regs.nats", 0x0810_0624),
    ("regs.bnats", 0x4004_0003),
    ("regs.cr.iva", 0x20_ffff),
    ("regs.cr.irr[0]", 0x1100),
    ("regs.cr.irr[1]", 0x1101),
    ("regs.cr.irr[2]", 0x1102),
    ("regs.cr.irr[3]", 0x1103),
    ("regs.dbr[0]", 0xf400_0000_0000_0000),
    ("regs.pkr[0]", 0x500),
    ("regs.pkr[1]", 0x501),
    ("regs.pkr[2]", 0x502),
    ("regs.pkr[3]", 0x503),
    ("regs.pkr[4]", 0x504),
    ("regs.pkr[5]", 0x505),
    ("regs.pkr[6]", 0x506),
    ("regs.pkr[7]", 0x507),
    ("regs.xip", 0x77),
    ("regs.xpsr", 0x77),
    ("regs.xfs", 0x77),
    ("regs.excp_iipa", 0x77),
    ("regs.excp_isr", 0x77),
    ("privregs_pfn", 1),
];

/// The flag with which restores of these eras set contexts.
const EXTRA_REGS: u64 = 2;
const PTE: u64 = 0x0010_0000_0020_4661;

impl Table {
    fn base(&self) -> Context {
        let mut context = Context::of(self.golden, 0);
        context.set("flags", EXTRA_REGS);
        for (path, value) in self.run {
            context.set(path, *value);
        }
        if self.guest == Guest::Hvm {
            // Empty translation registers had no region yet.
            for kind in ["itrs", "dtrs"] {
                for index in 1..8 {
                    context.set(&format!("regs.tr.{kind}[{index}].rid"), 0);
                }
            }
        }
        context
    }
}

fn hex(text: &str) -> u64 {
    match text {
        "~0" => u64::MAX,
        _ => u64::from_str_radix(text.strip_prefix("0x").expect("hex"), 16).unwrap(),
    }
}

/// Changes one thing; what the name of the row says.
fn change(name: &str, guest: Guest, c: &mut Context) {
    let bspstore = c.get("regs.ar.bspstore");
    let psr = c.get("regs.psr");
    let tr = |c: &mut Context, entry: &str, pte: u64, itir: u64, vadr: u64, rid: u64| {
        c.set(&format!("regs.tr.{entry}.pte"), pte);
        c.set(&format!("regs.tr.{entry}.itir"), itir);
        c.set(&format!("regs.tr.{entry}.vadr"), vadr);
        if guest == Guest::Hvm {
            c.set(&format!("regs.tr.{entry}.rid"), rid);
        }
    };
    let slots = |registers: u64| registers + ((bspstore >> 3 & 63) + registers) / 63;
    let bsp = |c: &mut Context, offset: u64| c.set("regs.ar.bsp", bspstore.wrapping_add(offset));
    match name {
        "unchanged" => {}
        "flags=0" => c.set("flags", 0),
        "flags=~0 but 0x8.." => c.set("flags", !8),
        "bsp=bspstore-8" => bsp(c, 8_u64.wrapping_neg()),
        "bsp=bspstore+2^32" => bsp(c, 1 << 32),
        "bsp=bspstore+2^32+0x2d8" => bsp(c, (1 << 32) + 0x2d8),
        "bsp unaligned (+3)" => c.set("regs.ar.bsp", c.get("regs.ar.bsp") + 3),
        "bspstore unaligned (+3)" => c.set("regs.ar.bspstore", bspstore + 3),
        "bspstore=bsp=0" => {
            c.set("regs.ar.bspstore", 0);
            c.set("regs.ar.bsp", 0);
        }
        "bsp at an RNAT slot" => c.set("regs.ar.bsp", bspstore | 63 << 3),
        "psr cpl=1" => c.set("regs.psr", psr | 1 << 32),
        "psr cpl=2" => c.set("regs.psr", psr | 2 << 32),
        "psr cpl=3" => c.set("regs.psr", psr | 3 << 32),
        "psr dt rt it" => c.set("regs.psr", psr | 1 << 17 | 1 << 27 | 1 << 36),
        "psr dt only" => c.set("regs.psr", psr | 1 << 17),
        "psr ri=3" => c.set("regs.psr", psr | 3 << 41),
        "psr all ones" => c.set("regs.psr", 0xffff_bfff_ffff_ffff),
        "psr=0" => c.set("regs.psr", 0),
        "rsc=0" => c.set("regs.ar.rsc", 0),
        "kr3" => c.set("regs.ar.kr[3]", 0x55),
        "b1-b5" => (1..6).for_each(|n| c.set(&format!("regs.b[{n}]"), 0x1110 + n)),
        "r0" => c.set("regs.r[0]", 0x99),
        "f0 f1" => {
            c.set("regs.f[0].u.bits[0]", 7);
            c.set("regs.f[0].u.bits[1]", 7);
        }
        "f2 f12 f32 f127" => {
            for register in [2, 12, 32, 127] {
                c.set(&format!("regs.f[{register}].u.bits[0]"), 7);
            }
        }
        "nats bit 0" => c.or("regs.nats", 1),
        "nats all" => c.set("regs.nats", 0xffff_ffff),
        "nats 0" => c.set("regs.nats", 0),
        "bnats" => c.set("regs.bnats", 0xffff_0000),
        "bank[3]" => c.set("regs.bank[3]", 5),
        "pkr[3]" => c.set("regs.pkr[3]", 5),
        "cr.iva low bits" => c.set("regs.cr.iva", 0x20_ffff),
        "cr.dcr" => c.set("regs.cr.dcr", 5),
        "cr.tpr" => c.set("regs.cr.tpr", 0x30),
        "cr.itm" => c.set("regs.cr.itm", 0x30),
        "cr.irr[1]" => c.set("regs.cr.irr[1]", 0x10000),
        "cr.pta" => c.set("regs.cr.pta", 0x10_0138),
        "cr.itv" => c.set("regs.cr.itv", 0xef),
        "dbr0 HV addr" => c.set("regs.dbr[0]", 0xf400_0000_0000_0000),
        "dbr1 plm" => c.set("regs.dbr[1]", 0xff00_ffff_ffff_ffff),
        "dbr2 guest addr" => c.set("regs.dbr[2]", 0x2000_0000_0000_0000),
        "ibr0 HV addr" => c.set("regs.ibr[0]", 0xf400_0000_0000_0000),
        "ibr1 plm" => c.set("regs.ibr[1]", 0xff00_ffff_ffff_ffff),
        "itr0 4K" => tr(
            c,
            "itrs[0]",
            0x0010_0000_0010_0661,
            12 << 2,
            0x400_0000,
            0x1234,
        ),
        "dtr3 16K pl0" => tr(c, "dtrs[3]", PTE, 14 << 2, 0x400_0000, 0x1234),
        "dtr4 unaligned 64M" => tr(c, "dtrs[4]", PTE, 26 << 2, 0x400_1234, 0),
        "dtr5 ps=9" => tr(c, "dtrs[5]", PTE, 9 << 2, 0x400_0000, 0),
        "dtr6 HV va" => tr(c, "dtrs[6]", PTE, 14 << 2, 0xf400_0000_0000_0000, 0),
        "dtr7 not present" => tr(c, "dtrs[7]", PTE & !1, 14 << 2, 0x400_0000, 0),
        "dtr7 all ones" => tr(c, "dtrs[7]", u64::MAX, u64::MAX, u64::MAX, 0),
        "event_callback_ip" => c.set("event_callback_ip", 0x1230),
        "privregs_pfn" => c.set("privregs_pfn", 0x777),
        "excp" => {
            c.set("regs.excp_iipa", 5);
            c.set("regs.excp_isr", 6);
            c.set("regs.excp_vector", 7);
        }
        _ => {
            let bit = |name: &str| match name {
                "i" => 14,
                "ic" => 13,
                "PK" => 15,
                "dfl" => 18,
                "dfh" => 19,
                "SP" => 20,
                "PP" => 21,
                "DI" => 22,
                "SI" => 23,
                "DB" => 24,
                "LP" => 25,
                "TB" => 26,
                "IS" => 34,
                "MC" => 35,
                "ID" => 37,
                "DA" => 38,
                "DD" => 39,
                "SS" => 40,
                "ED" => 43,
                "bn" => 44,
                "IA" => 45,
                "VM" => 46,
                _ => panic!("which bit is {name}?"),
            };
            let words = |text: &str| text.split(' ').next().unwrap().parse::<u64>().unwrap();
            if let Some(n) = name.strip_prefix("bsp: ") {
                bsp(c, 8 * slots(words(n)));
            } else if let Some(n) = name.strip_prefix("bsp=bspstore+") {
                bsp(c, 8 * words(n));
            } else if let Some(name) = name.strip_prefix("psr ^") {
                c.set("regs.psr", psr ^ 1 << bit(name));
            } else if let Some(n) = name.strip_prefix("num_phys_stacked=") {
                c.set("regs.num_phys_stacked", words(n));
            } else {
                let (path, value) = name.split_once('=').unwrap_or_else(|| panic!("{name}?"));
                let path = match path {
                    "rbs_voff" | "rbs_rnat" | "rbs_nat" | "cfm" | "ip" | "pr" => path.to_owned(),
                    _ if path.starts_with("rr") => format!("rr[{}]", &path[2..]),
                    _ => format!("ar.{path}"),
                };
                c.set(&format!("regs.{path}"), hex(value));
            }
        }
    }
}

/// What is not modelled: the words that stood in the memory of a vcpu before it was that of this one.
/// Only where its stack was refused are they seen.
fn is_old_memory(found: &str) -> bool {
    found.starts_with("regs.rbs[")
}

struct Answer {
    code: i32,
    /// Fields in which what came back differs, all of them.
    found: Vec<String>,
    /// The machine did not live to say.
    lost: bool,
}

fn ask(table: &Table, given: &Context) -> Answer {
    let host = Host::new(Machine {
        heap: Heap::Reused,
        ..Machine::new(table.era.parse::<Era>().unwrap())
    });
    let domid = host.create_domain(table.guest, 1, 64).unwrap();
    let code = match host.set_vcpu_context(domid, 0, &given.bytes) {
        Ok(()) => 0,
        Err(Errno(errno)) => -errno,
    };
    let back = host.vcpu_context(domid, 0);
    let lost = host.down().is_some();
    assert_eq!(lost, back == Err(Errno::EIO));
    let found = back.map_or(Vec::new(), |back| {
        given.all_differences(&Context::new(given.layout, back))
    });
    Answer { code, found, lost }
}

#[test]
fn every_context_is_answered_as_a_real_hypervisor_of_the_era_did() {
    let mut rows = 0;
    let mut wrong = Vec::new();
    for table in TABLES {
        let text = zstd::decode_all(table.rows).unwrap();
        let text = String::from_utf8(text).unwrap();
        let unchanged = ask(&table, &table.base()).found;
        for row in text.lines() {
            rows += 1;
            let (name, answer) = row.split_at(35);
            let name = name.trim_end();
            let mut given = table.base();
            change(name, table.guest, &mut given);
            let got = ask(&table, &given);
            if let Some(complaint) = compare(name, answer.trim(), &unchanged, &got) {
                wrong.push(format!("{} {name}: {complaint}", table.era));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {rows}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(rows, 1058);
}

fn compare(name: &str, answer: &str, unchanged: &[String], got: &Answer) -> Option<String> {
    if answer == "set DID NOT RETURN" {
        return (got.code != -5 || !got.lost).then(|| "it returned".to_owned());
    }
    let answer = answer.strip_prefix("set rc").unwrap().trim_start();
    let code: i32 = answer.split([' ', ',']).next().unwrap().parse().unwrap();
    if code != got.code {
        return Some(format!("{code} is {}", got.code));
    }
    let Some((_, expected)) = answer.split_once("in->readback:") else {
        assert!(
            answer.ends_with("then getvcpucontext DID NOT RETURN"),
            "{answer}"
        );
        return (!got.lost).then(|| "it lived to answer".to_owned());
    };
    let (expected, absent) = match expected.split_once("(of the differences of \"unchanged\", ") {
        Some((expected, rest)) => (expected, rest.split(' ').next().unwrap().parse().unwrap()),
        None => (expected, 0),
    };
    let (listed, total) = match expected.split_once(" ...(") {
        Some((listed, rest)) => (listed, rest.trim().trim_end_matches(')').parse().ok()),
        None => (expected, None),
    };
    let listed: Vec<&str> = listed
        .split(';')
        .map(str::trim)
        .filter(|f| !f.is_empty())
        .collect();
    if name == "unchanged" {
        let found: Vec<&str> = got.found.iter().map(String::as_str).collect();
        return (found != listed).then(|| apart(&listed, None, &found));
    }
    let more: Vec<&str> = got
        .found
        .iter()
        .filter(|found| !unchanged.contains(found))
        .map(String::as_str)
        .collect();
    let missing = unchanged
        .iter()
        .filter(|found| !got.found.contains(found))
        .count();
    if code == 0 && missing != absent {
        return Some(format!("{absent} absent is {missing}"));
    }
    if total.is_none() && more == listed {
        return None;
    }
    if code != 0 {
        // A prefix at least, apart from old memory.
        let more: Vec<&str> = more.iter().copied().filter(|f| !is_old_memory(f)).collect();
        let known: Vec<&str> = listed
            .iter()
            .copied()
            .filter(|f| !is_old_memory(f))
            .collect();
        let same = more.starts_with(&known) && (total.is_some() || more == known);
        // What is old memory may differ or not.
        let enough =
            total.is_none_or(|total: usize| (more.len()..more.len() + 99).contains(&total));
        return (!same || !enough).then(|| apart(&known, total, &more));
    }
    let same = total == Some(more.len()) && more.starts_with(&listed);
    (!same).then(|| apart(&listed, total, &more))
}

/// What is only in the one or the other.
fn apart(listed: &[&str], total: Option<usize>, found: &[&str]) -> String {
    let only = |one: &[&str], other: &[&str]| -> Vec<String> {
        let missing = one.iter().filter(|item| !other.contains(item));
        missing.map(|item| (*item).to_owned()).collect()
    };
    let count = total.unwrap_or(listed.len());
    format!(
        "{count} is {}: {:?} is {:?}",
        found.len(),
        only(listed, found),
        only(found, listed)
    )
}
