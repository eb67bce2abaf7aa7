//! The start_info page of a PV domain (spec 9.3).

use alloc::format;
use alloc::string::String;

use super::context::{Context, Fields, Part, Round};
use super::findings::Findings;
use crate::code::Code;
use crate::dialect::{Guest, StartInfoLayout};
use crate::wire;
use crate::wire::start_info::START_INFO_MAGIC;

/// The last copy of the page in each round that has one: a round that does not send it leaves it as
/// it was.
fn pages<'a>(context: &Context<'a>) -> impl Iterator<Item = (Round<'a>, Fields<'a>)> {
    let image = context.image;
    let pv = context.is(Guest::Pv);
    let layout = image.read_as().map(|d| d.spec().start_info[0]);
    let layout = layout.map(wire::layout_of_start_info);
    context.rounds().filter_map(move |round| {
        let checkpoint = round.checkpoint;
        let pfn = checkpoint.start_info_pfn().filter(|_| pv)?;
        let record = checkpoint.pages.last(pfn)?;
        let page = image.page(checkpoint, record)?;
        let offset = checkpoint.pages.page_offset(record);
        let place = round.place(Part::StartInfo);
        Some((round, Fields::at(place, layout?, page, offset)))
    })
}

/// What the saved kernel was started with: its name, and a size that a restore overwrites.
pub(super) fn contents(context: &Context<'_>, out: &mut Findings) {
    for (_, page) in pages(context) {
        let Some(magic) = page.slice("magic") else {
            continue;
        };
        let text = magic.split(|byte| *byte == 0).next().unwrap_or(&[]);
        if !matches!(text.strip_prefix(START_INFO_MAGIC), Some(b"" | b"be")) {
            out.add(
                page.finding(Code::StartInfoMagic, "magic")
                    .expected("xen-3.0-ia64")
                    .found(format!("{:?}", String::from_utf8_lossy(text))),
            );
        }
        let p2m_size = context
            .image
            .prologue
            .map_or(0, |prologue| prologue.p2m_size);
        let nr_pages = page.get("nr_pages").filter(|_| text == START_INFO_MAGIC);
        if nr_pages.is_some_and(|n| n == 0 || n > p2m_size) {
            out.add(
                page.finding(Code::StartInfoNrPages, "nr_pages")
                    .expected(format!("1 to {p2m_size:#x}")),
            );
        }
    }
}

/// The rings of xenstore and the console. A restore tells dom0 their pfns, and dom0 maps them.
pub(super) fn rings(context: &Context<'_>, out: &mut Findings) {
    let flat = context.always(|spec| spec.start_info[0] == StartInfoLayout::I0);
    let console = if flat {
        "console_mfn"
    } else {
        "console.domU.mfn"
    };
    for (round, page) in pages(context) {
        if !page
            .slice("magic")
            .is_some_and(|magic| magic.starts_with(START_INFO_MAGIC) && magic[12] == 0)
        {
            continue;
        }
        for path in ["store_mfn", console] {
            if page
                .get(path)
                .is_some_and(|pfn| !context.was_sent(round, pfn))
            {
                out.add(
                    page.finding(Code::StartInfoRing, path)
                        .expected("a pfn with a page record"),
                );
            }
        }
    }
}
