//! Reading a core, as a view of the same kind as an image.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;
use object::endian::LittleEndian;
use object::read::elf::{FileHeader as _, SectionHeader as _};

use super::{
    CONTEXTS, FORMAT_VERSION, HEADER, MAGIC_HVM, MAGIC_PV, NOTES, OWNER, Order, PAGES, PFNS,
    PRIVREGS, SHARED_INFO, XEN_VERSION, XenCore,
};
use crate::code::Code;
use crate::detect::Detection;
use crate::dialect::{ContextLayout, Dialect, Guest};
use crate::era::Era;
use crate::error::Error;
use crate::grammar::u64_at;
use crate::image::{Checkpoint, Image, PageIndex, Section, Vcpu};
use crate::size::{index, place};
use crate::wire::start_info::START_INFO_MAGIC;

type Header = object::elf::FileHeader64<LittleEndian>;

/// Padding has this instead of a pfn.
const NO_PFN: u64 = u64::MAX;
/// What no page is larger than.
const MOST_PAGE: u64 = 1 << 24;
/// Where a privregs page has the address of the vcpu's event mask, and small flags.
const MASK_ADDR: usize = 3096;
const FLAGS: [usize; 3] = [3104, 3144, 3148];
/// Where shared_info says which page start_info is.
const START_INFO_PFN: usize = 4112;

pub(super) fn core(data: &Bytes) -> Result<(XenCore, Image), Error> {
    let sections = Sections::read(data)?;
    let notes = Notes::read(&sections.need(NOTES)?.bytes);
    let [magic, nr_vcpus, nr_pages, page_size] = notes
        .header
        .ok_or_else(|| odd(".note.Xen", "a HEADER note", "none"))?;
    let guest = match magic {
        MAGIC_PV => Guest::Pv,
        MAGIC_HVM => Guest::Hvm,
        _ => {
            let found = format!("{magic:#x}");
            return Err(odd(
                ".note.Xen",
                "the magic 0xf00febed or 0xf00febee",
                found,
            ));
        }
    };
    if !page_size.is_power_of_two() || !(4096..=MOST_PAGE).contains(&page_size) {
        let found = format!("{page_size}");
        return Err(odd(".note.Xen", "the size of a page", found));
    }
    let page = place(page_size);
    let pages = sections.need(PAGES)?;
    let count = pages.bytes.len() / page;
    let table = sections.need(PFNS)?;
    if table.bytes.len() / 8 < count {
        let found = format!("{} pfns for {count} pages", table.bytes.len() / 8);
        return Err(odd(PFNS, "a pfn for each page", found));
    }
    // Padding stands at the end; anywhere else it could not be told where the pages behind it are.
    let mut pfns: Vec<u64> = table
        .bytes
        .chunks_exact(8)
        .take(count)
        .filter_map(|word| u64_at(word, 0))
        .collect();
    let padding = pfns.iter().rev().take_while(|pfn| **pfn == NO_PFN).count();
    pfns.truncate(count - padding);

    let mut checkpoint = Checkpoint::default();
    checkpoint.pages = PageIndex::of_bare_pages(pages.offset, page, pfns);
    checkpoint.complete = true;
    let mut image = Image {
        page_size: page,
        stream_offset: 0,
        end: data.len() as u64,
        prologue: None,
        head: None,
        arch_setup: None,
        memmap: None,
        detection: None,
        checkpoints: Vec::new(),
        trailing: None,
        byte_order: crate::envelope::ByteOrder::Little,
        error: None,
        retained_too_much: false,
        data: Some(data.clone()),
    };
    if let Some((layout, dialect)) = sections.get(CONTEXTS).and_then(layout) {
        image.detection = Some(Detection {
            guest,
            dialect: None,
            candidates: vec![dialect],
            eras: Era::ALL
                .into_iter()
                .filter(|era| era.dialect().spec().context == layout)
                .collect(),
            likeliest: Era::usual(dialect),
            evidence: vec![format!(
                "contexts of {} bytes: layout {layout:?}",
                layout.size()
            )],
            given: false,
        });
        checkpoint.vcpus = vcpus(sections.need(CONTEXTS)?, layout);
    } else {
        image.detection = Some(Detection {
            guest,
            dialect: None,
            candidates: vec![Dialect::D11],
            eras: Era::of(Dialect::D11).collect(),
            likeliest: Era::usual(Dialect::D11),
            evidence: vec![String::from("no contexts")],
            given: false,
        });
    }
    image.checkpoints.push(checkpoint);
    let order = shared_pages(&mut image, &sections, data);
    settle(&mut image, notes.xen_version);
    let facts = XenCore {
        guest,
        nr_vcpus,
        nr_pages,
        format_version: notes.format_version,
        xen_version: notes.xen_version,
        padding: padding as u64,
        order,
    };
    Ok((facts, image))
}

/// The layout of contexts of that size, and a dialect with it. Releases had A and F; of two layouts of
/// one size the newer is taken.
fn layout(section: &Section) -> Option<(ContextLayout, Dialect)> {
    let entry = section.bytes.len();
    let fits = |layout: &ContextLayout| entry > 0 && entry.is_multiple_of(layout.size());
    let newest = Dialect::ALL.iter().rev().copied();
    // Entries say their size in the section's header, which was checked to divide it.
    newest
        .filter(|dialect| !dialect.spec().releases.starts_with("none"))
        .chain(Dialect::ALL.iter().rev().copied())
        .map(|dialect| (dialect.spec().context, dialect))
        .find(|(layout, _)| fits(layout))
}

fn vcpus(section: &Section, layout: ContextLayout) -> Vec<Vcpu> {
    let size = layout.size();
    (0..section.bytes.len() / size)
        .map(|number| Vcpu {
            id: number as u32,
            layout,
            context: part(section, number * size..(number + 1) * size),
            privregs: None,
        })
        .collect()
}

/// Which eras could have written the contexts; of two layouts of one size, that in which they look more
/// likely. A core does not say which dialect its tools would have saved in.
fn settle(image: &mut Image, version: Option<(u64, u64)>) {
    let checkpoint = &mut image.checkpoints[0];
    let Some(found) = &image.detection else {
        return;
    };
    let Some(layout) = checkpoint.vcpus.first().map(|vcpu| vcpu.layout) else {
        return;
    };
    let rank = |layout: ContextLayout, checkpoint: &mut Checkpoint| {
        let eras = Era::ALL.into_iter();
        let eras: Vec<Era> = eras
            .filter(|era| {
                era.dialect().spec().context == layout && era.dialect().supports(found.guest)
            })
            .collect();
        let mut detection = found.clone();
        for vcpu in &mut checkpoint.vcpus {
            vcpu.layout = layout;
        }
        if !eras.contains(&detection.likeliest) {
            let usual = Era::usual(eras.last()?.dialect());
            detection.candidates = vec![usual.dialect()];
        }
        detection.eras = eras;
        let weight = detection.narrow(None, &checkpoint.tail());
        Some((weight, detection))
    };
    let same_size = |other: &ContextLayout| other.size() == layout.size() && *other != layout;
    let others = ContextLayout::ALL.into_iter().filter(same_size);
    let mut best: Option<(u32, ContextLayout, Detection)> = None;
    for layout in core::iter::once(layout).chain(others) {
        if let Some((weight, detection)) = rank(layout, checkpoint)
            && best.as_ref().is_none_or(|(least, ..)| weight < *least)
        {
            best = Some((weight, layout, detection));
        }
    }
    let Some((_, layout, mut detection)) = best else {
        return;
    };
    for vcpu in &mut checkpoint.vcpus {
        vcpu.layout = layout;
    }
    // The hypervisor of a release says which it is; trees say the next one.
    if let Some((major, minor)) = version {
        let name = format!("{major}.{minor}");
        let of = |era: &&Era| {
            era.spec()
                .releases
                .split(", ")
                .any(|one| one.starts_with(&name))
        };
        if let Some(era) = detection.eras.iter().rev().find(of) {
            detection.likeliest = *era;
            detection.candidates = vec![era.dialect()];
        }
    }
    image.detection = Some(detection);
}

/// Gives each vcpu its privregs page, and the checkpoint its shared_info, wherever they are.
fn shared_pages(image: &mut Image, sections: &Sections, data: &Bytes) -> Order {
    let page = image.page_size;
    let privregs = sections.get(PRIVREGS).filter(|s| s.bytes.len() >= page);
    let shared = sections.get(SHARED_INFO).filter(|s| s.bytes.len() >= page);
    let (Some(privregs), Some(shared)) = (privregs, shared) else {
        if let Some(shared) = shared {
            image.checkpoints[0].shared_info = Some(part(shared, 0..page));
        }
        if let Some(privregs) = privregs {
            give(&mut image.checkpoints[0].vcpus, privregs, page);
        }
        return Order::Single;
    };
    // One after the other: what was written first stands at the lower offset.
    let follow = privregs.end() == shared.offset;
    let swapped = follow.then(|| {
        let begin = place(privregs.offset);
        let end = place(shared.end());
        let whole = Section {
            offset: privregs.offset,
            bytes: data.slice(begin..end),
        };
        let first = part(&whole, 0..shared.bytes.len());
        let rest = part(&whole, shared.bytes.len()..whole.bytes.len());
        (rest, first)
    });
    let said = score(image, privregs, shared);
    let (order, privregs, shared) = match swapped {
        Some((other, first)) if score(image, &other, &first) > said => {
            (Order::Swapped, other, first)
        }
        _ => (Order::AsSaid, privregs.clone(), shared.clone()),
    };
    image.checkpoints[0].shared_info = Some(part(&shared, 0..page));
    give(&mut image.checkpoints[0].vcpus, &privregs, page);
    order
}

fn give(vcpus: &mut [Vcpu], privregs: &Section, page: usize) {
    let pages = privregs.bytes.len() / page;
    for (number, vcpu) in vcpus.iter_mut().enumerate().take(pages) {
        vcpu.privregs = Some(part(privregs, number * page..(number + 1) * page));
    }
    // A core lists the vcpus that were online without their numbers, which their pages still know.
    let ids: Option<Vec<u32>> = vcpus
        .iter()
        .map(|vcpu| vcpu_of(&vcpu.privregs.as_ref()?.bytes, page))
        .collect();
    let ids = ids.filter(|ids| ids.windows(2).all(|pair| pair[0] < pair[1]));
    for (vcpu, id) in vcpus.iter_mut().zip(ids.into_iter().flatten()) {
        vcpu.id = id;
    }
}

/// Whose privregs page this is: `interrupt_mask_addr` points at the second byte of the vcpu's 48 in a
/// page of the hypervisor's area.
fn vcpu_of(regs: &[u8], page: usize) -> Option<u32> {
    let mask = u64_at(regs, MASK_ADDR)?;
    let within = mask & (page as u64 - 1);
    (mask >> 60 == 0xf && within % 48 == 1).then_some((within / 48) as u32)
}

/// How much speaks for these being privregs pages and shared_info.
fn score(image: &Image, privregs: &Section, shared: &Section) -> u32 {
    let word = |at: usize| u64_at(&shared.bytes, at);
    let start_info = word(START_INFO_PFN)
        .and_then(|pfn| image.page_of(0, pfn))
        .is_some_and(|(_, page)| page.starts_with(START_INFO_MAGIC));
    let mut score = if start_info { 8 } else { 0 };
    let page = image.page_size;
    for regs in privregs.bytes.chunks_exact(page) {
        let mask_fits = vcpu_of(regs, page).is_some();
        let flags_fit = FLAGS.iter().all(|at| {
            regs.get(*at..*at + 4)
                .is_some_and(|flag| flag[0] <= 1 && flag[1..] == [0; 3])
        });
        score += 4 * u32::from(mask_fits) + u32::from(flags_fit);
    }
    score
}

/// The sections by name.
struct Sections(Vec<(String, Section)>);

impl Sections {
    fn read(data: &Bytes) -> Result<Self, Error> {
        let not_elf =
            |error: object::read::Error| odd("elf", "an ELF core of ia64", format!("{error}"));
        let bytes = &data[..];
        whole(bytes)?;
        let header = Header::parse(bytes).map_err(not_elf)?;
        let endian = header.endian().map_err(not_elf)?;
        if header.e_type(endian) != object::elf::ET_CORE
            || header.e_machine(endian) != object::elf::EM_IA_64
        {
            return Err(odd("elf", "an ELF core of ia64", "another ELF file"));
        }
        let table = header.sections(endian, bytes).map_err(not_elf)?;
        let mut sections = Vec::new();
        for section in table.iter() {
            let Ok(name) = table.section_name(endian, section) else {
                continue;
            };
            let Ok(name) = core::str::from_utf8(name) else {
                continue;
            };
            if ![NOTES, CONTEXTS, PRIVREGS, SHARED_INFO, PAGES, PFNS].contains(&name) {
                continue;
            }
            let (offset, size) = (section.sh_offset(endian), section.sh_size(endian));
            let end = offset
                .checked_add(size)
                .filter(|end| *end <= data.len() as u64);
            let Some(end) = end else {
                return Err(Error::new(Code::Truncated, data.len() as u64, name)
                    .expected(format!("{size} bytes at {offset}"))
                    .found("the end of the file"));
            };
            let section = Section {
                offset,
                bytes: data.slice(place(offset)..place(end)),
            };
            sections.push((String::from(name), section));
        }
        if sections.is_empty() {
            return Err(odd("elf", "the sections of xm dump-core", "none of them"));
        }
        Ok(Sections(sections))
    }

    fn get(&self, name: &str) -> Option<&Section> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, section)| section)
    }

    fn need(&self, name: &'static str) -> Result<&Section, Error> {
        self.get(name)
            .ok_or_else(|| odd(name, "this section of xm dump-core", "none of that name"))
    }
}

/// Sees to it that the table of sections is there, and the names in it: a core that is cut short has lost
/// them, as they stand at its end, and is no other file for that.
fn whole(bytes: &[u8]) -> Result<(), Error> {
    const ELF_HEADER: u64 = 64;
    let half = |at: usize| {
        let half = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(u64::from(u16::from_le_bytes(half)))
    };
    let cut = |path: &str, size: u64, offset: u64| {
        Error::new(Code::Truncated, bytes.len() as u64, path)
            .expected(format!("{size} bytes at {offset}"))
            .found("the end of the file")
    };
    let within = |path: &str, size: u64, offset: u64| match offset.checked_add(size) {
        Some(end) if end <= bytes.len() as u64 => Ok(()),
        _ => Err(cut(path, size, offset)),
    };
    let words = (u64_at(bytes, 40), half(58), half(60), half(62));
    let (Some(table), Some(size), Some(count), Some(names)) = words else {
        return Err(cut("elf", ELF_HEADER, 0));
    };
    if table == 0 || count == 0 {
        return Ok(());
    }
    within("elf.sections", size * count, table)?;
    let entry = usize::try_from(table + names * size).unwrap_or(usize::MAX);
    let at = |field: usize| u64_at(bytes, entry.checked_add(field)?);
    match (at(24), at(32)) {
        (Some(offset), Some(size)) if names < count => within("elf.section_names", size, offset),
        _ => Ok(()),
    }
}

/// What the notes say.
#[derive(Default)]
struct Notes {
    header: Option<[u64; 4]>,
    xen_version: Option<(u64, u64)>,
    format_version: Option<(u32, u32)>,
}

impl Notes {
    fn read(mut bytes: &[u8]) -> Self {
        let mut notes = Notes::default();
        while let Some((owner, kind, desc, rest)) = note(bytes) {
            bytes = rest;
            if owner != OWNER.as_bytes() {
                continue;
            }
            let word = |number: usize| u64_at(desc, number * 8);
            match kind {
                HEADER => {
                    let words = [word(0), word(1), word(2), word(3)];
                    if let [Some(a), Some(b), Some(c), Some(d)] = words {
                        notes.header = Some([a, b, c, d]);
                    }
                }
                XEN_VERSION => {
                    notes.xen_version = word(0).zip(word(1)).filter(|version| *version != (0, 0));
                }
                FORMAT_VERSION => {
                    notes.format_version = word(0).map(|word| ((word >> 32) as u32, word as u32));
                }
                _ => {}
            }
        }
        notes
    }
}

/// One note: owner without its NUL, type, bytes; and the rest.
type Note<'a> = (&'a [u8], u32, &'a [u8], &'a [u8]);

fn note(bytes: &[u8]) -> Option<Note<'_>> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (name, desc, kind) = (index(word(0)?), index(word(4)?), word(8)?);
    let padded = |size: usize| size.checked_next_multiple_of(4);
    let desc_at = 12usize.checked_add(padded(name)?)?;
    let next = desc_at.checked_add(padded(desc)?)?;
    let owner = bytes.get(12..12usize.checked_add(name)?)?;
    let owner = owner.strip_suffix(b"\0").unwrap_or(owner);
    let rest = bytes.get(next..).unwrap_or(&[]);
    Some((
        owner,
        kind,
        bytes.get(desc_at..desc_at.checked_add(desc)?)?,
        rest,
    ))
}

fn part(section: &Section, range: Range<usize>) -> Section {
    Section {
        offset: section.offset + range.start as u64,
        bytes: section.bytes.slice(range),
    }
}

fn odd(path: &str, expected: &str, found: impl Into<String>) -> Error {
    Error::new(Code::ForeignFormat, 0, path)
        .expected(expected)
        .found(found)
}
