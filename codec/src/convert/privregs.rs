//! The privregs page of a PV vcpu (spec 8.10).
//!
//! A restore copies it last, so what it says is what the guest gets. Its layouts differ in a dozen bytes:
//!
//! | bytes | M1 | M2 | M3, M4, M5 |
//! |---|---|---|---|
//! | 3108 | incomplete_regframe, 4 bytes | vpsr_pp | vpsr_pp |
//! | 3109 | | | vpsr_dfh |
//! | 3110, 3111 | | | hpsr_dfh, hpsr_mfh |
//! | 3112 | vpsr_pp | | |
//! | 3408, 3416 | | | M5: itc_offset, itc_last |
//!
//! Protection keys and scratch (3280 to 3407) hold nothing that outlives a save, and stay as they are.

use alloc::borrow::Cow;
use alloc::format;

use super::Route;
use super::fields::{get, set};
use super::loss::Losses;
use crate::dialect::MappedRegsLayout;
use crate::era::{DcrSet, RegionDefaults};
use crate::wire::layout_of_mapped_regs;

/// The bytes that only M1 to M3 disagree about.
const FLAGS: core::ops::Range<usize> = 3108..3120;
/// `itc_offset` and `itc_last`.
const ITC: core::ops::Range<usize> = 3408..3424;

/// Control registers that a context has as well.
const CONTROL: [&str; 14] = [
    "dcr", "itm", "pta", "ipsr", "isr", "iip", "ifa", "itir", "iim", "iha", "tpr", "itv", "pmv",
    "cmcv",
];

/// A page and how to read it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    bytes: &'a [u8],
    layout: MappedRegsLayout,
}

/// What the source's context says that a page does not, or not yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct FromContext {
    /// psr.dfh.
    pub(super) dfh: bool,
    /// cr.dcr.
    pub(super) dcr: u64,
}

impl<'a> Page<'a> {
    pub(super) fn new(bytes: &'a [u8], layout: MappedRegsLayout) -> Self {
        Page { bytes, layout }
    }

    /// A field by its name; `None` where the layout lacks it.
    pub(super) fn get(self, name: &str) -> Option<u64> {
        get(layout_of_mapped_regs(self.layout), self.bytes, name)
    }

    /// What the page knows of a register that a context may have as well, by its path in B to F.
    pub(super) fn known(self, path: &str) -> Option<u64> {
        if let Some(name) = path.strip_prefix("regs.cr.") {
            return CONTROL.contains(&name).then(|| self.get(name))?;
        }
        let index = path.strip_prefix("regs.rr[")?.strip_suffix(']')?;
        self.get(&format!("rrs[{index}]"))
    }

    /// What the page says of such a register, or every vcpu that no interrupt waits for.
    pub(super) fn says(self, path: &str) -> Option<u64> {
        const SPURIOUS: u64 = 0xf;
        match path {
            "regs.cr.ivr" => Some(SPURIOUS),
            _ => self.known(path),
        }
    }
}

/// A region register that was never set, in a page up to D9a.
pub(super) fn is_no_region(value: u64) -> bool {
    value == 0 || value == u64::MAX
}

/// The page.
pub(super) fn convert<'a>(
    source: &'a [u8],
    vcpu: u32,
    context: FromContext,
    route: Route,
    losses: &mut Losses,
) -> Cow<'a, [u8]> {
    let mut target = Cow::Borrowed(source);
    if route.is_same() {
        return target;
    }
    flags(source, &mut target, vcpu, context.dfh, route, losses);
    let [old, new] = [route.old_spec(), route.new_spec()];
    let layout = layout_of_mapped_regs(new.privregs);
    if old.dcr_set == DcrSet::Own && new.dcr_set != DcrSet::Own {
        let stale = get(layout, &target, "dcr").unwrap_or(0);
        if stale != context.dcr {
            set(layout, target.to_mut(), "dcr", context.dcr);
            let what = format!(
                "{stale:#x} was not used; {:#x} is that of the context",
                context.dcr
            );
            losses.note(format!("privregs[{vcpu}].dcr"), what);
        }
    }
    if new.region_defaults == RegionDefaults::Valid {
        regions(&mut target, vcpu, route, losses);
    }
    let m5 = MappedRegsLayout::M5;
    if (old.privregs == m5) != (new.privregs == m5) {
        if old.privregs == m5 {
            for name in ["itc_offset", "itc_last"] {
                let value = get(layout_of_mapped_regs(m5), source, name).unwrap_or(0);
                if value != 0 {
                    let what = format!("{value:#x}: {} has no place for it", route.eras[1]);
                    losses.name(format!("privregs[{vcpu}].{name}"), what);
                }
            }
        }
        clear(&mut target, ITC);
    }
    target
}

/// pp, dfh and whatever M1 has there.
fn flags(
    source: &[u8],
    target: &mut Cow<'_, [u8]>,
    vcpu: u32,
    machine_dfh: bool,
    route: Route,
    losses: &mut Losses,
) {
    let [old, new] = [route.old_spec().privregs, route.new_spec().privregs];
    let page = Page::new(source, old);
    let place = |layout: MappedRegsLayout| {
        let found = |name| {
            layout_of_mapped_regs(layout)
                .find(name)
                .map(|found| found.offset)
        };
        [found("vpsr_pp"), found("vpsr_dfh")]
    };
    if place(old) == place(new) {
        return;
    }
    let pp = page.get("vpsr_pp").unwrap_or(0);
    let dfh = page.get("vpsr_dfh").unwrap_or(machine_dfh.into());
    if let Some(frame @ 1..) = page.get("incomplete_regframe") {
        let what = format!("{frame:#x}: {} has no place for it", route.eras[1]);
        losses.name(format!("privregs[{vcpu}].incomplete_regframe"), what);
    }
    if place(new)[1].is_none() && dfh > 1 {
        let what = format!("{dfh:#x} is a bit of psr in {}", route.eras[1]);
        losses.note(format!("privregs[{vcpu}].vpsr_dfh"), what);
    }
    clear(target, FLAGS);
    let layout = layout_of_mapped_regs(new);
    let mut put = |name: &str, value: u64| set(layout, target.to_mut(), name, value);
    put("vpsr_pp", pp);
    // Where the layout has these: the first switch to the vcpu leaves the upper registers disabled.
    put("vpsr_dfh", dfh);
    put("hpsr_dfh", 1);
}

/// A hypervisor that checks region registers crashes the guest over one that was never set.
fn regions(target: &mut Cow<'_, [u8]>, vcpu: u32, route: Route, losses: &mut Losses) {
    let layout = layout_of_mapped_regs(route.new_spec().privregs);
    for index in 0..8 {
        let name = format!("rrs[{index}]");
        let value = get(layout, target, &name).filter(|value| is_no_region(*value));
        if let Some(value) = value {
            let usual = RegionDefaults::Valid.value(index);
            set(layout, target.to_mut(), &name, usual);
            let what = format!(
                "{value:#x} says that it was never set; {usual:#x} says so in {}",
                route.eras[1]
            );
            losses.note(format!("privregs[{vcpu}].{name}"), what);
        }
    }
}

fn clear(page: &mut Cow<'_, [u8]>, range: core::ops::Range<usize>) {
    if page
        .get(range.clone())
        .is_some_and(|old| old.iter().any(|byte| *byte != 0))
        && let Some(bytes) = page.to_mut().get_mut(range)
    {
        bytes.fill(0);
    }
}
