//! The magic pfns of an HVM domain (spec 10.2).

use alloc::format;

use super::context::{Context, Part};
use super::findings::Findings;
use super::text::hex;
use crate::code::Code;
use crate::error::Finding;

/// Each names a page of its own that is RAM, was sent, and is where every builder puts it. A restore
/// clears the pages, and fails on one that it cannot map.
pub(super) fn pages(context: &Context<'_>, out: &mut Findings) {
    for round in context.rounds() {
        let Some(magic_pfns) = &round.checkpoint.magic_pfns else {
            continue;
        };
        for (index, (magic, pfn, offset)) in magic_pfns.iter().enumerate() {
            let path = format!("{}.{}", round.place(Part::MagicPfns), magic.name());
            let finding = |code| {
                Finding::new(code, offset, path.as_str())
                    .length(8)
                    .found(hex(pfn))
            };
            if context.is_outside_ram(pfn) {
                out.add(finding(Code::MagicPfnOutsideRam).expected("a pfn of RAM"));
            } else if !context.was_sent(round, pfn) {
                out.add(finding(Code::MagicPfnMissing).expected("a pfn with a page record"));
            }
            if pfn != magic.usual_gpfn() {
                out.add(finding(Code::MagicPfnUnusual).expected(hex(magic.usual_gpfn())));
            }
            let before = magic_pfns
                .iter()
                .take(index)
                .find(|(_, other, _)| *other == pfn);
            if let Some((other, ..)) = before {
                let expected = format!("another than that of {}", other.name());
                out.add(finding(Code::MagicPfnDuplicate).expected(expected));
            }
        }
    }
}
