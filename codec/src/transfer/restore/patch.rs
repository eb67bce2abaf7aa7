//! What a restore changes in the pages of the stream (spec 9.1, 9.3). Fields beyond a page that is
//! shorter than ia64's are left out.

use super::restored::StartInfoSet;
use crate::dialect::{ContextLayout, SharedInfoLayout, StartInfoLayout};
use crate::wire::{Layout, layout_of_context, layout_of_shared_info, layout_of_start_info};

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

/// `start_info_pfn` of shared_info, and its place in the page.
pub(super) fn start_info_pfn(layout: SharedInfoLayout, page: &[u8]) -> (usize, u64) {
    let (layout, path) = (layout_of_shared_info(layout), "arch.start_info_pfn");
    let at = layout.find(path).map_or(0, |field| field.offset);
    (at, get(layout, page, path))
}

/// Gives start_info the values of the new domain, and reads those that the guest keeps.
pub(super) fn patch_start_info(layout: StartInfoLayout, page: &mut [u8], set: &mut StartInfoSet) {
    let (console_mfn, console_evtchn) = match layout {
        StartInfoLayout::I0 => ("console_mfn", "console_evtchn"),
        StartInfoLayout::I1 | StartInfoLayout::I2 => ("console.domU.mfn", "console.domU.evtchn"),
    };
    let layout = layout_of_start_info(layout);
    put(layout, page, "nr_pages", set.nr_pages);
    put(layout, page, "shared_info", set.shared_info);
    put(layout, page, "flags", u64::from(set.flags));
    put(layout, page, "store_evtchn", u64::from(set.store_evtchn));
    put(layout, page, console_evtchn, u64::from(set.console_evtchn));
    set.store_mfn = get(layout, page, "store_mfn");
    set.console_mfn = get(layout, page, console_mfn);
}

/// Writes an unsigned field of 4 or 8 bytes.
fn put(layout: &Layout, bytes: &mut [u8], path: &str, value: u64) {
    if let Some(field) = layout.find(path) {
        let value = value.to_le_bytes();
        let size = field.size().min(8);
        if let Some(bytes) = bytes.get_mut(field.offset..field.offset + size) {
            bytes.copy_from_slice(&value[..size]);
        }
    }
}

/// Reads an unsigned field of up to 8 bytes.
fn get(layout: &Layout, bytes: &[u8], path: &str) -> u64 {
    let Some(field) = layout.find(path) else {
        return 0;
    };
    let mut value = [0; 8];
    let size = field.size().min(8);
    if let Some(bytes) = bytes.get(field.offset..field.offset + size) {
        value[..size].copy_from_slice(bytes);
    }
    u64::from_le_bytes(value)
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
                assert_eq!(start_info_pfn(layout, &page), (4112, u64::MAX));
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
