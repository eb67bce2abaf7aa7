//! The shared_info page (spec 9.1).

use alloc::borrow::Cow;
use alloc::format;

use super::Route;
use super::fields::{fields_of_page, get};
use super::loss::Losses;
use crate::dialect::{Dialect, SharedInfoLayout};
use crate::wire::layout_of_shared_info;

/// The layout by which a dialect's page is read: the newest that was in use.
fn layout(dialect: Dialect) -> SharedInfoLayout {
    let all = dialect.spec().shared_info;
    all[all.len() - 1]
}

/// The page. It stays as it is where one layout may have been that of both dialects.
pub(super) fn convert<'a>(source: &'a [u8], route: Route, losses: &mut Losses) -> Cow<'a, [u8]> {
    if route.is_one_dialect() {
        return source.into();
    }
    let (from, to) = (route.from.spec(), route.to.spec());
    let old = layout_of_shared_info(layout(route.from));
    let new = layout_of_shared_info(layout(route.to));
    let page: Cow<'a, [u8]> = if from.shared_info.iter().any(|l| to.shared_info.contains(l)) {
        source.into()
    } else {
        fields_of_page(source, old, new, |path, value| {
            losses.name(
                format!("shared_info.{path}"),
                format!("{value}: {} has no place for it", route.to),
            );
        })
        .into()
    };
    if to.version.has_memmap() && !from.version.has_memmap() {
        // The guest looks for its memory map there; only the domain's builder knew the place.
        for path in ["arch.memmap_info_num_pages", "arch.memmap_info_pfn"] {
            if get(new, &page, path).is_none_or(|value| value == 0) {
                losses.name(
                    format!("shared_info.{path}"),
                    format!(
                        "{} does not say where the guest has its memory map",
                        route.from
                    ),
                );
            }
        }
    }
    page
}

/// Where the guest has its memory map, as far as the dialect has a place for it.
pub(super) fn memmap_info(dialect: Dialect, page: &[u8]) -> Option<u64> {
    if !dialect.spec().shared_info.contains(&SharedInfoLayout::S2) {
        return None;
    }
    let layout = layout_of_shared_info(SharedInfoLayout::S2);
    let pages = get(layout, page, "arch.memmap_info_num_pages")?;
    let pfn = get(layout, page, "arch.memmap_info_pfn")?;
    (pages == 1 && pfn != 0).then_some(pfn)
}
