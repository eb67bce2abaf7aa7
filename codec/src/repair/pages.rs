//! Page records and the unallocated list.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use super::{Note, Patient, Repair, Splice};
use crate::check::Report;
use crate::code::Code;
use crate::image::{Checkpoint, Image};

/// Records that may go because their pfn is no RAM; where it is more, the memory map is what is wrong.
const STRAYS: usize = 64;

pub(super) fn proposals(patient: &Patient<'_>, out: &mut Vec<Repair>) {
    let image = &patient.file.image;
    if patient.has(Code::PageOutsideRam) {
        out.extend(strays(image));
    }
    let wrong = [
        Code::UnallocatedOutsideRam,
        Code::UnallocatedNeeded,
        Code::UnallocatedCount,
    ];
    if patient.has_any(&wrong) {
        let lists = image.checkpoints.iter();
        out.extend(lists.filter_map(|one| list(image, one, patient.report)));
    }
}

/// Page records whose pfn is no RAM go: nobody knows where their pages belong.
fn strays(image: &Image) -> Option<Repair> {
    let ram = image.ram().filter(|ram| !ram.is_empty())?;
    let mut splices = Vec::new();
    let mut notes = Vec::new();
    for (index, checkpoint) in image.checkpoints.iter().enumerate() {
        let pages = &checkpoint.pages;
        for (record, pfn) in pages.pfns().iter().enumerate() {
            if ram.contains(*pfn) {
                continue;
            }
            if splices.len() == STRAYS {
                return None;
            }
            splices.push(Splice {
                offset: pages.record_offset(record),
                remove: pages.stride(),
                insert: Vec::new(),
            });
            let prefix = match index {
                0 => "pages".into(),
                _ => format!("checkpoint[{index}].pages"),
            };
            notes.push(Note {
                lost: true,
                path: format!("{prefix}[{record}]"),
                offset: pages.record_offset(record),
                number: None,
                what: format!("the page of pfn {pfn:#x}, which is no RAM of the domain"),
            });
        }
    }
    let records: usize = image.checkpoints.iter().map(|one| one.pages.len()).sum();
    (!splices.is_empty() && splices.len() * 2 < records).then_some(Repair {
        splices,
        notes,
        choice: None,
    })
}

/// The list without what is no RAM, is listed twice, or must not be given back.
fn list(image: &Image, checkpoint: &Checkpoint, report: &Report) -> Option<Repair> {
    let (list, ram) = (checkpoint.unallocated.as_ref()?, image.ram()?);
    // The check knows which pages the domain cannot do without: its findings lie at their entries.
    let findings = report.findings.iter();
    let blamed: BTreeSet<u64> = findings
        .filter(|found| found.code == Code::UnallocatedNeeded)
        .filter_map(|found| Some(found.offset.checked_sub(list.offset)? / 8))
        .collect();
    let needed: BTreeSet<u64> = (0..)
        .zip(list.pfns())
        .filter(|(index, _)| blamed.contains(index))
        .map(|(_, pfn)| pfn)
        .collect();
    let mut dropped: Vec<u64> = Vec::new();
    let mut kept: Vec<u64> = Vec::new();
    let mut seen = BTreeSet::new();
    for pfn in list.pfns() {
        let wanted = needed.contains(&pfn) && checkpoint.pages.last(pfn).is_some();
        if ram.contains(pfn) && !wanted && seen.insert(pfn) {
            kept.push(pfn);
        } else {
            dropped.push(pfn);
        }
    }
    if dropped.is_empty() {
        return None;
    }
    let mut bytes = (kept.len() as u32).to_le_bytes().to_vec();
    bytes.extend(kept.iter().copied().flat_map(u64::to_le_bytes));
    let some: Vec<_> = dropped
        .iter()
        .take(4)
        .map(|pfn| format!("{pfn:#x}"))
        .collect();
    let more = if dropped.len() > 4 { " ..." } else { "" };
    let what = format!(
        "{} of its pfns, which are no RAM, listed twice, or were sent and cannot be done without: {}{more}",
        dropped.len(),
        some.join(", ")
    );
    Some(Repair {
        splices: alloc::vec![Splice {
            offset: list.count_offset,
            remove: 4 + list.len() * 8,
            insert: bytes,
        }],
        notes: alloc::vec![Note {
            lost: true,
            path: "unallocated".into(),
            offset: list.count_offset,
            number: None,
            what,
        }],
        choice: None,
    })
}
