//! The memory map (spec 4): its header, its descriptors, and the RAM they make.

use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

use super::context::{Context, Fields, Part, Place};
use super::findings::Findings;
use super::text::hex;
use crate::code::Code;
use crate::dialect::Guest;
use crate::error::Finding;
use crate::ram;
use crate::wire::Wire;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};

/// Bytes of a descriptor.
const DESCRIPTOR: u64 = EfiMemoryDesc::SIZE as u64;
/// Where an HVM domain has devices rather than RAM (public memory layout of HVM domains).
const HVM_IO: [(Range<u64>, &str); 5] = [
    (0xa_0000..0xc_0000, "the VGA frame buffer"),
    (0xc000_0000..0xe000_0000, "the devices below 4 GiB"),
    (0xe000_0000..0xe400_0000, "the I/O ports"),
    (0xfec0_0000..0xfed0_0000, "the I/O interrupt controller"),
    (0xfee0_0000..0xff00_0000, "the processors' interrupt block"),
];

/// A descriptor with its number.
struct Described<'a> {
    fields: Fields<'a>,
    desc: EfiMemoryDesc,
}

impl Described<'_> {
    fn finding(&self, code: Code, path: &str) -> Finding {
        self.fields.finding(code, path)
    }

    /// The bytes it covers; `None` where they do not end within 64 bits.
    fn bytes(&self) -> Option<Range<u64>> {
        Some(self.desc.phys_addr..self.desc.end()?)
    }
}

fn header<'a>(context: &Context<'a>) -> Option<Fields<'a>> {
    let section = context.image.memmap.as_ref()?;
    let place = Place::head(Part::Memmap);
    Some(Fields::new(place, MemmapInfo::LAYOUT, section))
}

fn descriptors<'a>(context: &Context<'a>) -> impl Iterator<Item = Described<'a>> {
    let section = context.image.memmap.as_ref();
    section.into_iter().flat_map(|section| {
        ram::descriptors(&section.bytes)
            .enumerate()
            .map(|(number, (at, desc))| Described {
                fields: Fields::at(
                    Place::head(Part::Descriptor(number)),
                    EfiMemoryDesc::LAYOUT,
                    &section.bytes[at..],
                    section.offset + at as u64,
                ),
                desc,
            })
    })
}

/// The count of pages: a hypervisor refused to build a domain with any other than 1.
pub(super) fn num_pages(context: &Context<'_>, out: &mut Findings) {
    let Some(section) = &context.image.memmap else {
        return;
    };
    let pages = section.bytes.len() / context.image.page_size;
    if pages != 1 {
        out.add(
            Finding::new(Code::MemmapNumPages, section.offset - 4, "memmap.num_pages")
                .length(4)
                .expected("1")
                .found(format!("{pages}")),
        );
    }
}

/// The header: dom0's kernel and the hypervisor look at the sizes, savers from 3.4 on at the version.
pub(super) fn sizes(context: &Context<'_>, out: &mut Findings) {
    let Some(header) = header(context) else {
        return;
    };
    let (Some(size), Some(stride), Some(version)) = (
        header.get("efi_memmap_size"),
        header.get("efi_memdesc_size"),
        header.get("efi_memdesc_version"),
    ) else {
        return;
    };
    let finding = |code| header.finding(code, "efi_memmap_size");
    let room = context.image.memmap.as_ref().map_or(0, |m| m.bytes.len());
    let room = (room as u64).saturating_sub(MemmapInfo::SIZE as u64);
    if size == 0 {
        out.add(finding(Code::MemmapEmpty).expected("a multiple of 40 above 0"));
    } else if size > room {
        out.add(finding(Code::MemmapOverflow).expected(format!("at most {room:#x}")));
    } else if stride != 0 && size % stride != 0 {
        out.add(finding(Code::MemmapSize).expected(format!("a multiple of {stride}")));
    }
    let expected = hex(DESCRIPTOR);
    let stride_finding = |code| header.finding(code, "efi_memdesc_size").expected(expected);
    if stride < DESCRIPTOR {
        out.add(stride_finding(Code::MemmapDescSmall));
    } else if stride > DESCRIPTOR {
        out.add(stride_finding(Code::MemmapDescSize));
    }
    if version != 1 {
        out.add(
            header
                .finding(Code::MemmapVersion, "efi_memdesc_version")
                .expected("1"),
        );
    }
}

/// Each descriptor by itself.
pub(super) fn shapes(context: &Context<'_>, out: &mut Findings) {
    let lowest = descriptors(context).min_by_key(|d| d.desc.phys_addr);
    if let Some(lowest) = lowest {
        // Of the sorted map, the hypervisor held only the first descriptor against this.
        let path = match &lowest.desc {
            desc if desc.phys_addr % 4096 != 0 => "phys_addr",
            desc if desc.num_pages == 0 => "num_pages",
            _ => "",
        };
        if !path.is_empty() {
            out.add(
                lowest
                    .finding(Code::MemmapLowest, path)
                    .expected("a descriptor on a 4 KiB boundary that is not empty"),
            );
        }
    }
    for described in descriptors(context) {
        if described.desc.phys_addr % 4096 != 0 {
            out.add(
                described
                    .finding(Code::MemmapDescUnaligned, "phys_addr")
                    .expected("a multiple of 0x1000"),
            );
        }
        if described.desc.end().is_none() {
            out.add(
                described
                    .finding(Code::MemmapDescWrap, "num_pages")
                    .expected("an end within 64 bits"),
            );
        }
    }
}

/// Descriptors without pages, which nobody minds; all of them are one finding.
pub(super) fn empty(context: &Context<'_>, out: &mut Findings) {
    let mut empty = descriptors(context).filter(|d| d.desc.num_pages == 0);
    if let Some(first) = empty.next() {
        let finding = first.finding(Code::MemmapDescEmpty, "num_pages");
        out.add(match empty.count() {
            0 => finding,
            more => finding.found(format!("0, as in {more} more")),
        });
    }
}

/// Descriptors against each other. A saver sends pages of overlapping RAM twice.
pub(super) fn overlaps(context: &Context<'_>, out: &mut Findings) {
    let mut sorted: Vec<_> = descriptors(context)
        .filter_map(|d| Some((d.bytes()?, d)))
        .filter(|(bytes, _)| !bytes.is_empty())
        .collect();
    sorted.sort_by_key(|(bytes, _)| bytes.start);
    let mut reached = 0;
    for (bytes, described) in sorted {
        if bytes.start < reached {
            out.add(
                described
                    .finding(Code::MemmapOverlap, "phys_addr")
                    .expected(format!("at least {reached:#x}, where another range ends")),
            );
        }
        reached = reached.max(bytes.end);
    }
}

/// The end of the map against the domain's memory, in the hypervisor's own numbers: both in whole
/// pages, rounded down, and the memory then rounded up to as much as one page of page table entries
/// maps (32 MiB).
pub(super) fn end(context: &Context<'_>, out: &mut Findings) {
    let maxmem = context.image.head.as_ref().map_or(0, |head| head.maxmem);
    let page = context.page_size;
    let unit = (page / 8).max(1);
    let limit = (maxmem / page).next_multiple_of(unit);
    let last = descriptors(context)
        .filter_map(|d| Some((d.bytes()?.end, d)))
        .max_by_key(|(end, _)| *end);
    if let Some((end, described)) = last
        && end / page > limit
    {
        let most = u128::from(limit) * u128::from(page);
        out.add(
            described
                .finding(Code::MemmapEnd, "num_pages")
                .expected(format!("an end of at most {most:#x}"))
                .found(format!(
                    "{:#x}, which ends at {end:#x}",
                    described.desc.num_pages
                )),
        );
    }
}

/// The ranges of RAM. Savers rounded both ends down to whole pages: what is left of the last page
/// was lost.
pub(super) fn ram(context: &Context<'_>, out: &mut Findings) {
    let page = context.page_size;
    let mut any = false;
    for described in descriptors(context).filter(|d| d.desc.is_ram()) {
        // One that does not end within 64 bits is the business of another rule.
        any |= described.desc.end().is_none() || described.desc.pfns(page).is_some();
        let Some(bytes) = described.bytes() else {
            continue;
        };
        if bytes.start % page != 0 || bytes.end % page != 0 {
            out.add(
                described
                    .finding(Code::MemmapPartialPage, "phys_addr")
                    .expected(format!("whole pages of {page} bytes"))
                    .found(format!("{:#x} to {:#x}", bytes.start, bytes.end - 1)),
            );
        }
        let io = HVM_IO
            .iter()
            .find(|(io, _)| bytes.start < io.end && io.start < bytes.end);
        if let Some((io, what)) = io.filter(|_| context.is(Guest::Hvm)) {
            out.add(
                described
                    .finding(Code::MemmapHvmIo, "phys_addr")
                    .expected(format!(
                        "no RAM at {:#x} to {:#x}: {what}",
                        io.start,
                        io.end - 1
                    ))
                    .found(format!("{:#x} to {:#x}", bytes.start, bytes.end - 1)),
            );
        }
    }
    let first = descriptors(context).next();
    if let Some(first) = first.filter(|_| !any) {
        let EfiMemoryDesc {
            r#type: kind,
            attribute,
            num_pages,
            ..
        } = first.desc;
        out.add(
            first
                .finding(Code::MemmapNoRam, "type")
                .expected("a descriptor of type 7 and attribute 8, of a whole page at least")
                .found(format!(
                    "none of {}; the first has type {kind:#x}, attribute {attribute:#x} and {num_pages} pages of 4 KiB",
                    descriptors(context).count(),
                )),
        );
    }
}
