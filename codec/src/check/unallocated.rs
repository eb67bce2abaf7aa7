//! The unallocated list (spec 6).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::context::{Context, Part, Round};
use super::findings::Findings;
use super::spans::uncovered;
use super::start_info;
use super::text::{hex, pfns};
use crate::code::Code;
use crate::dialect::{Guest, SharedInfoLayout};
use crate::error::Finding;
use crate::image::Unallocated;
use crate::pfns::Pfns;

/// Where `shared_info.arch.memmap_info_pfn` is.
const MEMMAP_INFO_PFN: usize = 4128;

/// Neighbouring entries of the list whose pfns follow one another.
#[derive(Clone, Copy)]
struct Entries {
    pfns: Pfns,
    /// Index of the first in the list.
    index: u64,
}

/// The list, entry by entry, with a round to name it by.
struct List<'a> {
    round: Round<'a>,
    list: &'a Unallocated,
}

/// The lists that can be believed.
fn lists<'a>(context: &Context<'a>) -> impl Iterator<Item = List<'a>> {
    all(context).filter(|list| is_believable(context, list.list))
}

/// Whether a list may be one: one that is longer than RAM is something else, read as a list.
pub(super) fn is_believable(context: &Context<'_>, list: &Unallocated) -> bool {
    looked_at(context).is_none_or(|pages| u64::from(list.count) <= pages)
}

fn all<'a>(context: &Context<'a>) -> impl Iterator<Item = List<'a>> + use<'a> {
    context.rounds().filter_map(|round| {
        let list = round.checkpoint.unallocated.as_ref()?;
        Some(List { round, list })
    })
}

/// The pages that a saver looked at: those that stand in two descriptors twice. `None` where RAM is
/// not known.
fn looked_at(context: &Context<'_>) -> Option<u64> {
    let ram = context.image.ram().filter(|_| context.knows_ram())?;
    Some(ram.visited())
}

impl List<'_> {
    fn entries(&self) -> impl Iterator<Item = Entries> {
        let mut index = 0;
        self.list.runs.iter().map(move |pfns| {
            let entries = Entries { pfns: *pfns, index };
            index += pfns.pages();
            entries
        })
    }

    /// A finding about the entry of a pfn.
    fn finding(&self, code: Code, entries: &Entries, pfn: u64) -> Finding {
        let index = entries.index + (pfn - entries.pfns.first());
        let path = format!("{}[{index}]", self.round.place(Part::Unallocated));
        Finding::new(code, self.list.offset + index * 8, path)
            .length(8)
            .found(hex(pfn))
    }
}

/// The count against the pages that a saver looked at.
pub(super) fn count(context: &Context<'_>, out: &mut Findings) {
    let Some(pages) = looked_at(context) else {
        return;
    };
    for List { round, list } in all(context) {
        if u64::from(list.count) > pages {
            let path = format!("{}.count", round.place(Part::Unallocated));
            out.add(
                Finding::new(Code::UnallocatedCount, list.count_offset, path)
                    .length(4)
                    .expected(format!("at most {pages}, the pages of RAM"))
                    .found(format!("{}", list.count)),
            );
        }
    }
}

/// Savers walked RAM for the list as for the pages. Neighbouring entries make one finding.
pub(super) fn outside_ram(context: &Context<'_>, out: &mut Findings) {
    if !context.knows_ram() {
        return;
    }
    for list in lists(context) {
        // The run of bad entries at hand, their number, and what lies between the lowest and the
        // highest of them.
        let mut run: Option<(Entries, u64, Pfns)> = None;
        for entries in list.entries() {
            let ram = context.ram.touching(entries.pfns).iter().copied();
            uncovered(core::slice::from_ref(&entries.pfns), ram, |outside| {
                let index = entries.index + (outside.first() - entries.pfns.first());
                let pages = outside.pages();
                match &mut run {
                    Some((first, count, span)) if first.index + *count == index => {
                        *count += pages;
                        *span = span.spanned(outside);
                    }
                    _ => {
                        let pfns = outside;
                        let before = run.replace((Entries { pfns, index }, pages, outside));
                        report_outside(&list, before, out);
                    }
                }
            });
        }
        report_outside(&list, run, out);
    }
}

fn report_outside(list: &List<'_>, run: Option<(Entries, u64, Pfns)>, out: &mut Findings) {
    if let Some((first, count, span)) = run {
        out.add_lazily(Code::UnallocatedOutsideRam, || {
            list.finding(Code::UnallocatedOutsideRam, &first, first.pfns.first())
                .expected("a pfn of RAM")
                .found(if count == span.pages() {
                    pfns(span)
                } else {
                    let (low, high) = (span.first(), span.last());
                    format!("{count} entries from {low:#x} to {high:#x}")
                })
        });
    }
}

/// The list follows the memory map, ascending inside each descriptor, and has no pfn twice; unless
/// the map itself has pages twice, of which `memmap` complains.
pub(super) fn order(context: &Context<'_>, out: &mut Findings) {
    let Some(ram) = context.image.ram() else {
        return;
    };
    if looked_at(context) != Some(ram.pages()) {
        return;
    }
    for list in lists(context) {
        let mut last: Option<u64> = None;
        for entries in list.entries() {
            // Neighbours may lie in different descriptors, which stand in any order.
            for (part, rank) in ram.ranked(entries.pfns) {
                if last.is_some_and(|last| rank < last) {
                    out.add_lazily(Code::UnallocatedOrder, || {
                        list.finding(Code::UnallocatedOrder, &entries, part.first())
                            .expected("a pfn that comes later in the memory map")
                    });
                }
                last = Some(rank.saturating_add(part.pages() - 1));
            }
        }
        let mut reached: Option<u64> = None;
        for entries in sorted(&list) {
            let twice = reached.and_then(|last| entries.pfns.common(Pfns::new(0, last)?));
            if let Some(twice) = twice {
                out.add_lazily(Code::UnallocatedDuplicate, || {
                    list.finding(Code::UnallocatedDuplicate, &entries, twice.first())
                        .expected("every pfn once")
                        .found(format!("{} again", pfns(twice)))
                });
            }
            reached = reached.max(Some(entries.pfns.last()));
        }
    }
}

/// The entries by pfn.
fn sorted(list: &List<'_>) -> Vec<Entries> {
    let mut sorted: Vec<Entries> = list.entries().collect();
    sorted.sort_by_key(|entries| entries.pfns.first());
    sorted
}

/// Pages that were sent and given back before the end of the save. The restore gives them back too.
pub(super) fn sent(context: &Context<'_>, out: &mut Findings) {
    for list in lists(context) {
        let sorted = sorted(&list);
        let mut at = 0;
        let mut first: Option<(&Entries, u64)> = None;
        let mut count = 0u64;
        for (pfn, _, _) in list.round.checkpoint.pages.last_copies() {
            while sorted
                .get(at)
                .is_some_and(|entries| entries.pfns.last() < pfn)
            {
                at += 1;
            }
            if let Some(entries) = sorted.get(at).filter(|e| e.pfns.contains(pfn)) {
                first.get_or_insert((entries, pfn));
                count += 1;
            }
        }
        if let Some((entries, pfn)) = first {
            out.add(
                list.finding(Code::UnallocatedSent, entries, pfn)
                    .found(match count {
                        1 => hex(pfn),
                        _ => format!("{count} pages, the first {pfn:#x}"),
                    }),
            );
        }
    }
}

/// The pages without which the domain cannot go on.
pub(super) fn needed(context: &Context<'_>, out: &mut Findings) {
    let rings = start_info::rings_of_rounds(context);
    for list in lists(context) {
        let mut needed = needed_pfns(context, list.round);
        if let Some((_, rings)) = rings.range(..=list.round.index).next_back() {
            let what = |path: &str| format!("the ring of start_info.{path}");
            // Page 0 stands for no ring.
            let rings = rings.iter().filter(|(_, pfn)| *pfn != 0);
            needed.extend(rings.map(|(path, pfn)| (*pfn, what(path))));
        }
        for (pfn, what) in needed {
            let entries = list.entries().find(|entries| entries.pfns.contains(pfn));
            if let Some(entries) = entries {
                out.add(
                    list.finding(Code::UnallocatedNeeded, &entries, pfn)
                        .expected(format!("{what} to stay"))
                        .found(format!("its pfn {pfn:#x}")),
                );
            }
        }
    }
}

fn needed_pfns(context: &Context<'_>, round: Round<'_>) -> Vec<(u64, String)> {
    let mut needed = Vec::new();
    let checkpoint = round.checkpoint;
    if context.is(Guest::Pv)
        && let Some(pfn) = checkpoint.start_info_pfn()
    {
        needed.push((pfn, String::from("start_info")));
    }
    let has_memmap = context.always(|spec| spec.shared_info == [SharedInfoLayout::S2]);
    if let Some(section) = checkpoint.shared_info.as_ref().filter(|_| has_memmap)
        && let Some(pfn) = crate::grammar::u64_at(&section.bytes, MEMMAP_INFO_PFN)
        // A shared_info that does not name the page is the business of another rule.
        && pfn != 0
    {
        needed.push((pfn, String::from("the page of the memory map")));
    }
    if let Some(magic) = &checkpoint.magic_pfns {
        needed.extend(
            magic
                .iter()
                .map(|(magic, pfn, _)| (pfn, format!("the {} page", magic.name()))),
        );
    }
    needed
}
