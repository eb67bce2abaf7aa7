//! The start_info page of a PV domain (spec 9.3).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

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
        // Of a p2m without pages another rule complains.
        if nr_pages.is_some_and(|n| n == 0 || n > p2m_size) && p2m_size > 0 {
            out.add(
                page.finding(Code::StartInfoNrPages, "nr_pages")
                    .expected(format!("1 to {p2m_size:#x}")),
            );
        }
    }
}

/// The rings of xenstore and the console, as a start_info page names them: field and pfn. None where it is
/// not that of a guest of this Xen, or of dom0's kind.
fn named_rings(context: &Context<'_>, page: &Fields<'_>) -> Vec<(&'static str, u64)> {
    let flat = context.always(|spec| spec.start_info[0] == StartInfoLayout::I0);
    let console = if flat {
        "console_mfn"
    } else {
        "console.domU.mfn"
    };
    let ours = |magic: &[u8]| magic.starts_with(START_INFO_MAGIC) && magic[12] == 0;
    if !page.slice("magic").is_some_and(ours) {
        return Vec::new();
    }
    let named = ["store_mfn", console].map(|path| Some((path, page.get(path)?)));
    named.into_iter().flatten().collect()
}

/// The rings that each round has: those of its own start_info page, or of the last before it.
pub(super) fn rings_of_rounds(context: &Context<'_>) -> BTreeMap<usize, Vec<(&'static str, u64)>> {
    pages(context)
        .map(|(round, page)| (round.index, named_rings(context, &page)))
        .collect()
}

/// A restore tells dom0 the pfns of the rings, and dom0 maps them.
pub(super) fn rings(context: &Context<'_>, out: &mut Findings) {
    for (round, page) in pages(context) {
        for (path, pfn) in named_rings(context, &page) {
            if !context.was_sent(round, pfn) {
                out.add(
                    page.finding(Code::StartInfoRing, path)
                        .expected("a pfn with a page record"),
                );
            }
        }
    }
}
