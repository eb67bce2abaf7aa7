//! Region registers that nobody has set (spec 8.8).
//!
//! Up to D9a ~0 in rr0 and 0 in any of them meant "none". From D9b on a guest always has some, and from
//! D10 on set-context refuses a bad one with EINVAL. The privregs page, which is loaded last, decides for
//! a PV guest.

use alloc::format;

use super::{Names, Side};
use crate::convert::privregs::{Page, is_no_region};
use crate::dialect::Guest;
use crate::era::{HvmRegionSet, RegionDefaults};
use crate::wire::privregs::is_region;

/// Puts in what a hypervisor of the target would have given instead of a value that it refuses.
pub(super) fn convert(
    source: &Side<'_>,
    target: &mut Side<'_>,
    page: Option<Page<'_>>,
    names: &mut Names<'_>,
) {
    for index in 0..8 {
        let path = format!("regs.rr[{index}]");
        let value = target.get(&path);
        match target.guest {
            Guest::Pv => of_page(index, value, target, page, names),
            Guest::Hvm => {
                // Where 0 is stored, it has to be what skipping it would have left.
                let [old, new] = [source, target].map(|side| side.spec().hvm_regions_set);
                let skipped = old == HvmRegionSet::Refused && new != HvmRegionSet::Refused;
                if skipped && value == 0 {
                    target.set(&path, NOT_SET);
                    let what = format!("0 becomes {NOT_SET:#x}, which skipping it would leave");
                    names.note(target, &path, what);
                }
            }
        }
    }
}

/// A region register of an HVM vcpu that nobody has set.
const NOT_SET: u64 = 0x38;

fn of_page(
    index: usize,
    value: u64,
    target: &mut Side<'_>,
    page: Option<Page<'_>>,
    names: &mut Names<'_>,
) {
    let path = format!("regs.rr[{index}]");
    // Before D9b a value that means "none" is what was given.
    let valid = target.spec().region_defaults == RegionDefaults::Valid;
    let loads = target.era.loads(target.guest, &path);
    if !loads || is_region(value) || (!valid && is_no_region(value)) {
        return;
    }
    let usual = target.spec().region_defaults.value(index);
    let known = page.and_then(|page| page.known(&path));
    let new = known.filter(|known| is_region(*known)).unwrap_or(usual);
    target.set(&path, new);
    let what = if is_no_region(value) {
        format!(
            "{value:#x} says that it was never set; {new:#x} says so in {}",
            target.era
        )
    } else {
        format!("{value:#x} is no region register; {new:#x} is taken")
    };
    // The page is loaded last, and decides.
    names.note(target, &path, what);
}
