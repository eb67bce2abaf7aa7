//! Page records (spec 5): where they may lie, and whether they cover RAM.

use alloc::format;
use alloc::vec::Vec;

use super::context::{Context, Part, Round};
use super::findings::Findings;
use super::spans::{merged, uncovered};
use super::text::pfns;
use super::unallocated::is_believable;
use crate::code::{Code, Severity};
use crate::dialect::P2mSizeMeaning;
use crate::error::Finding;
use crate::image::Unallocated;
use crate::pfns::{PfnSet, Pfns};

/// A domain without any page cannot have been running. A Remus round may have nothing to send.
pub(super) fn none(context: &Context<'_>, out: &mut Findings) {
    if let Some(pages) = context.image.first().map(|first| &first.pages)
        && let Some(terminator) = pages.terminator()
        && pages.is_empty()
    {
        out.add(
            Finding::new(Code::PagesNone, terminator, "pages")
                .expected("at least one page record")
                .found("the terminator"),
        );
    }
}

/// RAM ends where the p2m does, by what the hypervisor answered. A restore populates what is beyond, and
/// the guest does not know of it.
pub(super) fn beyond_p2m(context: &Context<'_>, out: &mut Findings) {
    let image = context.image;
    let (Some(prologue), Some(head)) = (image.prologue, &image.head) else {
        return;
    };
    let size = prologue.p2m_size;
    // Of a size that is wrong, another rule complains.
    let is_right = size != 0 && head.maxmem.div_ceil(context.page_size) == size;
    if !is_right || !context.always(|spec| spec.p2m_size == P2mSizeMeaning::MaximumGpfn) {
        return;
    }
    for round in context.rounds() {
        let pages = &round.checkpoint.pages;
        let beyond = |pfn: u64| pfn >= size && context.ram_range(pfn).is_some();
        let mut found = pages
            .pfns()
            .iter()
            .enumerate()
            .filter(|(_, pfn)| beyond(**pfn));
        if let Some((record, pfn)) = found.next() {
            let more = found.count();
            let path = format!("{}[{record}].gmfn", round.place(Part::Pages));
            out.add(
                Finding::new(Code::PageBeyondP2m, pages.record_offset(record), path)
                    .length(8)
                    .expected(format!("a pfn below p2m_size, {size:#x}"))
                    .found(match more {
                        0 => format!("{pfn:#x}"),
                        _ => format!("{pfn:#x}, and {more} more"),
                    }),
            );
        }
    }
}

/// Savers walked the RAM of the memory map (or, in version 1, the pfns below `p2m_size`), so no
/// other page can be there. Neighbouring records make one finding.
pub(super) fn outside_ram(context: &Context<'_>, out: &mut Findings) {
    if !context.knows_ram() {
        return;
    }
    for round in context.rounds() {
        let pages = &round.checkpoint.pages;
        let report = |out: &mut Findings, first: usize, records: usize, pfns: (u64, u64)| {
            out.add_lazily(Code::PageOutsideRam, || {
                let path = format!("{}[{first}].gmfn", round.place(Part::Pages));
                let (low, high) = pfns;
                Finding::new(Code::PageOutsideRam, pages.record_offset(first), path)
                    .length(8)
                    .expected("a pfn of RAM")
                    .found(match records {
                        1 => format!("{low:#x}"),
                        _ => format!("{records} records of pfns from {low:#x} to {high:#x}"),
                    })
            });
        };
        // Records mostly stay within one range, so that is looked at first.
        let mut here: Option<Pfns> = None;
        // First record, records, lowest and highest pfn of a run of bad ones.
        let mut run: Option<(usize, usize, (u64, u64))> = None;
        for (record, pfn) in pages.pfns().iter().copied().enumerate() {
            if !here.is_some_and(|run| run.contains(pfn)) {
                here = context.ram_range(pfn).or(here);
            }
            if here.is_some_and(|run| run.contains(pfn)) {
                if let Some((first, records, pfns)) = run.take() {
                    report(out, first, records, pfns);
                }
                continue;
            }
            let (first, records, (low, high)) = run.unwrap_or((record, 0, (pfn, pfn)));
            run = Some((first, records + 1, (low.min(pfn), high.max(pfn))));
        }
        if let Some((first, records, pfns)) = run {
            report(out, first, records, pfns);
        }
    }
}

/// Every RAM page is sent or listed as unallocated (spec 5.4). A warning: savers up to 3.4 skipped
/// pages that they could not map.
///
/// A Remus round only has what changed: there, what the round before listed has to be listed again,
/// or sent.
pub(super) fn missing(context: &Context<'_>, out: &mut Findings) {
    let mut before: Option<PfnSet> = None;
    for round in context.rounds() {
        let list = whole_list(round).filter(|list| is_believable(context, list));
        let Some(list) = list else { return };
        let sent = round
            .checkpoint
            .pages
            .last_copies()
            .map(|(pfn, _, _)| Pfns::one(pfn));
        let listed = list.set();
        let covered = merged(sent, listed.runs().iter().copied());
        let whole = before.as_ref().unwrap_or(&context.ram);
        let mut holes = Vec::new();
        let mut pages = 0u64;
        uncovered(whole.runs(), covered, |run| {
            pages = pages.saturating_add(run.pages());
            holes.push(run);
        });
        // A saver may well have skipped a page; it did not skip more than it sent.
        let skipped = pages <= round.checkpoint.pages.distinct() as u64;
        for hole in holes {
            let found = || {
                let path = format!("{}", round.place(Part::Pages));
                let terminator = round.checkpoint.pages.terminator();
                Finding::new(Code::PageMissing, terminator.unwrap_or(0), path)
                    .expected("a page record or an entry of the unallocated list")
                    .found(format!("neither for pfn {}", pfns(hole)))
            };
            if skipped {
                out.add_lazily(Code::PageMissing, found);
            } else {
                out.add(found().severity(Severity::Warning));
            }
        }
        before = Some(listed);
    }
}

/// The unallocated list, where the stream did not end in it.
fn whole_list(round: Round<'_>) -> Option<&Unallocated> {
    let list = round.checkpoint.unallocated.as_ref()?;
    (list.len() == u64::from(list.count)).then_some(list)
}
