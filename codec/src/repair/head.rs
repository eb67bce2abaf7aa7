//! `p2m_size`, `arch_setup.maxmem` and the memory map.

use alloc::format;
use alloc::vec::Vec;

use super::{Patient, Repair};
use crate::code::Code;
use crate::dialect::Version;
use crate::grammar::u64_at;
use crate::image::Image;
use crate::ram;
use crate::size::index;
use crate::wire::memmap::{EFI_CONVENTIONAL_MEMORY, EFI_TYPES, EfiMemoryDesc, MemmapInfo};
use crate::wire::{self, Wire as _};

/// Bytes of an EFI page.
const EFI_PAGE: u64 = 4096;

pub(super) fn proposals(patient: &Patient<'_>, out: &mut Vec<Repair>) {
    let image = &patient.file.image;
    p2m_size(patient, image, out);
    maxmem(patient, image, out);
    memmap_size(patient, image, out);
    one_descriptor(patient, image, out);
}

/// One more than the highest pfn that the image names; a lone pfn far above the others is no sign.
fn highest(image: &Image) -> Option<u64> {
    let mut end = 0;
    let mut pfns = 0u64;
    for checkpoint in &image.checkpoints {
        for (pfn, _, _) in checkpoint.pages.last_copies() {
            pfns += 1;
            end = end.max(pfn.saturating_add(1));
        }
        let list = checkpoint.unallocated.iter().flat_map(|list| &list.runs);
        for run in list {
            pfns = pfns.saturating_add(run.pages());
            end = end.max(run.last().saturating_add(1));
        }
    }
    // In version 1 every pfn below the end is sent or listed.
    (pfns > 0 && end <= pfns).then_some(end)
}

fn p2m_size(patient: &Patient<'_>, image: &Image, out: &mut Vec<Repair>) {
    let Some(prologue) = image.prologue else {
        return;
    };
    let wrong = [
        Code::P2mSizeZero,
        Code::P2mSizeHuge,
        Code::P2mSizeMismatch,
        Code::PageOutsideRam,
    ];
    if !patient.has_any(&wrong) {
        return;
    }
    let maxmem = image.head.as_ref().map_or(0, |head| head.maxmem);
    let pages = maxmem.div_ceil(image.page_size as u64);
    let (size, why) = match image.version() {
        Some(Version::V1) => match highest(image) {
            Some(end) => (end, "one more than the highest pfn in the image"),
            None => return,
        },
        _ if pages > 0 => (pages, "the pages of arch_setup.maxmem"),
        _ => return,
    };
    if size != prologue.p2m_size {
        let bytes = size.to_le_bytes();
        out.push(Repair::put(
            image.stream_offset,
            &bytes,
            "p2m_size",
            why.into(),
        ));
    }
}

fn maxmem(patient: &Patient<'_>, image: &Image, out: &mut Vec<Repair>) {
    let wrong = patient.has_any(&[Code::SetupMaxmem]);
    let (Some(prologue), Some(section), Some(layout)) =
        (image.prologue, &image.arch_setup, image.arch_setup_layout())
    else {
        return;
    };
    let field = wire::layout_of_arch_setup(layout).find("maxmem");
    let bytes = prologue.p2m_size.checked_mul(image.page_size as u64);
    if let (true, Some(field), Some(bytes)) = (wrong, field, bytes) {
        let what = "what p2m_size comes to".into();
        let offset = section.offset + field.offset as u64;
        let word = bytes.to_le_bytes();
        out.push(Repair::put(offset, &word, "arch_setup.maxmem", what));
    }
}

/// Descriptors that look like ones, whatever the header says of them.
fn plausible(bytes: &[u8]) -> u64 {
    let mut count = 0;
    let mut end = 0;
    let rest = bytes.get(MemmapInfo::SIZE..).unwrap_or(&[]);
    for piece in rest.chunks_exact(EfiMemoryDesc::SIZE) {
        let Some(one) = EfiMemoryDesc::parse(piece) else {
            break;
        };
        let known = index(one.r#type) < EFI_TYPES.len();
        let aligned = one.phys_addr % EFI_PAGE == 0 && one.num_pages > 0;
        let Some(own_end) = one
            .end()
            .filter(|_| known && aligned && one.phys_addr >= end)
        else {
            break;
        };
        end = own_end;
        count += 1;
    }
    count
}

fn memmap_size(patient: &Patient<'_>, image: &Image, out: &mut Vec<Repair>) {
    let wrong = [
        Code::MemmapEmpty,
        Code::MemmapOverflow,
        Code::MemmapSize,
        Code::MemmapDescSmall,
    ];
    let Some(section) = image.memmap.as_ref().filter(|_| patient.has_any(&wrong)) else {
        return;
    };
    let count = plausible(&section.bytes);
    if count > 0 {
        let header = [
            count * EfiMemoryDesc::SIZE as u64,
            EfiMemoryDesc::SIZE as u64,
        ];
        let bytes = header.map(u64::to_le_bytes);
        if u64_at(&section.bytes, 0) == Some(header[0]) {
            let what = "what Xen's descriptors take".into();
            let at = section.offset + 8;
            out.push(Repair::put(at, &bytes[1], "memmap.efi_memdesc_size", what));
        } else {
            let what = format!("the descriptors that are there: {count}");
            let path = "memmap.efi_memmap_size";
            out.push(Repair::put(
                section.offset,
                bytes.as_flattened(),
                path,
                what,
            ));
        }
    }
}

/// A map of one descriptor is RAM from its start to the end of the domain's memory.
fn one_descriptor(patient: &Patient<'_>, image: &Image, out: &mut Vec<Repair>) {
    let wrong = [
        Code::MemmapEnd,
        Code::MemmapDescWrap,
        Code::MemmapLowest,
        Code::MemmapNoRam,
        Code::MemmapDescUnaligned,
    ];
    let Some(section) = image.memmap.as_ref().filter(|_| patient.has_any(&wrong)) else {
        return;
    };
    let mut all = ram::descriptors(&section.bytes);
    let (Some((offset, one)), None) = (all.next(), all.next()) else {
        return;
    };
    let Some(end) = u64_at(
        image.arch_setup.as_ref().map_or(&[], |s| &s.bytes),
        maxmem_at(image),
    ) else {
        return;
    };
    let mut mended = one.clone();
    mended.r#type = EFI_CONVENTIONAL_MEMORY;
    mended.phys_addr &= !(EFI_PAGE - 1);
    let Some(bytes) = end.checked_sub(mended.phys_addr).filter(|bytes| *bytes > 0) else {
        return;
    };
    mended.num_pages = bytes.div_ceil(EFI_PAGE);
    let what = format!(
        "the only one: RAM from {:#x} to {end:#x}, the domain's maxmem (was type {}, {:#x}, {:#x} pages \
         of 4 KiB)",
        mended.phys_addr, one.r#type, one.phys_addr, one.num_pages
    );
    let at = section.offset + offset as u64;
    out.push(Repair::put(
        at,
        &mended.to_bytes(),
        "memmap.descriptors[0]",
        what,
    ));
}

fn maxmem_at(image: &Image) -> usize {
    let layout = image.arch_setup_layout().map(wire::layout_of_arch_setup);
    let field = layout.and_then(|layout| layout.find("maxmem"));
    field.map_or(usize::MAX - 8, |field| field.offset)
}
