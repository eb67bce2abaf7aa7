//! `p2m_size`, version and the domain setup record (spec 3).

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec;

use super::Route;
use super::fields::{self, get, set};
use super::loss::Losses;
use crate::dialect::{ArchSetupLayout, P2mSizeMeaning};
use crate::grammar::Prologue;
use crate::wire::layout_of_arch_setup;

/// The first 16 bytes: `p2m_size` bounds the pfns in both of its meanings and stays (spec 3.1).
pub(super) fn prologue(source: Prologue, route: Route) -> Prologue {
    Prologue {
        version: route.to.spec().version as u64,
        ..source
    }
}

/// The setup record (spec 3.3).
pub(super) fn arch_setup<'a>(
    source: &'a [u8],
    p2m_size: u64,
    page_size: usize,
    route: Route,
    losses: &mut Losses,
) -> Cow<'a, [u8]> {
    if route.is_one_dialect() {
        return source.into();
    }
    let (from, to) = (route.from.spec(), route.to.spec());
    let (old, new) = (
        layout_of_arch_setup(from.arch_setup),
        layout_of_arch_setup(to.arch_setup),
    );
    let pairs = fields::namesakes(old, new);
    let mut target = vec![0; new.size];
    fields::carry(&pairs, source, &mut target);
    fields::left_behind(old, source, &pairs, |path, value| {
        losses.name(
            format!("arch_setup.{path}"),
            format!("{value}: {} has no place for it", route.to),
        );
    });
    let vhpt = ArchSetupLayout::Vhpt;
    if from.arch_setup != vhpt || to.arch_setup != vhpt {
        padding(
            source,
            &mut target,
            from.arch_setup != vhpt && to.arch_setup != vhpt,
        );
    }

    let all = p2m_size.saturating_mul(page_size as u64);
    match (from.p2m_size, to.p2m_size) {
        (P2mSizeMeaning::MaxMem, P2mSizeMeaning::MaximumGpfn) => {
            set(new, &mut target, "maxmem", all);
        }
        (P2mSizeMeaning::MaximumGpfn, P2mSizeMeaning::MaxMem) => {
            let maxmem = get(old, source, "maxmem").unwrap_or(0);
            if maxmem != all {
                let what = format!(
                    "{maxmem:#x} is not {p2m_size} pages, which is all that {} can say",
                    route.to
                );
                losses.name("arch_setup.maxmem", what);
            }
            set(new, &mut target, "maxmem", 0);
        }
        _ => {}
    }
    target.into()
}

/// The last four bytes are padding but for the first of them, which `vhpt_size_log2` took over: a
/// saver's garbage there must not become a table size.
fn padding(source: &[u8], target: &mut [u8], first_is_padding: bool) {
    let skip = usize::from(!first_is_padding);
    if let (Some(old), Some(new)) = (source.last_chunk::<4>(), target.last_chunk_mut::<4>()) {
        new[skip..].copy_from_slice(&old[skip..]);
    }
}
