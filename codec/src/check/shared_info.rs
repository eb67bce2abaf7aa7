//! The shared_info page (spec 9.1, 9.2).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::context::{Context, Fields, Part, Round};
use super::findings::Findings;
use crate::code::Code;
use crate::dialect::{Guest, SharedInfoLayout};
use crate::wire;

fn pages<'a>(context: &Context<'a>) -> impl Iterator<Item = (Round<'a>, Fields<'a>)> {
    // The newest layout that the dialect may have; older ones are its beginnings.
    let layout = context
        .image
        .read_as()
        .and_then(|d| d.spec().shared_info.last());
    let layout = layout.map(|layout| wire::layout_of_shared_info(*layout));
    context.rounds().filter_map(move |round| {
        let section = round.checkpoint.shared_info.as_ref()?;
        Some((round, round.fields(Part::SharedInfo, layout?, section)))
    })
}

/// The upcall flags of all 64 vcpus, and the vector of upcalls. Bad flags make one finding: a page that
/// is no shared_info has many. Masks began as 0xff from 9810e8cdd8 on.
pub(super) fn events(context: &Context<'_>, out: &mut Findings) {
    let ff = context.eras().iter().any(|era| era.mask_may_be_ff());
    let is_flag = |path: &str, flag| flag <= 1 || flag == 0xff && ff && path.ends_with("_mask");
    for (_, page) in pages(context) {
        let flags = (0..64).flat_map(|vcpu| {
            ["evtchn_upcall_pending", "evtchn_upcall_mask"]
                .map(|flag| format!("vcpu_info[{vcpu}].{flag}"))
        });
        let bad: Vec<_> = flags
            .filter(|path| page.get(path).is_some_and(|flag| !is_flag(path, flag)))
            .collect();
        if let Some(path) = bad.first() {
            let first = page.get(path).unwrap_or(0);
            let more = match bad.len() {
                1 => String::new(),
                n => format!(", and {} more flags like it", n - 1),
            };
            out.add(
                page.finding(Code::SharedInfoFlag, path)
                    .expected("0 or 1")
                    .found(format!("{first:#x}{more}")),
            );
        }
        let path = "arch.evtchn_vector";
        if page.get(path).is_some_and(|vector| vector > 0xff) {
            out.add(
                page.finding(Code::SharedInfoVector, path)
                    .expected("0 to 0xff"),
            );
        }
    }
}

/// `start_info_pfn`: the original restore writes into that page of a PV domain. An HVM domain has
/// none.
pub(super) fn start_info(context: &Context<'_>, out: &mut Findings) {
    let path = "arch.start_info_pfn";
    for (round, page) in pages(context) {
        let Some(pfn) = page.get(path) else { continue };
        if context.is(Guest::Hvm) {
            if pfn != 0 {
                out.add(page.finding(Code::StartInfoHvm, path).expected("0"));
            }
        } else if context.is_outside_ram(pfn) {
            out.add(
                page.finding(Code::StartInfoPfn, path)
                    .expected("a pfn of RAM"),
            );
        } else if !context.was_sent(round, pfn) {
            out.add(
                page.finding(Code::StartInfoMissing, path)
                    .expected("a pfn with a page record"),
            );
        }
    }
}

/// Where the memory map is, from D3 on: savers found it there, so it is what the stream has.
pub(super) fn memmap(context: &Context<'_>, out: &mut Findings) {
    if !context.always(|spec| spec.shared_info == [SharedInfoLayout::S2]) {
        return;
    }
    for (round, page) in pages(context) {
        let num_pages = "arch.memmap_info_num_pages";
        if page.get(num_pages).is_some_and(|n| n != 1) {
            out.add(
                page.finding(Code::SharedInfoMemmap, num_pages)
                    .expected("1"),
            );
        }
        let path = "arch.memmap_info_pfn";
        let Some(pfn) = page.get(path) else { continue };
        if context.is_outside_ram(pfn) {
            out.add(
                page.finding(Code::SharedInfoMemmap, path)
                    .expected("a pfn of RAM"),
            );
        } else if !context.was_sent(round, pfn) {
            out.add(
                page.finding(Code::MemmapInfoMissing, path)
                    .expected("a pfn with a page record"),
            );
        }
    }
}
