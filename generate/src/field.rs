//! The numbers of a stream that a reader acts on, and where they stand.

use ia64save_codec::Dialect;
use ia64save_codec::dialect::P2mSizeMeaning;
use ia64save_codec::wire::layout_of_context;
use ia64save_codec::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use ia64save_codec::wire::{Layout, Wire, layout_of_arch_setup, layout_of_shared_info};

use crate::{GeneratedImage, Section};

/// What a number is to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A size or a count.
    Size,
    /// The version word.
    Version,
    /// Bits, of which the lowest says what kind of guest it is.
    Flags,
    /// A pfn, or an address that is made into one.
    Pfn,
    /// The word that ends the page records.
    Terminator,
    /// One bit a vcpu.
    Bitmap,
    /// What kind of record follows, or which structure.
    Kind,
    /// Which vcpu a record is of.
    Instance,
}

/// A number of the stream, little-endian as all of them are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// As in `ia64save dump`: `memmap.num_pages`.
    pub path: String,
    /// Where it begins.
    pub offset: u64,
    /// Bytes: 1, 2, 4 or 8.
    pub size: usize,
    /// What it is.
    pub meaning: Meaning,
    /// Where the parts behind it stand, and how many there are, depends on it.
    pub steers: bool,
}

impl Field {
    /// The number.
    ///
    /// # Panics
    /// If the bytes end before it does.
    pub fn get(&self, bytes: &[u8]) -> u64 {
        let mut word = [0; 8];
        let at = self.offset as usize;
        word[..self.size].copy_from_slice(&bytes[at..at + self.size]);
        u64::from_le_bytes(word)
    }

    /// The largest number that it can be.
    pub fn max(&self) -> u64 {
        u64::MAX >> (64 - 8 * self.size)
    }
}

/// Every number that a reader acts on, in the order of the stream.
pub fn fields(image: &GeneratedImage) -> Vec<Field> {
    let mut finder = Finder {
        image,
        prefix: String::new(),
        found: Vec::new(),
    };
    for section in &image.plan.sections {
        finder.prefix = match section.checkpoint {
            0 => String::new(),
            index => format!("checkpoint[{index}]."),
        };
        finder.section(section);
    }
    finder.found
}

struct Finder<'a> {
    image: &'a GeneratedImage,
    prefix: String,
    found: Vec<Field>,
}

impl Finder<'_> {
    fn add(&mut self, path: &str, at: (u64, usize), meaning: Meaning, steers: bool) {
        let (offset, size) = at;
        if offset + size as u64 <= self.image.bytes.len() as u64 {
            self.found.push(Field {
                path: format!("{}{path}", self.prefix),
                offset,
                size,
                meaning,
                steers,
            });
        }
    }

    /// A number of a structure, where the structure has it and the section reaches so far.
    fn of(&mut self, section: &Section, layout: &Layout, name: &str, part: &str, kind: Meaning) {
        if let Some(found) = layout.find(name) {
            let end = found.offset + found.size();
            if end as u64 <= section.size && found.size() <= 8 {
                let at = (section.offset + found.offset as u64, found.size());
                self.add(&format!("{part}.{name}"), at, kind, false);
            }
        }
    }

    fn section(&mut self, section: &Section) {
        let at = section.offset;
        match section.name.as_str() {
            "p2m_size" => self.add("p2m_size", (at, 8), Meaning::Size, false),
            "version" => self.add("version", (at, 8), Meaning::Version, true),
            "arch_setup" => {
                let layout = layout_of_arch_setup(self.image.dialect.spec().arch_setup);
                self.of(section, layout, "flags", "arch_setup", Meaning::Flags);
                if let Some(flags) = self.found.last_mut() {
                    flags.steers = true;
                }
                self.of(section, layout, "maxmem", "arch_setup", Meaning::Size);
            }
            "memmap_info_num_pages" => self.add("memmap.num_pages", (at, 4), Meaning::Size, true),
            "memmap_info" => self.memmap(section),
            "page_records" => {
                let stride = 8 + self.image.page_size as u64;
                for record in 0..section.size / stride {
                    let path = format!("pages[{record}].gmfn");
                    let at = (section.offset + record * stride, 8);
                    self.add(&path, at, Meaning::Pfn, true);
                }
            }
            "page_terminator" => self.add("pages.terminator", (at, 8), Meaning::Terminator, true),
            "unallocated_count" => self.add("unallocated.count", (at, 4), Meaning::Size, true),
            "unallocated_list" => {
                for entry in 0..section.size / 8 {
                    let path = format!("unallocated.pfns[{entry}]");
                    self.add(&path, (at + entry * 8, 8), Meaning::Pfn, false);
                }
            }
            "max_virt_cpus" => self.add("vcpumap.max_virt_cpus", (at, 8), Meaning::Size, true),
            "vcpumap" => self.add("vcpumap.bitmap", (at, 8), Meaning::Bitmap, true),
            "shared_info" => self.shared_info(section),
            "magic_pfns" => {
                for (index, magic) in self.image.dialect.spec().magic_pfns.iter().enumerate() {
                    let path = format!("magic_pfns.{}", magic.name());
                    self.add(&path, (at + index as u64 * 8, 8), Meaning::Pfn, false);
                }
            }
            "hvm_rec_size" => self.add("hvm_context.size", (at, 8), Meaning::Size, true),
            "hvm_blob" => self.hvm_records(section),
            name => {
                let vcpu = name.strip_prefix("vcpu").and_then(|n| n.split_once('_'));
                if let Some((vcpu, "context")) = vcpu {
                    let layout = layout_of_context(self.image.dialect.spec().context);
                    let part = format!("vcpu[{vcpu}]");
                    self.of(section, layout, "privregs_pfn", &part, Meaning::Pfn);
                }
            }
        }
    }

    fn memmap(&mut self, section: &Section) {
        let info = MemmapInfo::LAYOUT;
        self.of(section, info, "efi_memmap_size", "memmap", Meaning::Size);
        self.of(section, info, "efi_memdesc_size", "memmap", Meaning::Size);
        self.of(
            section,
            info,
            "efi_memdesc_version",
            "memmap",
            Meaning::Kind,
        );
        let page = &self.image.bytes[section.offset as usize..section.end() as usize];
        let size = MemmapInfo::parse(page).map_or(0, |info| info.efi_memmap_size);
        for index in 0..size / EfiMemoryDesc::SIZE as u64 {
            let part = format!("memmap.descriptors[{index}]");
            let begin = (MemmapInfo::SIZE + index as usize * EfiMemoryDesc::SIZE) as u64;
            let descriptor = Section {
                offset: section.offset + begin,
                size: section.size.saturating_sub(begin),
                ..section.clone()
            };
            let layout = EfiMemoryDesc::LAYOUT;
            self.of(&descriptor, layout, "type", &part, Meaning::Kind);
            self.of(&descriptor, layout, "phys_addr", &part, Meaning::Pfn);
            self.of(&descriptor, layout, "num_pages", &part, Meaning::Size);
        }
    }

    /// Where the layouts that a dialect's hypervisors had differ, the place is not known.
    fn shared_info(&mut self, section: &Section) {
        let layouts = self.image.dialect.spec().shared_info;
        let name = "arch.start_info_pfn";
        let mut places = layouts.iter().map(|layout| {
            let layout = layout_of_shared_info(*layout);
            (layout, layout.find(name).map(|found| found.offset))
        });
        if let Some((layout, place)) = places.next()
            && places.all(|(_, other)| other == place)
        {
            self.of(section, layout, name, "shared_info", Meaning::Pfn);
        }
    }

    fn hvm_records(&mut self, section: &Section) {
        let blob = &self.image.bytes[section.offset as usize..section.end() as usize];
        let mut at = 0;
        let mut index = 0;
        while let Some(head) = blob.get(at..at + 8) {
            let place = section.offset + at as u64;
            let path = format!("hvm_context.records[{index}]");
            self.add(&format!("{path}.typecode"), (place, 2), Meaning::Kind, true);
            let instance = (place + 2, 2);
            self.add(
                &format!("{path}.instance"),
                instance,
                Meaning::Instance,
                false,
            );
            self.add(
                &format!("{path}.length"),
                (place + 4, 4),
                Meaning::Size,
                true,
            );
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            at += 8 + length as usize;
            index += 1;
        }
    }
}

/// Whether the dialect's own readers look at this number at all: not every number that is in a
/// stream was read by the restore of its time.
pub(crate) fn is_read(field: &Field, dialect: Dialect) -> bool {
    // Version 1 was written before maxmem had a meaning (D3).
    let means = dialect.spec().p2m_size == P2mSizeMeaning::MaximumGpfn;
    means || !field.path.ends_with("arch_setup.maxmem")
}
