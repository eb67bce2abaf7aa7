//! Pages of an image with words in them that memory does not have yet.

use crate::memory::{Assembly, Content, Memory, Piece, Run};
use crate::pfns::Pfns;
use crate::translate::Overlay;

/// Adds the pages of a run to an assembly; those that the overlay has words for are copied and patched.
pub(super) fn pages(
    memory: &Memory<'_>,
    run: &Run,
    at: u64,
    overlay: &Overlay,
    assembly: &mut Assembly,
) {
    let size = memory.page_size();
    let place = |pfn: u64| at + (pfn - run.pfns.first()) * size;
    let piece = |pfns: Option<Pfns>| {
        let part = run.cut(pfns?)?;
        Some(Piece {
            at: place(part.pfns.first()),
            content: Content::Pages(part),
        })
    };
    let mut rest = Some(run.pfns);
    for pfn in overlay.pfns_within(run.pfns, size) {
        let Some(page) = memory.page_in(run, pfn) else {
            continue;
        };
        let before = rest.and_then(|rest| rest.before(pfn));
        assembly.pieces.extend(piece(before));
        rest = rest.and_then(|rest| rest.after(pfn));
        let mut page = page.to_vec();
        overlay.apply(pfn * size, &mut page);
        assembly.bytes(place(pfn), page);
    }
    assembly.pieces.extend(piece(rest));
}
