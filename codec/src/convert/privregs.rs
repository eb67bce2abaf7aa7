//! The privregs page of a PV vcpu (spec 8.10).

use alloc::borrow::Cow;
use alloc::format;

use super::Route;
use super::fields;
use super::loss::Losses;
use crate::dialect::{Dialect, MappedRegsLayout};
use crate::wire::layout_of_mapped_regs;

/// The layout by which a dialect's page is read. Where several were in use the newest is taken: the
/// dialects are named after releases, and those wrote it.
pub(super) fn layout(dialect: Dialect) -> MappedRegsLayout {
    let all = dialect.spec().mapped_regs;
    all[all.len() - 1]
}

/// The page. It stays as it is where one layout may have been that of both dialects.
pub(super) fn convert<'a>(
    source: &'a [u8],
    vcpu: u32,
    route: Route,
    losses: &mut Losses,
) -> Cow<'a, [u8]> {
    let (from, to) = (route.from.spec(), route.to.spec());
    if from.mapped_regs.iter().any(|l| to.mapped_regs.contains(l)) {
        return source.into();
    }
    let old = layout_of_mapped_regs(layout(route.from));
    let new = layout_of_mapped_regs(layout(route.to));
    fields_of_page(source, old, new, |path, value| {
        losses.name(
            format!("privregs[{vcpu}].{path}"),
            format!("{value}: {} has no place for it", route.to),
        );
    })
    .into()
}

/// A page whose first bytes change their layout; what lies behind them stays.
pub(super) fn fields_of_page(
    source: &[u8],
    old: &crate::wire::Layout,
    new: &crate::wire::Layout,
    lost: impl FnMut(&str, &str),
) -> alloc::vec::Vec<u8> {
    let pairs = fields::namesakes(old, new);
    let mut target = source.to_vec();
    let structure = old.size.max(new.size).min(target.len());
    target[..structure].fill(0);
    fields::carry(&pairs, source, &mut target);
    fields::left_behind(old, source, &pairs, lost);
    target
}
