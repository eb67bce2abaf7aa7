//! What a restore changes by design: a domain that was restored and saved again differs from its image in
//! that, and is the same.
//!
//! [`RULES`] has each field with why, and the clause of the specification that says so. Nothing else is left
//! out: a value that a rule does not expect is a difference.

use alloc::string::String;
use alloc::vec::Vec;

use super::difference::{Difference, Report};
use crate::dialect::{Dialect, Guest, StartInfoLayout};
use crate::image::{Image, MagicPfns};
use crate::wire::layout_of_start_info;

/// A field that a restore changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its path, without the numbers of vcpus, elements and checkpoints: `vcpu[].regs.ar.itc`.
    pub path: &'static str,
    /// Why it differs.
    pub why: &'static str,
    /// The clause of the specification.
    pub clause: &'static str,
    /// Which values it may have.
    allows: Allows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allows {
    Any,
    /// Those of a translation register that maps nothing: never set, or set empty by a hypervisor that
    /// leaves the privilege level in it.
    Empty,
    Pv,
}

/// The pte of a translation register that maps nothing: never set; set empty with privilege level 1 (3.2 on)
/// or 2 (before).
const EMPTY: [u64; 3] = [0, 0x80, 0x100];

const fn rule(path: &'static str, why: &'static str, clause: &'static str) -> Rule {
    Rule {
        path,
        why,
        clause,
        allows: Allows::Any,
    }
}

/// Fields of start_info that a restore sets, by both names of the console's.
const START_INFO: [&str; 6] = [
    "nr_pages",
    "shared_info",
    "flags",
    "store_evtchn",
    "console_evtchn",
    "console.domU.evtchn",
];

/// Page content, of which a path says too little: what [`page`] answers.
static PAGES: [Rule; 2] = [
    rule(
        "start_info",
        "nr_pages, shared_info, flags and the event channels are of the new domain",
        "9.3",
    ),
    rule("magic_pfns", "the pages of devices begin empty", "10.2"),
];

/// Every field. What [`page`] finds comes last.
pub static RULES: [Rule; 15] = [
    rule("vcpu[].regs.ar.itc", "the interval counter runs on", "8.9"),
    Rule {
        allows: Allows::Empty,
        ..rule(
            "vcpu[].regs.tr.itrs[].pte",
            "an empty translation register that was set reads back with a privilege level",
            "8.8",
        )
    },
    Rule {
        allows: Allows::Empty,
        ..rule(
            "vcpu[].regs.tr.dtrs[].pte",
            "an empty translation register that was set reads back with a privilege level",
            "8.8",
        )
    },
    Rule {
        allows: Allows::Pv,
        ..rule(
            "vcpu[].privregs_pfn",
            "the frame is of the new domain",
            "8.10",
        )
    },
    rule(
        "shared_info.evtchn_pending[]",
        "no event is pending in a new domain",
        "9.1",
    ),
    rule(
        "shared_info.vcpu_info[].evtchn_pending_sel",
        "no event is pending in a new domain",
        "9.1",
    ),
    rule(
        "hvm_context.HEADER[].changeset",
        "which Xen saved it is no state of the guest",
        "10.5",
    ),
    rule(
        "hvm_context.HEADER[].cpuid[]",
        "which processor it was saved on is no state of the guest",
        "10.5",
    ),
    rule(
        "hvm_context.VPD[].vpd.vpd_low.vcpuid[]",
        "the processor is that of the new host",
        "10.6",
    ),
    rule(
        "hvm_context.VTIME[].itc",
        "the guest's clock runs on",
        "10.7",
    ),
    rule(
        "hvm_context.VTIME[].itm",
        "the timer is set by the clock that runs on",
        "10.7",
    ),
    rule(
        "hvm_context.VTIME[].last_itc",
        "the guest's clock runs on",
        "10.7",
    ),
    rule(
        "hvm_context.VACPI[].regs.tmr_val",
        "the power management timer runs on",
        "10.9",
    ),
    PAGES[0],
    PAGES[1],
];

/// The rule that a difference falls under.
fn of(difference: &Difference, guest: Guest) -> Option<&'static Rule> {
    let path = without_numbers(&difference.path);
    let rule = RULES.iter().find(|rule| rule.path == path)?;
    let empty = |shown: Option<&str>| {
        let digits = shown?.strip_prefix("0x")?;
        let pte = u64::from_str_radix(digits, 16).ok()?;
        Some(EMPTY.contains(&pte))
    };
    let holds = match rule.allows {
        Allows::Any => difference.a.is_some() && difference.b.is_some(),
        Allows::Empty => {
            empty(difference.a.as_deref()) == Some(true)
                && empty(difference.b.as_deref()) == Some(true)
        }
        Allows::Pv => guest == Guest::Pv,
    };
    holds.then_some(rule)
}

/// A path without the numbers in it, and without the checkpoint it is of.
fn without_numbers(path: &str) -> String {
    let own = match path.split_once("].") {
        Some((head, rest)) if head.starts_with("checkpoint[") => rest,
        _ => path,
    };
    let mut name = String::new();
    let mut inside = false;
    for letter in own.chars() {
        inside = inside && letter != ']';
        if !inside {
            name.push(letter);
        }
        inside = inside || letter == '[';
    }
    name
}

/// Takes out of a report what a restore changes, and hands it back. The report must have kept every
/// difference: its limit is applied afterwards, by the caller.
pub fn take_out(report: &mut Report, guest: Guest) -> Vec<(Difference, &'static Rule)> {
    let mut taken = Vec::new();
    let mut kept = Vec::new();
    for difference in core::mem::take(&mut report.differences) {
        match of(&difference, guest) {
            Some(rule) => taken.push((difference, rule)),
            None => kept.push(difference),
        }
    }
    report.count -= taken.len() as u64;
    report.differences = kept;
    taken
}

/// Whether a page is one that [`page`] may have a rule for: those of devices, and start_info.
pub fn may_differ(images: [&Image; 2], checkpoint: usize, pfn: u64) -> bool {
    let [a, b] = images.map(|image| image.checkpoints.get(checkpoint));
    let (Some(a), Some(b)) = (a, b) else {
        return false;
    };
    let start_info = [a, b].map(|one| one.start_info_pfn() == Some(pfn)) == [true; 2];
    start_info
        || (is_of_device(a.magic_pfns.as_ref(), pfn) && is_of_device(b.magic_pfns.as_ref(), pfn))
}

fn is_of_device(magic: Option<&MagicPfns>, pfn: u64) -> bool {
    let mut pfns = magic.into_iter().flat_map(MagicPfns::iter);
    pfns.any(|(_, of_device, _)| of_device == pfn)
}

/// The rule by which a page may differ: it is one of a device, or start_info with nothing changed but what a
/// restore sets. `pages` are its bytes in both images, as of one checkpoint.
pub fn page(
    images: [&Image; 2],
    checkpoint: usize,
    pfn: u64,
    pages: [&[u8]; 2],
) -> Option<&'static Rule> {
    let [a, b] = images.map(|image| image.checkpoints.get(checkpoint));
    let (a, b) = (a?, b?);
    if !may_differ(images, checkpoint, pfn) {
        return None;
    }
    if is_of_device(a.magic_pfns.as_ref(), pfn) && is_of_device(b.magic_pfns.as_ref(), pfn) {
        return Some(&PAGES[1]);
    }
    if images.map(|image| image.guest() == Some(Guest::Hvm)) != [false; 2] {
        return None;
    }
    let layout = |image: &Image| {
        let dialect = image.read_as().unwrap_or(Dialect::D11);
        dialect.spec().start_info.last().copied()
    };
    let layouts = [layout(images[0])?, layout(images[1])?];
    let own = [0, 1].map(|side| without_set_fields(layouts[side], pages[side]));
    (own[0] == own[1]).then_some(&PAGES[0])
}

/// start_info with zeros in the fields that a restore sets.
fn without_set_fields(layout: StartInfoLayout, page: &[u8]) -> Vec<u8> {
    let layout = layout_of_start_info(layout);
    let mut page = page.to_vec();
    for field in START_INFO.iter().filter_map(|path| layout.find(path)) {
        if let Some(bytes) = page.get_mut(field.offset..field.offset + field.size()) {
            bytes.fill(0);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn difference(path: &str, a: &str, b: &str) -> Difference {
        Difference {
            path: path.to_string(),
            a: Some(a.to_string()),
            b: Some(b.to_string()),
            offset_a: None,
            offset_b: None,
        }
    }

    fn left(path: &str, a: &str, b: &str, guest: Guest) -> bool {
        let mut report = Report {
            differences: vec![difference(path, a, b)],
            count: 1,
            ..Report::default()
        };
        let taken = take_out(&mut report, guest);
        assert_eq!(report.count, report.differences.len() as u64);
        assert_eq!(taken.len() as u64 + report.count, 1);
        report.count == 1
    }

    #[test]
    fn only_what_a_rule_expects_is_taken_out() {
        use Guest::{Hvm, Pv};
        for (path, a, b, guest) in [
            ("vcpu[3].regs.ar.itc", "0x1", "0x2", Pv),
            ("checkpoint[2].vcpu[0].regs.ar.itc", "0x1", "0x2", Pv),
            ("vcpu[0].regs.tr.itrs[7].pte", "0x0", "0x80", Pv),
            ("vcpu[0].regs.tr.dtrs[0].pte", "0x100", "0x80", Pv),
            ("vcpu[1].privregs_pfn", "0x5", "0x6", Pv),
            ("shared_info.evtchn_pending[63]", "0x1", "0x0", Pv),
            (
                "shared_info.vcpu_info[9].evtchn_pending_sel",
                "0x1",
                "0x0",
                Pv,
            ),
            ("hvm_context.VTIME[1].last_itc", "0x1", "0x0", Hvm),
            ("hvm_context.HEADER[0].cpuid[3]", "0x1", "0x0", Hvm),
        ] {
            assert!(!left(path, a, b, guest), "{path}");
        }
        for (path, a, b, guest) in [
            ("vcpu[0].regs.tr.itrs[7].pte", "0x0", "0x661", Pv),
            ("vcpu[0].regs.tr.itrs[7].pte", "0x180", "0x0", Pv),
            ("vcpu[0].regs.tr.itrs[7].vadr", "0x0", "0x80", Pv),
            ("vcpu[1].privregs_pfn", "0x5", "0x6", Hvm),
            ("vcpu[0].regs.ar.itm", "0x1", "0x2", Pv),
            ("shared_info.evtchn_mask[0]", "0x1", "0x0", Pv),
            (
                "shared_info.vcpu_info[9].evtchn_upcall_pending",
                "1",
                "0",
                Pv,
            ),
            ("p2m_size", "256", "320", Pv),
        ] {
            assert!(left(path, a, b, guest), "{path}");
        }
        // What one of them does not have at all is no change of a value.
        let mut report = Report {
            differences: vec![Difference {
                b: None,
                ..difference("vcpu[3].regs.ar.itc", "0x1", "")
            }],
            count: 1,
            ..Report::default()
        };
        assert!(take_out(&mut report, Pv).is_empty());
    }

    #[test]
    fn every_rule_names_a_field_that_there_is_and_a_clause() {
        use crate::wire::hvm::{RECORDS, layout_of_record};
        let spec = include_str!("../../../spec/ia64-save.md");
        for rule in &RULES {
            let heading = alloc::format!("### {} ", rule.clause);
            assert!(spec.contains(&heading), "{}", rule.path);
            let plain = rule.path.replace("[]", "");
            let found = |layout: &crate::wire::Layout, path: &str| {
                let mut known = false;
                layout.walk(&vec![0; layout.size], &mut |entry| {
                    known |= without_numbers(entry.path).replace("[]", "") == path;
                });
                known
            };
            let known = if let Some(path) = plain.strip_prefix("vcpu.") {
                let layout = crate::wire::layout_of_context(crate::dialect::ContextLayout::F);
                found(layout, path)
            } else if let Some(path) = plain.strip_prefix("shared_info.") {
                let layout = *Dialect::D11.spec().shared_info.last().unwrap();
                found(crate::wire::layout_of_shared_info(layout), path)
            } else if let Some(path) = plain.strip_prefix("hvm_context.") {
                let (name, field) = path.split_once('.').unwrap();
                let record = RECORDS.iter().find(|record| record.name == name).unwrap();
                found(layout_of_record(record.typecode).unwrap(), field)
            } else {
                PAGES.contains(rule)
            };
            assert!(known, "{}", rule.path);
        }
        for layout in [
            StartInfoLayout::I0,
            StartInfoLayout::I1,
            StartInfoLayout::I2,
        ] {
            let layout = layout_of_start_info(layout);
            let known = START_INFO.iter().filter(|path| layout.find(path).is_some());
            assert_eq!(known.count(), 5);
        }
    }

    #[test]
    fn start_info_may_differ_in_what_a_restore_sets_and_nowhere_else() {
        let (layout, page) = (StartInfoLayout::I2, vec![7; 16384]);
        let own = without_set_fields(layout, &page);
        let zeros = own
            .iter()
            .map(|byte| usize::from(*byte == 0))
            .sum::<usize>();
        assert_eq!(zeros, 8 + 8 + 4 + 4 + 4);
        let mut other = page.clone();
        other[40] = 1;
        assert_eq!(without_set_fields(layout, &other), own);
        other[56] = 1;
        assert_ne!(without_set_fields(layout, &other), own);
    }
}
