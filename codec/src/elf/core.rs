//! A core for debuggers: the memory in program headers, the registers in notes.

use alloc::format;
use alloc::vec::Vec;

use object::Endianness;
use object::elf;
use object::write::elf::{FileHeader, ProgramHeader, Writer};

use super::note;
use super::patch;
use super::sketch::Sketch;
use crate::dialect::{ContextLayout, Guest};
use crate::era::Era;
use crate::error::Error;
use crate::memory::{Assembly, Memory};
use crate::pfns::Pfns;
use crate::translate::{Overlay, View};
use crate::wire::vcpu_context::Context;

/// Addresses have 64 bits: without this flag debuggers take an ia64 file for one with 32.
const ABI64: elf::FileFlags = elf::FileFlags(0x10);

/// A core, as far as it is not pages.
///
/// ```text
/// ELF header | program headers | notes | pages, each once, ascending by pfn
/// ```
/// The pages stand in the file once. With a [`View`] several program headers may point at the same
/// pages: the kernel's pinned mapping, the one-to-one regions, and what page tables map.
///
/// At virtual addresses memory is as it would be had each vcpu written its dirty stacked registers to its
/// backing store: that is where debuggers look for them. At physical ones it is as the image has it.
#[derive(Clone, Debug)]
pub struct Core {
    /// The file.
    pub assembly: Assembly,
    /// Program headers with memory.
    pub segments: usize,
    /// Pages that no address of 64 bits reaches; they are left out.
    pub unreachable: u64,
    /// Stacked registers, and NaT collections, that stand in memory and did not in the image.
    pub stacked: usize,
}

/// The virtual addresses that a core shows.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'v, 'a> {
    /// Those of this vcpu.
    pub view: &'v View<'a>,
    /// With what page tables map in regions 0 to 4: the process whose directory the view has.
    pub processes: bool,
}

/// Program headers, at most: what tables of hostile memory map is more than anybody wants to hold.
const MOST_SEGMENTS: usize = 1 << 20;

/// Memory behind one program header.
struct Load {
    virt: u64,
    physical: u64,
    offset: u64,
    size: u64,
}

impl Core {
    /// A core of a checkpoint's memory: at physical addresses, or at the virtual ones of a view.
    ///
    /// # Errors
    /// Where ELF cannot describe it, or tables map more pieces than a core may have.
    pub fn new(
        memory: &Memory<'_>,
        checkpoint: usize,
        shown: Option<Shown<'_, '_>>,
    ) -> Result<Core, Error> {
        let page_size = memory.page_size();
        let reach = u64::MAX / page_size;
        let within = |pfns: Option<Pfns>| pfns.into_iter().flat_map(|pfns| memory.within(pfns));
        let beyond = Pfns::new(reach, u64::MAX);
        let unreachable = within(beyond).map(|run| run.pages()).sum();
        let runs: Vec<_> = within(Pfns::of(0..reach)).collect();

        // Where each run's pages are, counted from the first.
        let mut places = Vec::with_capacity(runs.len());
        let mut data = 0;
        for run in &runs {
            places.push(data);
            data += run.pages() * page_size;
        }
        let place = |physical: u64| {
            let pfn = physical / page_size;
            let number = runs.partition_point(|run| run.pfns.last() < pfn);
            places[number] + (physical - runs[number].pfns.first() * page_size)
        };
        let mut loads: Vec<Load> = match shown {
            None => joined(runs.iter().zip(&places).map(|(run, place)| {
                let physical = run.pfns.first() * page_size;
                Load {
                    virt: physical,
                    physical,
                    offset: *place,
                    size: run.pages() * page_size,
                }
            })),
            Some(shown) => {
                let segments = shown.view.segments(shown.processes, MOST_SEGMENTS);
                if segments.len() == MOST_SEGMENTS {
                    return Err(too_many());
                }
                joined(segments.into_iter().map(|segment| Load {
                    virt: segment.virt,
                    physical: segment.physical,
                    offset: place(segment.physical),
                    size: segment.size,
                }))
            }
        };
        let mut own = Vec::new();
        for (first, page, _) in shown.iter().flat_map(|shown| shown.view.windows()) {
            loads.push(Load {
                virt: first,
                physical: NOWHERE,
                offset: data,
                size: page.bytes.len() as u64,
            });
            own.push((data, page.bytes.to_vec()));
            data += page.bytes.len() as u64;
        }
        loads.sort_by_key(|load| load.virt);
        let stacks = match shown {
            None => Overlay::default(),
            Some(_) => stacks(memory, checkpoint),
        };
        let notes = notes(memory, checkpoint, shown);
        let mut sketch = Sketch::default();
        let begin = head(&mut sketch, &loads, &notes, data, page_size)
            .map_err(|error| super::refused(&error))?;
        let mut assembly = sketch.assembly;
        for (run, place) in runs.into_iter().zip(places) {
            patch::pages(memory, &run, begin + place, &stacks, &mut assembly);
        }
        for (place, bytes) in own {
            assembly.bytes(begin + place, bytes);
        }
        Ok(Core {
            assembly,
            segments: loads.len(),
            unreachable,
            stacked: stacks.words().len(),
        })
    }
}

/// What stands for the physical address of a page that is no memory of the guest.
const NOWHERE: u64 = u64::MAX;

fn too_many() -> Error {
    Error::new(crate::Code::LimitExceeded, 0, "page tables")
        .expected(format!(
            "fewer than {MOST_SEGMENTS} pieces of memory that they map"
        ))
        .found("more")
}

/// The dirty stacked registers of every vcpu, where they belong.
fn stacks(memory: &Memory<'_>, checkpoint: usize) -> Overlay {
    let mut all = Overlay::default();
    let round = memory.image().checkpoints.get(checkpoint);
    for vcpu in round.map_or(&[][..], |round| &round.vcpus) {
        let Ok(view) = View::of_vcpu(memory, checkpoint, vcpu) else {
            continue;
        };
        if let Some(stack) = view.stack() {
            all.add(view.laid_over(stack));
        }
    }
    all
}

/// Loads that follow each other in every respect are one.
fn joined(loads: impl Iterator<Item = Load>) -> Vec<Load> {
    let mut all: Vec<Load> = Vec::new();
    for load in loads {
        match all.last_mut() {
            Some(last)
                if last.physical + last.size == load.physical
                    && last.virt.checked_add(last.size) == Some(load.virt)
                    && last.offset + last.size == load.offset =>
            {
                last.size += load.size;
            }
            _ => all.push(load),
        }
    }
    all
}

/// Everything in front of the pages; gives where they begin.
fn head(
    sketch: &mut Sketch,
    loads: &[Load],
    notes: &[u8],
    data: u64,
    page_size: u64,
) -> Result<u64, object::write::Error> {
    let mut writer = Writer::new(Endianness::Little, true, sketch);
    writer.reserve_file_header();
    let count = loads.len() + 1;
    if count >= usize::from(elf::PN_XNUM) {
        // So many are counted in the first section header.
        writer.reserve_null_section_index();
    }
    writer.reserve_program_headers(count as u32);
    writer.reserve_section_headers();
    let notes_at = writer.reserve(notes.len() as u64, 4);
    let align = if page_size.is_power_of_two() {
        page_size
    } else {
        1
    };
    let begin = writer.reserve(data, align);

    writer.write_file_header(&FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_type: elf::ET_CORE,
        e_machine: elf::EM_IA_64,
        e_entry: 0,
        e_flags: ABI64,
    })?;
    writer.write_align_program_headers();
    writer.write_program_header(&ProgramHeader {
        p_type: elf::PT_NOTE,
        p_flags: elf::PF_R,
        p_offset: notes_at,
        p_vaddr: 0,
        p_paddr: 0,
        p_filesz: notes.len() as u64,
        p_memsz: 0,
        p_align: 4,
    });
    for load in loads {
        let offset = begin + load.offset;
        let aligned = align > 1 && load.virt % align == offset % align;
        writer.write_program_header(&ProgramHeader {
            p_type: elf::PT_LOAD,
            p_flags: elf::PF_R | elf::PF_W | elf::PF_X,
            p_offset: offset,
            p_vaddr: load.virt,
            p_paddr: load.physical,
            p_filesz: load.size,
            p_memsz: load.size,
            p_align: if aligned { align } else { 1 },
        });
    }
    writer.write_null_section_header();
    writer.pad_until(notes_at);
    writer.write(notes);
    writer.pad_until(begin + data);
    Ok(begin)
}

/// Linux's notes of each vcpu and of the kernel, then ours.
fn notes(memory: &Memory<'_>, checkpoint: usize, shown: Option<Shown<'_, '_>>) -> Vec<u8> {
    let mut out = Vec::new();
    let image = memory.image();
    let Some(round) = image.checkpoints.get(checkpoint) else {
        return out;
    };
    let parsed: Vec<_> = round
        .vcpus
        .iter()
        .filter_map(|vcpu| Some((vcpu.id, Context::parse(vcpu.layout, &vcpu.context.bytes)?)))
        .collect();
    let by = (
        image.era().unwrap_or(Era::D11B),
        image.guest().unwrap_or(Guest::Pv),
    );
    for (id, context) in &parsed {
        note::registers(&mut out, *id, context, by);
    }
    for (id, context) in &parsed {
        note::bare_registers(&mut out, *id, context, by);
    }
    if let Some(shown) = shown {
        note::of_kernel(&mut out, shown.view);
    } else if let Some(first) = round.vcpus.first()
        && let Ok(view) = View::of_vcpu(memory, checkpoint, first)
    {
        note::of_kernel(&mut out, &view);
    }
    for vcpu in &round.vcpus {
        let head = [vcpu.id, letters(vcpu.layout)];
        note::own(&mut out, note::NOTE_CONTEXT, head, &vcpu.context.bytes);
        if let Some(page) = &vcpu.privregs {
            note::own(&mut out, note::NOTE_PRIVREGS, [vcpu.id, 0], &page.bytes);
        }
    }
    if let Some(page) = &round.shared_info {
        note::note(
            &mut out,
            note::NOTE_OWNER,
            note::NOTE_SHARED_INFO,
            &page.bytes,
        );
    }
    let dialect = image.read_as().map_or("unknown", |dialect| dialect.name());
    let guest = image.guest().map_or("unknown", |guest| guest.name());
    let origin = format!("dialect {dialect}, guest {guest}, checkpoint {checkpoint}");
    note::note(
        &mut out,
        note::NOTE_OWNER,
        note::NOTE_ORIGIN,
        origin.as_bytes(),
    );
    out
}

/// The name of a layout as a word: its letters, the first in the lowest byte.
fn letters(layout: ContextLayout) -> u32 {
    let name = format!("{layout:?}");
    let mut word = [0; 4];
    for (byte, letter) in word.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Checkpoint, Image, Options, PageIndex};
    use crate::memory::Content;
    use crate::size::place;
    use alloc::vec;
    use bytes::Bytes;
    use object::LittleEndian;
    use object::read::elf::{FileHeader as _, ProgramHeader as _};

    /// The bytes in front of the pages.
    fn head(pfns: Vec<u64>) -> Vec<u8> {
        let mut image = Image::parse(&Bytes::new(), &Options::default());
        let mut checkpoint = Checkpoint::default();
        checkpoint.pages = PageIndex::of_bare_pages(0, image.page_size, pfns);
        image.checkpoints = vec![checkpoint];
        let core = Core::new(&Memory::new(&image, 0), 0, None).unwrap();
        let mut bytes = Vec::new();
        for piece in &core.assembly.pieces {
            if let Content::Bytes(own) = &piece.content {
                bytes.resize(place(piece.at), 0);
                bytes.extend_from_slice(own);
            }
        }
        bytes
    }

    #[test]
    fn more_segments_than_the_header_can_count_are_counted_in_a_section() {
        for count in [0, 1, 65533, 65534, 65535, 70000] {
            let bytes = head((0..count).map(|number| number * 2).collect());
            let header = elf::FileHeader64::<LittleEndian>::parse(&bytes[..]).unwrap();
            let headers = header.program_headers(LittleEndian, &bytes[..]).unwrap();
            assert_eq!(headers.len() as u64, count + 1, "{count}");
            if let Some(last) = headers.last().filter(|_| count > 0) {
                assert_eq!(last.p_paddr(LittleEndian), (count - 1) * 2 * 16384);
            }
        }
    }

    #[test]
    fn frames_beyond_64_bits_are_left_out() {
        let mut image = Image::parse(&Bytes::new(), &Options::default());
        let mut checkpoint = Checkpoint::default();
        let pfns = vec![1, u64::MAX / 16384, u64::MAX - 1];
        checkpoint.pages = PageIndex::of_bare_pages(0, image.page_size, pfns);
        image.checkpoints = vec![checkpoint];
        let core = Core::new(&Memory::new(&image, 0), 0, None).unwrap();
        assert_eq!((core.segments, core.unreachable), (1, 2));
    }
}
