//! The memory map, which version 1 does not carry (spec 4).

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use super::Route;
use super::loss::Losses;
use super::shared_info;
use crate::dialect::Dialect;
use crate::image::Image;
use crate::ram::{self, RamMap};
use crate::wire::Wire;
use crate::wire::memmap::{
    EFI_CONVENTIONAL_MEMORY, EFI_MEMORY_DESCRIPTOR_VERSION, EFI_MEMORY_WB, EFI_PAGE_SHIFT,
    EfiMemoryDesc, MemmapInfo,
};

/// The pages of the target's memory map; `None` where it has none. `last` is the checkpoint whose
/// tail is used.
pub(super) fn convert<'a>(
    image: &'a Image,
    p2m_size: u64,
    last: usize,
    route: Route,
    losses: &mut Losses,
) -> Option<Cow<'a, [u8]>> {
    let wanted = route.to.spec().version.has_memmap();
    match (&image.memmap, wanted) {
        (Some(source), true) => Some((&source.bytes[..]).into()),
        (None, true) => {
            let own = guests_own(image, last, route.from);
            let made = || made(p2m_size, image.page_size).into();
            Some(own.map_or_else(made, Cow::Borrowed))
        }
        (Some(source), false) => {
            let bytes = &source.bytes[..];
            let simple = same(bytes, &made(p2m_size, image.page_size));
            let survives = || guests_own(image, last, route.to).is_some_and(|own| same(bytes, own));
            if !simple && !survives() {
                let count = ram::descriptors(bytes).count();
                let what = format!(
                    "{count} descriptors: {} takes all pfns below p2m_size for RAM, and lists those without a page",
                    route.to
                );
                losses.name("memmap", what);
            }
            None
        }
        (None, false) => None,
    }
}

/// A map that says what version 1 takes for granted: write-back RAM from 0 to `p2m_size`.
fn made(p2m_size: u64, page_size: usize) -> Vec<u8> {
    let bytes = p2m_size.saturating_mul(page_size as u64);
    let info = MemmapInfo {
        efi_memmap_size: EfiMemoryDesc::SIZE as u64,
        efi_memdesc_size: EfiMemoryDesc::SIZE as u64,
        efi_memdesc_version: EFI_MEMORY_DESCRIPTOR_VERSION,
        pad20: [0; 4],
    };
    let all = EfiMemoryDesc {
        r#type: EFI_CONVENTIONAL_MEMORY,
        pad: 0,
        phys_addr: 0,
        virt_addr: 0,
        // The end has to fit 64 bits as well.
        num_pages: bytes
            .div_ceil(1 << EFI_PAGE_SHIFT)
            .min(u64::MAX >> EFI_PAGE_SHIFT),
        attribute: EFI_MEMORY_WB,
    };
    let mut bytes = Vec::with_capacity(page_size);
    info.write_to(&mut bytes);
    all.write_to(&mut bytes);
    bytes.resize(bytes.len().next_multiple_of(page_size), 0);
    bytes
}

/// The map in the guest's own memory, which is what the savers of version 2 copied into the stream
/// (spec 4.1). From 2007-05-21 on shared_info says where it is. It is believed where it is one page
/// of whole descriptors and has RAM wherever the image has a page.
fn guests_own(image: &Image, last: usize, dialect: Dialect) -> Option<&[u8]> {
    let shared_info = image.checkpoints.get(last)?.shared_info.as_ref()?;
    let pfn = shared_info::memmap_info(dialect, &shared_info.bytes)?;
    let (_, page) = image.page_of(last, pfn)?;
    let info = MemmapInfo::parse(page)?;
    let fits = info
        .efi_memmap_size
        .checked_add(MemmapInfo::SIZE as u64)
        .is_some_and(|end| end <= page.len() as u64);
    let whole = info.efi_memdesc_size == EfiMemoryDesc::SIZE as u64
        && info.efi_memmap_size % info.efi_memdesc_size == 0
        && info.efi_memdesc_version == EFI_MEMORY_DESCRIPTOR_VERSION;
    if !fits || !whole {
        return None;
    }
    let ram = RamMap::from_memmap(page, image.page_size);
    let covers = image.checkpoints[..=last]
        .iter()
        .all(|checkpoint| checkpoint.pages.pfns().iter().all(|pfn| ram.contains(*pfn)));
    (covers && !ram.is_empty()).then_some(page)
}

/// Whether two maps say the same; what lies behind the descriptors and in padding says nothing.
fn same(one: &[u8], other: &[u8]) -> bool {
    let info = |bytes| {
        MemmapInfo::parse(bytes).map(|info| MemmapInfo {
            pad20: [0; 4],
            ..info
        })
    };
    let all = |bytes| ram::descriptors(bytes).map(|(_, d)| EfiMemoryDesc { pad: 0, ..d });
    info(one) == info(other) && all(one).eq(all(other)) && one.len() == other.len()
}
