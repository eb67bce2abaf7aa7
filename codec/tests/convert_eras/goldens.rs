//! Every golden into every era and back.

use std::collections::{BTreeMap, BTreeSet};

use ia64save_codec::era::{PsrForm, RbsImage};
use ia64save_codec::image::Image;
use ia64save_codec::{Era, Guest};
use ia64save_corpus::goldens;

use super::fields::fields;
use super::{Made, converted, eras, is_possible, nats, reg, small, stacked};

/// Every field that says something of the guest, under its name in B to F.
fn meaning(image: &Image) -> BTreeMap<String, Vec<u8>> {
    let era = image.era().unwrap();
    let guest = image.guest().unwrap();
    let mut all: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (path, bytes) in fields(image, era) {
        let name = unified(&path);
        let register = name
            .strip_prefix("vcpu[")
            .and_then(|rest| rest.split_once("]."))
            .map(|(_, register)| register);
        if register.is_some_and(|register| !says(era, guest, register)) || is_scratch(&name) {
            continue;
        }
        let bytes = match &name[..] {
            path if path.ends_with("].regs.psr") => of_the_guest(era, guest, &bytes),
            _ => bytes,
        };
        if bytes.iter().any(|byte| *byte != 0) {
            all.insert(name, bytes);
        }
    }
    // Of a translation register that is not valid nothing counts.
    let valid: Vec<String> = all
        .iter()
        .filter(|(path, pte)| path.ends_with("].pte") && pte[0] & 1 != 0)
        .map(|(path, _)| slot(path).unwrap().to_string())
        .collect();
    all.retain(|path, _| slot(path).is_none_or(|slot| valid.iter().any(|valid| valid == slot)));
    all.insert("vcpu[0].regs.nats".into(), nats(image).to_le_bytes().into());
    let (count, registers) = stacked(image);
    all.insert("vcpu[0].regs.ar.bsp".into(), count.to_le_bytes().into());
    let registers = registers.iter().flat_map(|(word, nat)| {
        let nat = u8::from(*nat);
        word.to_le_bytes().into_iter().chain([nat])
    });
    all.insert("vcpu[0].regs.rbs".into(), registers.collect());
    all
}

/// What of a psr is the guest's: of the machine's, the bits that the guest sets, and its level.
fn of_the_guest(era: Era, guest: Guest, psr: &[u8]) -> Vec<u8> {
    const OWN: u64 = 0x3e | 1 << 15 | 1 << 18 | 1 << 20 | 7 << 24 | 3 << 32 | 0x7f << 37 | 1 << 45;
    const DFH: u64 = 1 << 19;
    let psr = u64::from_le_bytes(psr.try_into().unwrap());
    let mask = match era.psr(guest) {
        PsrForm::Virtual => u64::MAX,
        PsrForm::Machine if era.spec().dfh_in_psr => OWN | DFH,
        PsrForm::Machine => OWN,
    };
    (psr & mask).to_le_bytes().into()
}

/// `vcpu[0].regs.tr.itrs[3]` of a field of a translation register.
fn slot(path: &str) -> Option<&str> {
    let (slot, _) = path.rsplit_once('.')?;
    slot.contains("trs[").then_some(slot)
}

/// Whether a register of the context was given, and is not told otherwise here.
fn says(era: Era, guest: Guest, register: &str) -> bool {
    const OTHERWISE: [&str; 10] = [
        "flags",
        "privregs_pfn",
        "regs.nats",
        "regs.ar.bsp",
        "regs.rbs",
        "regs.rbs_voff",
        "regs.rbs_rnat",
        "regs.rbs_nat",
        "regs.num_phys_stacked",
        "regs.cr.ivr",
    ];
    !OTHERWISE.iter().any(|name| register.starts_with(name)) && era.assigns(guest, register)
}

fn is_scratch(name: &str) -> bool {
    let page = name.starts_with("privregs");
    page && [".pkrs", ".tmp", ".hpsr"]
        .iter()
        .any(|part| name.contains(part))
}

fn unified(path: &str) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("user_regs.eml_unat", "regs.nats"),
        ("user_regs.loadrs", "regs.ar.bsp"),
        ("user_regs.cr_ipsr", "regs.psr"),
        ("user_regs.cr_iip", "regs.ip"),
        ("user_regs.cr_ifs", "regs.cfm"),
        ("user_regs.ar_", "regs.ar."),
        ("extra_regs.iva", "regs.cr.iva"),
        ("extra_regs.dcr", "regs.cr.dcr"),
    ];
    let path = NAMES
        .iter()
        .fold(path.to_string(), |path, (a, other)| path.replace(a, other));
    let path = path
        .replace("extra_regs.itrs", "regs.tr.itrs")
        .replace("extra_regs.dtrs", "regs.tr.dtrs")
        .replace("extra_regs.event", "event");
    let Some((vcpu, register)) = path.split_once("user_regs.") else {
        return path;
    };
    let (kind, number) = register.split_at(1);
    match number.split_once('.') {
        None if number.parse::<u8>().is_ok() => format!("{vcpu}regs.{kind}[{number}]"),
        Some((number, rest)) => format!("{vcpu}regs.{kind}[{number}].{rest}"),
        None => path,
    }
}

/// Paths at which a conversion says something, by the names of the later layouts.
fn said(made: &Made) -> BTreeSet<String> {
    let losses = made.losses.iter().map(|loss| &loss.path);
    let all = losses.chain(made.notes.iter().map(|note| &note.path));
    all.map(|path| unified(path).replace("regs.rbs_rnat", "regs.rbs"))
        .collect()
}

/// Whether a field is spoken of.
fn named(said: &BTreeSet<String>, field: &str) -> bool {
    said.iter().any(|path| {
        let within = |path: &str| {
            field
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let whole = path.starts_with("vcpu[") && path.ends_with(']') && !path.contains('.');
        within(path)
            || (path == "memmap" && field == "unallocated")
            || (whole && within(&format!("privregs{}", &path[4..])))
    })
}

#[test]
fn what_comes_back_is_what_no_conversion_named() {
    for golden in goldens() {
        let source = small(&golden);
        let before = meaning(&source);
        for to in eras(golden.guest()).filter(|to| is_possible(&source, *to)) {
            let there = converted(&source, to);
            let back = converted(&there.image, golden.era());
            let after = meaning(&back.image);
            let fields: BTreeSet<_> = before.keys().chain(after.keys()).collect();
            let said: BTreeSet<String> = said(&there).union(&said(&back)).cloned().collect();
            for field in fields {
                assert!(
                    before.get(field) == after.get(field) || named(&said, field),
                    "{} as {to} and back: {field} is {:?}, was {:?}",
                    golden.name,
                    after.get(field),
                    before.get(field)
                );
            }
        }
    }
}

#[test]
fn the_same_era_gives_the_same_bytes() {
    for golden in goldens() {
        let source = small(&golden);
        let made = converted(&source, golden.era());
        assert!(
            made.losses.is_empty() && made.notes.is_empty(),
            "{}",
            golden.name
        );
        assert_eq!(
            &made.bytes,
            source.data.as_ref().unwrap(),
            "{}",
            golden.name
        );
    }
}

/// Eras that mean the same by the same bytes are one for a conversion.
#[test]
fn an_era_that_means_the_same_gives_the_same_bytes() {
    let mut tried = 0;
    for golden in goldens() {
        let source = small(&golden);
        let others = eras(golden.guest()).filter(|to| *to != golden.era());
        for to in others.filter(|to| is_possible(&source, *to)) {
            let alike = ia64save_codec::convert::mean_the_same(golden.era(), to, golden.guest());
            if alike {
                let made = converted(&source, to);
                assert!(
                    made.losses.is_empty(),
                    "{} as {to}: {:?}",
                    golden.name,
                    made.losses
                );
                assert_eq!(
                    &made.bytes,
                    source.data.as_ref().unwrap(),
                    "{}",
                    golden.name
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

/// What get-context of the source left to the heap is never what the restore of the target loads.
#[test]
fn leftovers_of_the_heap_are_never_loaded() {
    // With 0xa5 in everything that was not assigned.
    let leftover = [0xa5; 8];
    for golden in goldens()
        .into_iter()
        .filter(|golden| !golden.era().spec().cleared)
    {
        let source = small(&golden);
        for to in eras(golden.guest()).filter(|to| to.spec().cleared) {
            let made = converted(&source, to);
            let context = super::context(&made.image);
            let words = context.chunks(8).filter(|word| *word == leftover).count();
            assert_eq!(words, 0, "{} as {to}", golden.name);
            for index in 0..8 {
                let rr = reg(&made.image, &format!("regs.rr[{index}]"));
                let none = rr == 0 || rr == u64::MAX;
                let checked = to >= Era::D9B;
                assert!(
                    !checked || !none,
                    "{} as {to}: rr{index} {rr:#x}",
                    golden.name
                );
            }
        }
    }
}

#[test]
fn there_are_goldens_with_every_form_of_a_stack() {
    let all = goldens();
    for image in [RbsImage::Absent, RbsImage::Unset, RbsImage::Dirty] {
        assert!(all.iter().any(|golden| golden.era().spec().rbs == image));
    }
}
