//! The tables of `spec/eras` against the code's own table, cell by cell where a cell says so.

use std::collections::BTreeMap;

use ia64save_codec::Era;
use ia64save_codec::Guest::{self, Hvm, Pv};
use ia64save_codec::era::{
    DcrSet, HvmPrivregsPfn, HvmRegionSet, NatsForm, NatsSet, PsrForm, RbsImage, RegionSet,
    StackForm, StackSet, Unset,
};
use ia64save_codec::wire::layout_of_context;

const ERAS: &str = include_str!("../../spec/eras/eras.tsv");
const COMMITS: &str = include_str!("../../spec/eras/commits.tsv");
const GET_PV: &str = include_str!("../../spec/eras/get-pv.tsv");
const GET_HVM: &str = include_str!("../../spec/eras/get-hvm.tsv");
const SET_PV: &str = include_str!("../../spec/eras/set-pv.tsv");
const SET_HVM: &str = include_str!("../../spec/eras/set-hvm.tsv");
const SPEC: &str = include_str!("../../spec/ia64-save.md");

/// The rows behind the comments and the names of the columns.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.skip(1).map(|line| line.split('\t').collect())
}

/// A matrix: what it says of each field, by era.
fn matrix(table: &'static str) -> BTreeMap<&'static str, Vec<(Era, &'static str)>> {
    let mut lines = table.lines().filter(|line| !line.starts_with('#'));
    let head: Vec<&str> = lines.next().expect("columns").split('\t').collect();
    assert_eq!(head[0], "field");
    let eras: Vec<Era> = head[1..].iter().map(|id| id.parse().expect(id)).collect();
    assert_eq!(eras, Era::ALL);
    lines
        .map(|line| {
            let mut cells = line.split('\t');
            let field = cells.next().expect("a field");
            let cells: Vec<_> = eras.iter().copied().zip(cells).collect();
            assert_eq!(cells.len(), Era::ALL.len(), "{field}");
            (field, cells)
        })
        .collect()
}

#[test]
fn the_table_of_eras_is_that_of_the_code() {
    let table: Vec<_> = rows(ERAS).collect();
    assert_eq!(table.len(), Era::ALL.len());
    for (era, row) in Era::ALL.into_iter().zip(table) {
        let spec = era.spec();
        let none = |text: &'static str| if text.is_empty() { "-" } else { text };
        let dialect = format!("{:?}", spec.dialect);
        let layout = format!("{:?}", spec.dialect.spec().context);
        let privregs = format!("{:?}", spec.privregs);
        let expected = [
            spec.id,
            &dialect,
            spec.from,
            spec.until,
            spec.dates.0,
            spec.dates.1,
            none(spec.releases),
            &layout,
            &privregs,
            spec.news,
        ];
        assert_eq!(row, expected, "{era}");
    }
}

#[test]
fn the_specification_has_the_same_table() {
    let start = SPEC.find("<a id=\"c12-4\">").expect("clause 12.4");
    let end = SPEC.find("<a id=\"c13\">").expect("clause 13");
    let rows = SPEC[start..end]
        .lines()
        .filter(|line| line.starts_with("| D"));
    let rows: Vec<Vec<String>> = rows
        .map(|row| {
            let cells = row.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().replace('`', "")).collect()
        })
        .collect();
    assert_eq!(rows.len(), Era::ALL.len());
    for (era, row) in Era::ALL.into_iter().zip(rows) {
        let spec = era.spec();
        let releases = if spec.releases.is_empty() {
            "none"
        } else {
            spec.releases
        };
        let dialect = format!("{:?}", spec.dialect);
        let layout = format!("{:?}", spec.dialect.spec().context);
        let privregs = format!("{:?}", spec.privregs);
        let expected = [
            spec.id,
            &dialect,
            spec.from,
            spec.dates.0,
            releases,
            &layout,
            &privregs,
            spec.news,
        ];
        assert_eq!(row, expected, "{era}");
    }
}

#[test]
fn every_era_begins_with_a_commit_of_the_table() {
    let commits: Vec<_> = rows(COMMITS).collect();
    for era in Era::ALL {
        let spec = era.spec();
        let row = commits
            .iter()
            .find(|row| row[1].split(' ').any(|commit| commit == spec.from));
        let row = row.unwrap_or_else(|| panic!("{era}: no {}", spec.from));
        assert_eq!(row[0], spec.dates.0, "{era}");
        assert_eq!(row[2].split(' ').next(), Some(spec.id), "{era}");
    }
    // In order, and of eras that there are.
    let days: Vec<&str> = commits.iter().map(|row| row[0]).collect();
    assert!(
        days.windows(2)
            .all(|pair| pair[0] <= pair[1] || pair[1] == "2007-12-14")
    );
    for row in &commits {
        let id = row[2].split(' ').next().expect("an era");
        assert!(
            id == "-" || id.parse::<Era>().is_ok_and(|era| era.id() == id),
            "{row:?}"
        );
    }
}

/// Registers of a number range by their paths from layout B on.
fn each(name: &str, numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let numbers = numbers.into_iter();
    numbers.map(|n| format!("regs.{name}[{n}]")).collect()
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The fields that a row of a matrix is about, by their paths from layout B on.
fn fields_of(row: &str) -> Vec<String> {
    let ar = |names: &str| -> Vec<String> {
        names
            .split(' ')
            .map(|name| format!("regs.ar.{name}"))
            .collect()
    };
    let cr = |names: &str| -> Vec<String> {
        names
            .split(' ')
            .map(|name| format!("regs.cr.{name}"))
            .collect()
    };
    match row {
        "flags" | "event_callback_ip" | "privregs_pfn" => named(&[row]),
        "padding @8" => named(&["pad8"]),
        "r0" => each("r", [0]),
        "r1, r11, r12, r13" => each("r", [1, 11, 12, 13]),
        "r8" => each("r", [8]),
        "r15" => each("r", [15]),
        "r2, r3, r9, r10, r14, r16-r31" => each("r", [2, 3, 9, 10, 14].into_iter().chain(16..32)),
        "r4-r7" => each("r", 4..8),
        "bank r16-r31" | "bank" => each("bank", 0..16),
        "b0, b6" => each("b", [0, 6]),
        "b7" => each("b", [7]),
        "b1-b5" => each("b", 1..6),
        "ip" | "psr" | "pr" | "nats" | "bnats" | "rbs_voff" | "rbs_nat" | "rbs_rnat"
        | "num_phys_stacked" => vec![format!("regs.{row}")],
        "cfm (cr.ifs)" => named(&["regs.cfm"]),
        "ar.rsc unat pfs rnat bspstore fpsr" => ar("rsc unat pfs rnat bspstore fpsr"),
        "ar.ccv csd ssd" => ar("ccv csd ssd"),
        "ar.bsp" | "ar.bsp / loadrs" => ar("bsp"),
        "ar.lc, ar.ec" => ar("lc ec"),
        "ar.itc" | "ar.itc, flags.SET_AR_ITC" => ar("itc"),
        "ar.kr0-7, ar.fcr..fdr, reserved ar" => {
            [each("ar.kr", 0..8), ar("fcr eflag cflg fsr fir fdr rsv1")].concat()
        }
        "ar.kr0-7" => each("ar.kr", 0..8),
        "cr.dcr" => cr("dcr"),
        "cr.iva" | "cr.iva (EXTRA_REGS)" => cr("iva"),
        "cr.itm" => cr("itm"),
        "cr.pta ipsr isr iip ifa tpr itv pmv cmcv" => cr("pta ipsr isr iip ifa tpr itv pmv cmcv"),
        "cr.irr0-3" | "cr.irr" => each("cr.irr", 0..4),
        "cr.ivr" => cr("ivr"),
        "cr.itir iha iim" => cr("itir iha iim"),
        "cr.iipa ifs lid eoi lrr0 lrr1, reserved cr" => cr("iipa ifs lid eoi lrr0 lrr1 rsv1"),
        "cr.dcr itm iva pta ipsr isr iip ifa itir iha iim tpr itv pmv cmcv" => {
            cr("dcr itm iva pta ipsr isr iip ifa itir iha iim tpr itv pmv cmcv")
        }
        "cr.iipa ifs lid ivr eoi lrr0 lrr1" => cr("iipa ifs lid ivr eoi lrr0 lrr1"),
        "f0, f1" => each("f", [0, 1]),
        "f2-f5, f12-f31" => each("f", (2..6).chain(12..32)),
        "f2-f5, f12-f127" => each("f", (2..6).chain(12..128)),
        "f6-f11" => each("f", 6..12),
        "f32-f127" => each("f", 32..128),
        "dbr, ibr" => [each("dbr", 0..8), each("ibr", 0..8)].concat(),
        "rr0-rr6" => each("rr", 0..7),
        "rr7" => each("rr", [7]),
        "rr0-7" | "rr (EXTRA_REGS)" => each("rr", 0..8),
        "pkr, xip, xpsr, xfs, xr" => [
            each("pkr", 0..16),
            named(&["regs.xip", "regs.xpsr", "regs.xfs"]),
        ]
        .concat(),
        "itrs/dtrs" | "itrs/dtrs (EXTRA_REGS)" => {
            named(&["regs.tr.itrs[0].pte", "regs.tr.dtrs[7].itir"])
        }
        "excp_iipa/isr/vector (ifa from D9)" => {
            named(&["regs.excp_iipa", "regs.excp_isr", "regs.excp_vector"])
        }
        "rbs[]" => named(&["regs.rbs"]),
        "event_callback_ip (EXTRA_REGS)" => named(&["event_callback_ip"]),
        "cr.iva, event_callback_ip" => named(&["regs.cr.iva", "event_callback_ip"]),
        "flags, paddings, r0, b1-b5, f0, f1, pkr, x*, excp_*" => [
            each("b", 1..6),
            each("f", [0, 1]),
            each("pkr", 0..16),
            named(&[
                "flags",
                "pad8",
                "regs.r[0]",
                "regs.xip",
                "regs.xr[0]",
                "regs.excp_iipa",
            ]),
        ]
        .concat(),
        "r1-r3, r8-r31, b0, b6, b7, ip, cfm, pr, ar in frame, f6-f11" => [
            each("r", (1..4).chain(8..32)),
            each("b", [0, 6, 7]),
            each("f", 6..12),
            named(&["regs.ip", "regs.cfm", "regs.pr"]),
            ar("rsc bspstore rnat csd ssd ccv unat fpsr pfs"),
        ]
        .concat(),
        "ar.bsp, lc, ec, rbs, rbs_voff, rbs_rnat, f2-f127" => [
            each("f", 2..128),
            ar("bsp lc ec"),
            named(&["regs.rbs", "regs.rbs_voff", "regs.rbs_rnat"]),
        ]
        .concat(),
        "rbs, bsp, lc, ec, f2-f127, num_phys_stacked" => {
            [each("f", 2..128), ar("bsp lc ec"), named(&["regs.rbs"])].concat()
        }
        "r1-r31, b0 b6 b7, ip, cfm, pr, ar.unat pfs rnat bspstore csd ssd ccv fpsr, f6-f11" => [
            each("r", 1..32),
            each("b", [0, 6, 7]),
            each("f", 6..12),
            named(&["regs.ip", "regs.cfm", "regs.pr"]),
            ar("unat pfs rnat bspstore csd ssd ccv fpsr"),
        ]
        .concat(),
        "bank, bnats, b1-b5, r0, f0, f1, pkr, x*, excp_*, ar.kr, cr.* but iva/dcr, privregs_pfn, rbs_nat" => {
            [
                each("bank", 0..16),
                each("b", 1..6),
                each("f", [0, 1]),
                each("pkr", 0..16),
                each("ar.kr", 0..8),
                cr("itm pta ipsr isr iip ifa ivr tpr itv pmv cmcv itir iha iim iipa ifs lid"),
                named(&[
                    "regs.bnats",
                    "regs.r[0]",
                    "regs.xip",
                    "regs.excp_isr",
                    "privregs_pfn",
                    "regs.rbs_nat",
                ]),
            ]
            .concat()
        }
        "ar.kr, cr.* (all but iva, irr)" => [
            each("ar.kr", 0..8),
            cr("dcr itm pta ipsr isr iip ifa itir iha iim tpr itv pmv cmcv iipa ifs lid ivr lrr0"),
        ]
        .concat(),
        "nats, r4-r7" => [each("r", 4..8), named(&["regs.nats"])].concat(),
        "ar.rsc" => ar("rsc"),
        "nats 15:0" | "nats 31:16" => named(&["regs.nats"]),
        _ => Vec::new(),
    }
}

/// Rows that are about no field of their own; other tests are about what they say.
const OTHERS: [&str; 7] = [
    "padding @2552 (between cr and f)",
    "padding @22184",
    "calls by libxc",
    "effect of 1st call on an uninitialised vcpu",
    "errors possible",
    "flags.online",
    "cr.dcr itm",
];

/// Holds each cell against what the code says of each field of its row.
fn hold(table: &'static str, guest: Guest, given: impl Fn(Era, &str, &str, &str) -> bool) {
    let mut cells = 0;
    for (row, columns) in matrix(table) {
        let fields = fields_of(row);
        assert!(
            !fields.is_empty() || OTHERS.contains(&row),
            "{row} is of no field"
        );
        for (era, cell) in columns {
            if cell == "(no HVM image)" {
                assert!(!era.dialect().supports(Hvm) && guest == Hvm, "{row} {era}");
                continue;
            }
            for path in &fields {
                assert!(given(era, row, cell, path), "{row}, {era}: {cell}; {path}");
                cells += 1;
            }
        }
    }
    assert!(cells > 1000, "{cells}");
}

/// What get-context did, by a cell.
fn assigned(guest: Guest) -> impl Fn(Era, &str, &str, &str) -> bool {
    move |era, row, cell, path| {
        let layout = layout_of_context(era.dialect().spec().context);
        let found = layout.find(path).is_some();
        let assigns = era.assigns(guest, path);
        match cell {
            "unset S" => found_or_a(era, found) && !assigns && era.spec().unset == Unset::Piece,
            "unset P" => found && !assigns && era.spec().unset == Unset::Pages,
            "0" => !assigns && era.spec().unset == Unset::Zero,
            "-" => !found,
            _ if row == "ar.bsp" && era.spec().stack == StackForm::Loadrs => {
                cell.starts_with("- (loadrs")
            }
            // A table of what the sources say, and 0 in what HVM leaves to records.
            _ if cell.starts_with("0 (VTIME") => !assigns,
            _ => assigns,
        }
    }
}

/// In layout A registers have other names.
fn found_or_a(era: Era, found: bool) -> bool {
    found || format!("{:?}", era.dialect().spec().context) == "A"
}

#[test]
fn get_context_gave_what_the_code_says() {
    hold(GET_PV, Pv, assigned(Pv));
    hold(GET_HVM, Hvm, assigned(Hvm));
}

#[test]
fn set_context_took_what_the_code_says() {
    let loaded = |guest| {
        move |era: Era, row: &str, cell: &str, path: &str| {
            let loads = era.loads(guest, path);
            let layout = layout_of_context(era.dialect().spec().context);
            match cell {
                "-" => layout.find(path).is_none(),
                "ignored" | "ignored / absent" => !loads,
                _ if cell.starts_with("ignored, eml_unat") => !loads,
                _ if row == "ar.bsp / loadrs" => loads,
                _ => loads || layout.find(path).is_none(),
            }
        }
    };
    hold(SET_PV, Pv, loaded(Pv));
    hold(SET_HVM, Hvm, loaded(Hvm));
}

/// Holds one row against what the code makes of its cells.
fn row(table: &'static str, name: &str, fits: impl Fn(Era, &str) -> bool) {
    let all = matrix(table);
    let cells = all.get(name).unwrap_or_else(|| panic!("no {name}"));
    for (era, cell) in cells {
        if *cell != "(no HVM image)" {
            assert!(fits(*era, cell), "{name}, {era}: {cell}");
        }
    }
}

#[test]
fn forms_are_those_of_the_cells() {
    row(GET_PV, "psr", |era, cell| {
        let machine = cell.starts_with("machine cr.ipsr");
        let levels = cell.contains("cpl 0, 2 or 3");
        let dfh = cell.ends_with("dfh guest's");
        let form = if machine {
            PsrForm::Machine
        } else {
            PsrForm::Virtual
        };
        era.spec().psr == form
            && levels == (era.spec().kernel_level == 1)
            && dfh == era.spec().dfh_in_psr
    });
    row(GET_PV, "cfm (cr.ifs)", |era, cell| {
        cell.contains("bit 63 clear") == era.spec().stale_frame
    });
    row(GET_PV, "r2, r3, r9, r10, r14, r16-r31", |era, cell| {
        (cell == "frame*") == era.spec().stale_frame
    });
    row(GET_PV, "nats", |era, cell| {
        era.spec().nats_pv
            == match cell {
                _ if cell.starts_with("bitmap") => NatsForm::Bitmap,
                _ if cell.contains("low 32") => NatsForm::SpilledHalf,
                _ => NatsForm::Spilled,
            }
    });
    row(GET_HVM, "nats 15:0", |era, cell| {
        (cell == "bitmap") == (era.spec().nats_hvm == NatsForm::Bitmap)
    });
    row(GET_PV, "ar.bsp", |era, cell| {
        era.spec().stack
            == match cell {
                _ if cell.contains("guest RNAT") => StackForm::GuestSlots,
                _ if cell.starts_with('-') => StackForm::Loadrs,
                _ => StackForm::HostBytes,
            }
    });
    row(GET_PV, "rbs[]", |era, cell| {
        era.spec().rbs
            == match cell {
                "-" => RbsImage::Absent,
                _ if cell.starts_with("unset") => RbsImage::Unset,
                _ => RbsImage::Dirty,
            }
    });
    row(GET_PV, "flags", |era, cell| {
        (cell == "0") == era.spec().cleared
    });
    row(GET_PV, "privregs_pfn", |era, cell| {
        (cell == "machine frame") == era.spec().machine_frame
    });
    row(GET_HVM, "privregs_pfn", |era, cell| {
        (cell == "1") == (era.spec().hvm_privregs_pfn == HvmPrivregsPfn::One)
    });
    row(GET_PV, "rr0-rr6", |era, cell| {
        let default = era.spec().region_defaults.value(0);
        !cell.starts_with("privregs") || cell.contains("~0") == (default == u64::MAX)
    });
}

#[test]
fn effects_are_those_of_the_cells() {
    row(SET_PV, "calls by libxc", |era, cell| {
        cell.starts_with('2') == era.spec().set_twice
    });
    row(SET_PV, "psr", |era, cell| {
        let machine = cell.starts_with("cr.ipsr = given");
        let raised = cell.contains("max(given,1)") || cell.starts_with("same");
        let forced = cell.contains("pp forced 1");
        machine == (era.spec().psr == PsrForm::Machine)
            && raised == (era.spec().kernel_level == 1)
            && (machine || forced == era.spec().pp_forced)
    });
    row(SET_PV, "ar.rsc", |era, cell| {
        cell.contains("pl 2") == (era.spec().kernel_level == 2)
    });
    row(SET_PV, "nats", |era, cell| {
        era.spec().nats_set
            == match cell {
                _ if cell.starts_with("eml_unat") => NatsSet::Spilled,
                _ if cell.starts_with("ignored") => NatsSet::Ignored,
                _ => NatsSet::Bitmap,
            }
    });
    row(SET_PV, "cr.dcr", |era, cell| {
        era.spec().dcr_set
            == match cell {
                "ignored" => DcrSet::Ignored,
                _ if cell.starts_with("privregs") => DcrSet::Privregs,
                _ => DcrSet::Own,
            }
    });
    row(SET_PV, "cr.iva (EXTRA_REGS)", |era, cell| {
        cell.contains("& ~0x7fff") == era.spec().iva_masked
    });
    row(SET_PV, "ar.bsp / loadrs", |era, cell| {
        let set = era.spec().stack_set;
        match cell {
            "loadrs verbatim" => set == StackSet::Loadrs,
            _ if cell.starts_with("loadrs =") => set == StackSet::Size,
            _ if cell.starts_with("same") => set == StackSet::Copied,
            _ => set == StackSet::Relaid,
        }
    });
    row(SET_PV, "rr0-7", |era, cell| {
        era.spec().regions_set
            == match cell {
                "-" | "ignored" => RegionSet::Ignored,
                _ if cell.starts_with("all 8") => RegionSet::Stored,
                _ if cell.starts_with("checked") => RegionSet::Skipped,
                _ => RegionSet::Refused,
            }
    });
    row(SET_HVM, "rr (EXTRA_REGS)", |era, cell| {
        era.spec().hvm_regions_set
            == match cell {
                _ if cell.contains("panic_domain") => HvmRegionSet::Panics,
                _ if cell.contains("ignored") => HvmRegionSet::Skipped,
                _ => HvmRegionSet::Refused,
            }
    });
    row(SET_HVM, "cr.irr", |era, cell| {
        cell.starts_with("only") == era.spec().irr_flag
    });
    row(SET_PV, "errors possible", |era, cell| {
        let none = cell.starts_with("none");
        none != (era.spec().stack_set == StackSet::Relaid)
            && cell.starts_with("+EINVAL num_phys") == era.spec().checks_stacked
    });
    row(SET_PV, "flags.online", |era, cell| {
        (cell == "vcpu comes up") == era.spec().online_flag
    });
}
