//! The ELF file of a program for Itanium.

use std::borrow::Cow;
use std::fmt;

use gimli::SectionId;
use object::elf::{EM_IA_64, ET_EXEC, FileHeader64, PT_LOAD};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader, SectionHeader};
use object::{LittleEndian, Object as _, ObjectSection as _};

use super::Symbols;
use crate::unwind::{Error as BadUnwind, Info, Table};

/// Type of a section with an unwind table (processor specific 1), and of a segment with one.
const UNWIND: u32 = 0x7000_0001;
/// The most that compressed sections may unpack to, all together.
const UNPACKED: u64 = 4 << 30;

/// A file that is no program for Itanium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// What should be there.
    pub expected: &'static str,
    /// What is.
    pub found: String,
}

impl BadFile {
    fn new(expected: &'static str, found: impl fmt::Display) -> Self {
        BadFile {
            expected,
            found: found.to_string(),
        }
    }
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for BadFile {}

/// A part of the file that is loaded to memory.
#[derive(Clone, Debug)]
struct Segment<'a> {
    address: u64,
    data: &'a [u8],
    size: u64,
}

/// An ELF file for Itanium, its debug sections unpacked.
#[derive(Debug)]
pub struct Object<'a> {
    segments: Vec<Segment<'a>>,
    symbols: Symbols<'a>,
    unwind: Table,
    bad_unwind: Option<BadUnwind>,
    dwarf: gimli::DwarfSections<Cow<'a, [u8]>>,
}

impl<'a> Object<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// It is no 64-bit little-endian ELF for Itanium, has neither segments nor symbols, or a compressed
    /// section is broken or unpacks to more than 4 GiB.
    pub fn parse(data: &'a [u8]) -> Result<Self, BadFile> {
        const EXPECTED: &str = "an ELF file, 64 bits, little endian, for IA-64";
        let header = FileHeader64::<LittleEndian>::parse(data);
        let header = header.map_err(|error| BadFile::new(EXPECTED, error))?;
        let machine = header.e_machine(LittleEndian);
        if machine != EM_IA_64 {
            return Err(BadFile::new(EXPECTED, format!("machine {machine:?}")));
        }
        let kind = header.e_type(LittleEndian);
        if kind != ET_EXEC && kind != object::elf::ET_DYN {
            let expected = "a linked program (vmlinux, not an object file)";
            return Err(BadFile::new(expected, format!("type {kind:?}")));
        }
        let file = ElfFile64::<LittleEndian>::parse(data);
        let file = file.map_err(|error| BadFile::new(EXPECTED, error))?;
        let segments = segments(&file, data);
        let symbols = Symbols::of(&file);
        if segments.is_empty() && symbols.is_empty() {
            let expected = "a program with segments or symbols";
            return Err(BadFile::new(expected, "neither"));
        }
        let (unwind, bad_unwind) = unwind(&file, &segments);
        Ok(Object {
            dwarf: dwarf(&file)?,
            segments,
            symbols,
            unwind,
            bad_unwind,
        })
    }

    /// Its symbols.
    pub fn symbols(&self) -> &Symbols<'a> {
        &self.symbols
    }

    /// Its unwind table.
    pub fn unwind(&self) -> &Table {
        &self.unwind
    }

    /// What is wrong with its unwind table, where it could not be read whole.
    pub fn bad_unwind(&self) -> Option<&BadUnwind> {
        self.bad_unwind.as_ref()
    }

    /// Whether an address lies in what the program loads.
    pub fn covers(&self, address: u64) -> bool {
        let mut segments = self.segments.iter();
        segments.any(|segment| address.wrapping_sub(segment.address) < segment.size)
    }

    /// What the file loads to an address, up to the end of the segment.
    pub fn loaded(&self, address: u64) -> Option<&'a [u8]> {
        self.segments.iter().find_map(|segment| {
            let skip = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            segment.data.get(skip..).filter(|rest| !rest.is_empty())
        })
    }

    /// The unwind information at an address.
    ///
    /// # Errors
    /// The file has nothing there, or it is broken.
    pub fn unwind_info(&self, address: u64) -> Result<Info<'a>, BadUnwind> {
        let bytes = self.loaded(address).ok_or_else(|| BadUnwind {
            offset: 0,
            expected: "unwind information within the program's segments",
            found: format!("the address {address:#x}"),
        })?;
        Info::parse(bytes)
    }

    pub(super) fn dwarf(&self) -> &gimli::DwarfSections<Cow<'a, [u8]>> {
        &self.dwarf
    }
}

fn segments<'a>(file: &ElfFile64<'a, LittleEndian>, data: &'a [u8]) -> Vec<Segment<'a>> {
    let headers = file.elf_program_headers().iter();
    let loaded = headers.filter(|header| header.p_type(LittleEndian) == PT_LOAD);
    loaded
        .map(|header| Segment {
            address: header.p_vaddr(LittleEndian),
            data: header.data(LittleEndian, data).unwrap_or_default(),
            size: header.p_memsz(LittleEndian),
        })
        .collect()
}

/// The table of all unwind sections; of the unwind segment where there are no sections.
fn unwind(
    file: &ElfFile64<'_, LittleEndian>,
    segments: &[Segment<'_>],
) -> (Table, Option<BadUnwind>) {
    let mut table = Table::default();
    let mut bad = None;
    let mut add = |address: u64, bytes: &[u8]| {
        // The words of a table count from the segment that it lies in.
        let base = segments
            .iter()
            .find(|segment| address.wrapping_sub(segment.address) < segment.size)
            .map_or(0, |segment| segment.address);
        match Table::parse(bytes, base) {
            Ok(more) => table.extend(more),
            Err(error) => bad = bad.take().or(Some(error)),
        }
    };
    let mut sections = 0;
    for section in file.sections() {
        if section.elf_section_header().sh_type(LittleEndian).0 == UNWIND {
            sections += 1;
            add(section.address(), section.data().unwrap_or_default());
        }
    }
    if sections == 0 {
        for header in file.elf_program_headers() {
            if header.p_type(LittleEndian).0 == UNWIND {
                let bytes = header.data(LittleEndian, file.data()).unwrap_or_default();
                add(header.p_vaddr(LittleEndian), bytes);
            }
        }
    }
    (table, bad)
}

fn dwarf<'a>(
    file: &ElfFile64<'a, LittleEndian>,
) -> Result<gimli::DwarfSections<Cow<'a, [u8]>>, BadFile> {
    let mut left = UNPACKED;
    gimli::DwarfSections::load(|id: SectionId| {
        let Some(section) = file.section_by_name(id.name()) else {
            return Ok(Cow::Borrowed(&[][..]));
        };
        let bad = |error| BadFile::new("a debug section", format!("{}: {error}", id.name()));
        let packed = section.compressed_data().map_err(bad)?;
        if packed.format != object::CompressionFormat::None {
            left = left
                .checked_sub(packed.uncompressed_size)
                .ok_or_else(|| BadFile::new("at most 4 GiB of debug sections", "more"))?;
        }
        packed.decompress().map_err(bad)
    })
}
