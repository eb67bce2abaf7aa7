//! What a core says of the kernel in it, where it is found without symbols: debuggers of Linux ask for it
//! before they open a core.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use memchr::memmem;

use crate::pfns::Pfns;
use crate::translate::{How, Mapping, View};

/// How the banner of Linux begins.
const BANNER: &[u8] = b"Linux version ";
/// Longest release.
const RELEASE: usize = 64;
/// Auxiliary vector: the size of pages.
const AT_PAGESZ: u64 = 6;

/// The text that Linux itself leaves for its cores (`VMCOREINFO`): release, size of pages, and the kernel's
/// page directory. `None` where no banner of Linux stands in what is pinned around the kernel's vectors.
pub(super) fn vmcoreinfo(view: &View<'_>) -> Option<String> {
    let iva = view.registers().iva;
    let mut pinned = view.pinned().iter();
    let kernel = pinned.find(|m| (m.first..=m.last).contains(&iva))?;
    let release = release(view, kernel)?;
    let mut text = format!(
        "OSRELEASE={release}\nPAGESIZE={}\n",
        view.geometry().page_size()
    );
    if let Some(address) = directory(view) {
        let _ = writeln!(text, "SYMBOL(swapper_pg_dir)={address:x}");
    }
    Some(text)
}

/// The virtual address of the kernel's page directory: where its image is, else in region 7.
fn directory(view: &View<'_>) -> Option<u64> {
    let (physical, _) = view.kernel_directory().ok()?;
    let known: Vec<_> = view.pinned_at(physical).collect();
    let of_kernel = known.iter().find(|(address, _)| address >> 61 == 5);
    let any = known.iter().find(|(_, how)| *how == How::OneToOne(7));
    of_kernel.or(any).map(|(address, _)| *address)
}

/// The release in a banner of Linux within a mapping.
fn release(view: &View<'_>, kernel: &Mapping) -> Option<String> {
    let memory = view.memory();
    let size = memory.page_size();
    let last = kernel.physical + (kernel.last - kernel.first);
    let pfns = Pfns::new(kernel.physical.checked_div(size)?, last / size)?;
    let finder = memmem::Finder::new(BANNER);
    for run in memory.within(pfns) {
        for pfn in run.pfns.iter() {
            let page = memory.page_in(&run, pfn)?;
            for at in finder.find_iter(page) {
                let physical = pfn * size + at as u64;
                let offset = physical.checked_sub(kernel.physical);
                let Some(address) = offset.map(|offset| kernel.first + offset) else {
                    continue;
                };
                let text = view.text(address + BANNER.len() as u64, RELEASE).ok()?;
                let release = text.split(|byte| *byte == b' ').next()?;
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-_".contains(byte);
                // What prints a banner has a % there.
                if release.first().is_some_and(u8::is_ascii_digit) && release.iter().all(plain) {
                    return String::from_utf8(release.to_vec()).ok();
                }
            }
        }
    }
    None
}

/// An auxiliary vector with the size of pages, and its end.
pub(super) fn auxiliary(page_size: u64) -> Vec<u8> {
    let words = [AT_PAGESZ, page_size, 0, 0];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
