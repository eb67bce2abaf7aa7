//! Writing a core whose headers agree with its data.

use alloc::vec::Vec;

use object::Endianness;
use object::elf;
use object::write::StringId;
use object::write::elf::{FileHeader, SectionHeader, Writer};

use super::{
    CONTEXTS, FORMAT_VERSION, HEADER, MAGIC_HVM, MAGIC_PV, NONE, NOTES, OWNER, PAGES, PFNS,
    PRIVREGS, SHARED_INFO, XEN_VERSION, XEN_VERSION_SIZE,
};
use crate::dialect::Guest;
use crate::elf::note::note;
use crate::elf::sketch::Sketch;
use crate::error::Error;
use crate::image::Checkpoint;
use crate::memory::{Assembly, Content, Memory, Piece};

/// Offset of `pagesize` in XEN_VERSION.
const PAGESIZE_AT: usize = 1272;
/// Offset and value of `e_phentsize`, which `xm dump-core` gave although there are no program headers.
const PHENTSIZE_AT: usize = 54;
const PHENTSIZE: u16 = 56;

/// A section: what stands in its header, and its bytes where they are no pages.
struct Section {
    name: &'static str,
    note: bool,
    align: u64,
    entry: u64,
    size: u64,
    bytes: Vec<u8>,
    offset: u64,
    string: Option<StringId>,
}

impl Section {
    fn new(name: &'static str, align: u64, entry: u64, bytes: Vec<u8>) -> Self {
        Section {
            name,
            note: false,
            align,
            entry,
            size: bytes.len() as u64,
            bytes,
            offset: 0,
            string: None,
        }
    }
}

pub(super) fn assembly(memory: &Memory<'_>, checkpoint: usize) -> Result<Assembly, Error> {
    let mut sketch = Sketch::default();
    let begin =
        head(&mut sketch, memory, checkpoint).map_err(|error| crate::elf::refused(&error))?;
    let mut assembly = sketch.assembly;
    if let Some(first) = assembly.pieces.first_mut()
        && let Content::Bytes(bytes) = &mut first.content
    {
        bytes[PHENTSIZE_AT..PHENTSIZE_AT + 2].copy_from_slice(&PHENTSIZE.to_le_bytes());
    }
    let mut at = begin;
    for run in memory.runs() {
        let pages = run.pages();
        let content = Content::Pages(run.clone());
        assembly.pieces.push(Piece { at, content });
        at += pages * memory.page_size();
    }
    assembly.pieces.sort_by_key(|piece| piece.at);
    Ok(assembly)
}

/// Everything but the pages; gives where they begin.
fn head(
    sketch: &mut Sketch,
    memory: &Memory<'_>,
    checkpoint: usize,
) -> Result<u64, object::write::Error> {
    let page = memory.page_size();
    let nothing = Checkpoint::default();
    let round = memory
        .image()
        .checkpoints
        .get(checkpoint)
        .unwrap_or(&nothing);
    let guest = memory.image().guest().unwrap_or(Guest::Pv);
    let mut sections = sections(memory, round, guest);

    let mut writer = Writer::new(Endianness::Little, true, sketch);
    writer.reserve_file_header();
    writer.reserve_shstrtab_section_index();
    for section in &mut sections {
        section.string = Some(writer.add_section_name(section.name.as_bytes()));
        writer.reserve_section_index();
    }
    writer.reserve_section_headers();
    for section in &mut sections {
        let align = if section.name == PAGES && page.is_power_of_two() {
            page
        } else {
            1
        };
        section.offset = writer.reserve(section.size, align);
    }
    writer.reserve_shstrtab()?;

    writer.write_file_header(&FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 1,
        e_type: elf::ET_CORE,
        e_machine: elf::EM_IA_64,
        e_entry: 0,
        e_flags: elf::FileFlags::default(),
    })?;
    writer.write_null_section_header();
    writer.write_shstrtab_section_header();
    for section in &sections {
        let sh_name = writer.section_name_offset(section.string);
        writer.write_section_header(&SectionHeader {
            sh_name,
            sh_type: if section.note {
                elf::SHT_NOTE
            } else {
                elf::SHT_PROGBITS
            },
            sh_flags: elf::SectionFlags::default(),
            sh_addr: 0,
            sh_offset: section.offset,
            sh_size: section.size,
            sh_link: 0,
            sh_info: 0,
            sh_addralign: section.align,
            sh_entsize: section.entry,
        });
    }
    let mut begin = 0;
    for section in &sections {
        writer.pad_until(section.offset);
        if section.name == PAGES {
            begin = section.offset;
            writer.pad_until(section.offset + section.size);
        } else {
            writer.write(&section.bytes);
        }
    }
    writer.write_shstrtab();
    Ok(begin)
}

fn sections(memory: &Memory<'_>, round: &Checkpoint, guest: Guest) -> Vec<Section> {
    let page = memory.page_size();
    let mut sections = Vec::new();
    let mut notes = Section::new(NOTES, 0, 0, notes(memory, round, guest));
    notes.note = true;
    sections.push(notes);
    let mut contexts = Vec::new();
    let mut privregs = Vec::new();
    for vcpu in &round.vcpus {
        contexts.extend_from_slice(&vcpu.context.bytes);
        if let Some(page) = &vcpu.privregs {
            privregs.extend_from_slice(&page.bytes);
        }
    }
    let entry = round
        .vcpus
        .first()
        .map_or(0, |vcpu| vcpu.context.bytes.len());
    sections.push(Section::new(CONTEXTS, 16, entry as u64, contexts));
    if guest == Guest::Pv {
        sections.push(Section::new(PRIVREGS, 8, page, privregs));
    }
    if let Some(shared_info) = &round.shared_info {
        sections.push(Section::new(
            SHARED_INFO,
            8,
            page,
            shared_info.bytes.to_vec(),
        ));
    }
    let mut pages = Section::new(PAGES, page, page, Vec::new());
    pages.size = memory.pages() * page;
    sections.push(pages);
    let pfns = memory.runs().iter().flat_map(|run| run.pfns);
    let pfns = pfns.flat_map(u64::to_le_bytes).collect();
    sections.push(Section::new(PFNS, 8, 8, pfns));
    sections
}

fn notes(memory: &Memory<'_>, round: &Checkpoint, guest: Guest) -> Vec<u8> {
    let mut out = Vec::new();
    note(&mut out, OWNER, NONE, &[]);
    let magic = match guest {
        Guest::Pv => MAGIC_PV,
        Guest::Hvm => MAGIC_HVM,
    };
    let header = [
        magic,
        round.vcpus.len() as u64,
        memory.pages(),
        memory.page_size(),
    ];
    note(
        &mut out,
        OWNER,
        HEADER,
        &header.map(u64::to_le_bytes).concat(),
    );
    let mut version = Vec::from([0; XEN_VERSION_SIZE]);
    version[PAGESIZE_AT..PAGESIZE_AT + 8].copy_from_slice(&memory.page_size().to_le_bytes());
    note(&mut out, OWNER, XEN_VERSION, &version);
    note(&mut out, OWNER, FORMAT_VERSION, &1u64.to_le_bytes());
    out
}
