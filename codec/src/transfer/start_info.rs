//! The page by which a PV guest finds its store and its console (spec 9.3), and fields of pages by their
//! paths. Fields beyond a page that is shorter than ia64's are left out.

use crate::dialect::{SharedInfoLayout, StartInfoLayout};
use crate::wire::{Layout, layout_of_shared_info, layout_of_start_info};

/// `start_info_pfn` of shared_info, and its place in the page.
pub(super) fn pfn(layout: SharedInfoLayout, page: &[u8]) -> (usize, u64) {
    let (layout, path) = (layout_of_shared_info(layout), "arch.start_info_pfn");
    let at = layout.find(path).map_or(0, |field| field.offset);
    (at, get(layout, page, path))
}

/// The console's fields: its frame, its event channel.
fn console(layout: StartInfoLayout) -> (&'static str, &'static str) {
    match layout {
        StartInfoLayout::I0 => ("console_mfn", "console_evtchn"),
        StartInfoLayout::I1 | StartInfoLayout::I2 => ("console.domU.mfn", "console.domU.evtchn"),
    }
}

/// Says which event channels store and console have.
pub(super) fn set_channels(
    layout: StartInfoLayout,
    page: &mut [u8],
    store: u32,
    console_port: u32,
) {
    let (_, evtchn) = console(layout);
    let fields = layout_of_start_info(layout);
    put(fields, page, "store_evtchn", u64::from(store));
    put(fields, page, evtchn, u64::from(console_port));
}

/// The frames of store and console, as the guest has them.
pub(super) fn rings(layout: StartInfoLayout, page: &[u8]) -> (u64, u64) {
    let (mfn, _) = console(layout);
    let fields = layout_of_start_info(layout);
    (get(fields, page, "store_mfn"), get(fields, page, mfn))
}

/// Writes an unsigned field of 4 or 8 bytes.
pub(super) fn put(layout: &Layout, bytes: &mut [u8], path: &str, value: u64) {
    if let Some(field) = layout.find(path) {
        let value = value.to_le_bytes();
        let size = field.size().min(8);
        if let Some(bytes) = bytes.get_mut(field.offset..field.offset + size) {
            bytes.copy_from_slice(&value[..size]);
        }
    }
}

/// Reads an unsigned field of up to 8 bytes.
pub(super) fn get(layout: &Layout, bytes: &[u8], path: &str) -> u64 {
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
