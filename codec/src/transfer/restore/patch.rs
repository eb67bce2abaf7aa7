//! What a restore changes in the pages of the stream (spec 9.1, 9.3). Fields beyond a page that is
//! shorter than ia64's are left out.

use super::restored::StartInfoSet;
use crate::dialect::{ContextLayout, SharedInfoLayout, StartInfoLayout};
use crate::transfer::start_info::{self, put};
use crate::wire::{layout_of_context, layout_of_shared_info, layout_of_start_info};

/// Replaces the flags of a context.
pub(super) fn set_context_flags(layout: ContextLayout, context: &mut [u8], flags: u64) {
    put(layout_of_context(layout), context, "flags", flags);
}

/// No event is pending in a new domain; which are held back is kept.
pub(super) fn clear_events(layout: SharedInfoLayout, page: &mut [u8]) {
    let layout = layout_of_shared_info(layout);
    if let Some(pending) = layout.find("evtchn_pending")
        && let Some(bytes) = page.get_mut(pending.offset..pending.offset + pending.size())
    {
        bytes.fill(0);
    }
    let vcpus = layout.find("vcpu_info").map_or(0, |vcpus| vcpus.count);
    for vcpu in 0..vcpus {
        let path = alloc::format!("vcpu_info[{vcpu}].evtchn_pending_sel");
        put(layout, page, &path, 0);
    }
}

/// Gives start_info the values of the new domain, and reads those that the guest keeps.
pub(super) fn patch_start_info(layout: StartInfoLayout, page: &mut [u8], set: &mut StartInfoSet) {
    let fields = layout_of_start_info(layout);
    put(fields, page, "nr_pages", set.nr_pages);
    put(fields, page, "shared_info", set.shared_info);
    put(fields, page, "flags", u64::from(set.flags));
    start_info::set_channels(layout, page, set.store_evtchn, set.console_evtchn);
    (set.store_mfn, set.console_mfn) = start_info::rings(layout, page);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use alloc::vec;

    fn zeros(page: &[u8]) -> usize {
        page.iter().map(|byte| usize::from(*byte == 0)).sum()
    }

    #[test]
    fn every_field_that_a_restore_touches_is_in_every_layout() {
        for dialect in Dialect::ALL {
            let spec = dialect.spec();
            let mut context = vec![0xff; spec.context.size()];
            set_context_flags(spec.context, &mut context, 30);
            assert_eq!(&context[..9], &[30, 0, 0, 0, 0, 0, 0, 0, 0xff]);
            for &layout in spec.shared_info {
                let mut page = vec![0xff; 16384];
                clear_events(layout, &mut page);
                assert_eq!(zeros(&page), 512 + 64 * 8);
                assert_eq!(start_info::pfn(layout, &page), (4112, u64::MAX));
            }
            for &layout in spec.start_info {
                let mut page = vec![0xff; 16384];
                let mut set = StartInfoSet {
                    nr_pages: 0,
                    shared_info: 0,
                    flags: 0,
                    store_mfn: 0,
                    store_evtchn: 0,
                    console_mfn: 0,
                    console_evtchn: 0,
                };
                patch_start_info(layout, &mut page, &mut set);
                assert_eq!(zeros(&page), 8 + 8 + 3 * 4);
                assert_eq!((set.store_mfn, set.console_mfn), (u64::MAX, u64::MAX));
            }
        }
    }
}
