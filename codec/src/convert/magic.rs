//! The magic pfns of an HVM domain (spec 10.2).

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use super::Route;
use super::loss::Losses;
use crate::image::MagicPfns;
use crate::ram::RamMap;

/// The pfns in the order of the target.
///
/// A page that the source does not name gets the gpfn that every builder gave it. A restore populates
/// it where the image has no page for it, so naming it does no harm where it is not RAM either.
pub(super) fn convert<'a>(
    source: &'a MagicPfns,
    ram: &RamMap,
    route: Route,
    losses: &mut Losses,
) -> Cow<'a, [u8]> {
    let order = route.eras[1].magic_pfns();
    if source.order == order {
        return (&source.section.bytes[..]).into();
    }
    for (magic, pfn, _) in source.iter() {
        if pfn != 0 && !order.contains(&magic) {
            losses.name(
                format!("magic_pfns.{}", magic.name()),
                format!("{pfn:#x}: {} has no place for it", route.eras[1]),
            );
        }
    }
    let mut words = Vec::with_capacity(order.len() * 8);
    for magic in order {
        let pfn = source.get(*magic).unwrap_or_else(|| {
            let pfn = magic.usual_gpfn();
            let but = if ram.contains(pfn) {
                ""
            } else {
                ", which is no RAM by the memory map"
            };
            losses.name(
                format!("magic_pfns.{}", magic.name()),
                format!(
                    "{} has none; the usual {pfn:#x} is taken{but}",
                    route.eras[0]
                ),
            );
            pfn
        });
        words.extend_from_slice(&pfn.to_le_bytes());
    }
    words.into()
}
