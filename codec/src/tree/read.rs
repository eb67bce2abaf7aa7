//! A tree to a stream.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::look::{At, Problem};
use super::node::Node;
use super::seal::{Seal, seal};
use super::{SCHEMA, limits, pfns, structure};
use crate::code::Code;
use crate::decode::Event;
use crate::dialect::{Dialect, Guest, MagicPfn};
use crate::encode::{Encoder, Piece};
use crate::envelope::{ByteOrder, DeviceModelKind, Kind, Probe, probe, xend_header, xl_header};
use crate::era::Era;
use crate::error::Error;
use crate::grammar::{Memmap, PAGES_END, PageRun, Prologue};
use crate::image::{
    Checkpoint, DeviceModelRecord, HvmContext, Image, MagicPfns, Section, Unallocated, Vcpu,
    Vcpumap,
};
use crate::limits::Limits;
use crate::pfns::Pfns;
use crate::ram::RamMap;
use crate::size::{index, place};
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use crate::wire::{self, Layout, hvm};

/// What a tree describes.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What stands in front of the stream.
    pub front: Vec<u8>,
    /// The stream.
    pub stream: Stream,
    /// The file that holds the pages.
    pub pages_file: String,
    /// What that file is, where the tree says so.
    pub pages_seal: Option<Seal>,
    /// What stands behind the stream.
    pub behind: Option<Behind>,
}

/// What stands behind the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The device-model record whose data the file holds; none where the file holds all there is.
    pub device_model: Option<DeviceModelKind>,
    /// The file.
    pub file: String,
    /// What that file is, where the tree says so.
    pub seal: Option<Seal>,
}

/// A stream without the contents of its pages.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The dialect.
    pub dialect: Dialect,
    /// The kind of guest.
    pub guest: Guest,
    /// Bytes of a page.
    pub page_size: usize,
    /// The order of the length of a device-model record.
    pub byte_order: ByteOrder,
    /// Everything but the pages.
    image: Image,
    /// The pfns of the page records of each checkpoint.
    pages: Vec<Vec<Pfns>>,
}

impl Stream {
    /// Pfns of all unallocated lists together, of 8 bytes each in the stream.
    pub fn unallocated(&self) -> u64 {
        let lists = self.image.checkpoints.iter();
        let lists = lists.filter_map(|one| one.unallocated.as_ref());
        lists.map(|list| u64::from(list.count)).sum()
    }

    /// Bytes of the stream, but for words between its parts.
    pub fn size(&self) -> u64 {
        let record = 8 + self.page_size as u64;
        let image = &self.image;
        let whole = |section: Option<&Section>| section.map_or(0, |own| own.bytes.len() as u64);
        let rounds = image.checkpoints.iter().map(|round| {
            let vcpus = round.vcpus.iter();
            let vcpus =
                vcpus.map(|vcpu| whole(Some(&vcpu.context)) + whole(vcpu.privregs.as_ref()));
            let context = round.hvm_context.as_ref().map(|context| &context.blob);
            vcpus.sum::<u64>() + whole(round.shared_info.as_ref()) + whole(context)
        });
        let rounds = rounds.sum::<u64>();
        let head = whole(image.arch_setup.as_ref()) + whole(image.memmap.as_ref());
        self.records()
            .saturating_mul(record)
            .saturating_add(self.unallocated().saturating_mul(8))
            .saturating_add(head + rounds)
    }

    /// The longest unallocated list of one checkpoint, in pfns.
    pub fn longest_unallocated(&self) -> u64 {
        let lists = self.image.checkpoints.iter();
        let lists = lists.filter_map(|one| one.unallocated.as_ref());
        lists.map(|list| u64::from(list.count)).max().unwrap_or(0)
    }

    /// Pages of RAM by the image's own memory map; `None` where it has no map.
    pub fn ram_pages(&self) -> Option<u64> {
        let memmap = self.image.memmap.as_ref()?;
        Some(RamMap::from_memmap(&memmap.bytes, self.page_size).pages())
    }

    /// Page records of all checkpoints.
    pub fn records(&self) -> u64 {
        Pfns::sum(self.pages.iter().flatten().copied())
    }

    /// Writes the stream. `page` gives the page of a record by its number in the whole stream.
    ///
    /// # Errors
    /// Those of the encoder, where the parts do not follow one another or have other sizes than their
    /// dialect asks for, and those of `sink`.
    pub fn write<'p, E: From<Error>>(
        &self,
        mut page: impl FnMut(u64) -> Result<&'p [u8], E>,
        mut sink: impl FnMut(&Piece<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut encoder = Encoder::new(self.dialect, self.guest).page_size(self.page_size);
        let mut put = |event: Event<'_>| sink(&encoder.encode(&event)?);
        let image = &self.image;
        if let Some(prologue) = image.prologue {
            put(Event::Prologue(prologue))?;
        }
        let layout = self.dialect.spec().arch_setup;
        if let Some(section) = &image.arch_setup {
            let bytes = &section.bytes;
            put(Event::ArchSetup { layout, bytes })?;
        }
        if let Some(section) = &image.memmap {
            put(Event::Memmap(Memmap {
                num_pages: (section.bytes.len() / self.page_size) as u32,
                bytes: &section.bytes,
            }))?;
        }
        let mut number = 0;
        let mut record = Vec::with_capacity(8 + self.page_size);
        for (index, checkpoint) in image.checkpoints.iter().enumerate() {
            for pfn in self.pages[index].iter().flat_map(|run| run.iter()) {
                record.clear();
                record.extend_from_slice(&pfn.to_le_bytes());
                record.extend_from_slice(page(number)?);
                put(Event::Pages(PageRun::new(&record, record.len() - 8)))?;
                number += 1;
            }
            put(Event::PagesEnd)?;
            image.tail(checkpoint, &mut put)?;
            put(Event::CheckpointEnd {
                index: index as u32,
            })?;
            checkpoint.device_model_event().map_or(Ok(()), &mut put)?;
        }
        Ok(encoder.finish()?)
    }
}

/// Reads a tree.
///
/// # Errors
/// Where the tree does not say what it should, or says what nobody knows.
pub fn read(tree: &Node) -> Result<Parts, Problem> {
    let at = At::root(tree);
    let known = [
        "schema",
        "dialect",
        "guest",
        "page_size",
        "pages_file",
        "pages_bytes",
        "pages_sha256",
        "envelope",
        "p2m_size",
        "version",
        "arch_setup",
        "memmap",
        "checkpoints",
        "behind",
    ];
    let schema = at.need("schema")?;
    if schema.text()? != SCHEMA {
        return Err(schema.problem(SCHEMA));
    }
    at.only(known.into_iter())?;
    let dialect: Dialect = named(&at.need("dialect")?, "the name of a dialect")?;
    let guest: Guest = named(&at.need("guest")?, "pv or hvm")?;
    let size = at.need("page_size")?;
    let page_size = match size.number(64)? {
        bytes @ 8..=0x100_0000 => place(bytes),
        _ => return Err(size.problem("a number from 8 to 16777216")),
    };
    let version = at.need("version")?;
    let word = dialect.spec().version as u64;
    if version.number(64)? != word {
        return Err(version.problem(format!("{word}, the version of {dialect}")));
    }
    let mut image = blank(page_size);
    image.prologue = Some(Prologue {
        p2m_size: at.need("p2m_size")?.number(64)?,
        version: word,
    });
    let layout = dialect.spec().arch_setup;
    let setup = structure::fill_section(
        wire::layout_of_arch_setup(layout),
        &at.need("arch_setup")?,
        layout.size(),
    )?;
    image.arch_setup = Some(section(setup));
    if let Some(at) = at.get("memmap")? {
        image.memmap = Some(section(memmap(&at, page_size)?));
    }
    let envelope_at = at.need("envelope")?;
    let front = envelope(&envelope_at)?;
    image.byte_order = byte_order(&front);
    let mut pages = Vec::new();
    for at in at.need("checkpoints")?.list()? {
        pages.push(pfns::runs(&at.need("pages")?, pfns::RECORD)?);
        image.checkpoints.push(checkpoint(
            &at,
            dialect,
            guest,
            page_size,
            image.byte_order,
        )?);
    }
    let behind = at.get("behind")?.map(|at| -> Result<Behind, Problem> {
        at.only(["device_model", "file", "bytes", "sha256"].into_iter())?;
        let kind = at.get("device_model")?;
        let kind = kind.map(|at| device_model_kind(&at));
        Ok(Behind {
            device_model: kind.transpose()?,
            file: at.need("file")?.text()?.into(),
            seal: seal(&at, "bytes", "sha256")?,
        })
    });
    limits::check(&image, &pages)?;
    Ok(Parts {
        front,
        stream: Stream {
            dialect,
            guest,
            page_size,
            byte_order: image.byte_order,
            image,
            pages,
        },
        pages_file: at.need("pages_file")?.text()?.into(),
        pages_seal: seal(&at, "pages_bytes", "pages_sha256")?,
        behind: behind.transpose()?,
    })
}

fn blank(page_size: usize) -> Image {
    Image {
        page_size,
        stream_offset: 0,
        end: 0,
        prologue: None,
        head: None,
        arch_setup: None,
        memmap: None,
        detection: None,
        checkpoints: Vec::new(),
        trailing: None,
        byte_order: ByteOrder::Little,
        error: None,
        retained_too_much: false,
        data: None,
    }
}

/// Bytes that have no place in a file yet.
fn section(bytes: Vec<u8>) -> Section {
    Section {
        offset: 0,
        bytes: bytes.into(),
    }
}

fn named<T: core::str::FromStr>(at: &At<'_>, what: &str) -> Result<T, Problem> {
    at.text()?.parse().map_err(|_| at.problem(what))
}

/// The order of the words around the stream, by what stands in front of it.
fn byte_order(front: &[u8]) -> ByteOrder {
    match crate::envelope::probe(front, true, &Limits::default()) {
        Ok(Probe::Found(envelope)) => envelope.byte_order(),
        _ => ByteOrder::Little,
    }
}

/// A device-model record between two checkpoints.
fn device_model(at: &At<'_>, order: ByteOrder) -> Result<DeviceModelRecord, Problem> {
    at.only(["kind", "data"].into_iter())?;
    let kind = device_model_kind(&at.need("kind")?)?;
    let data = at.need("data")?.bytes()?;
    Ok(DeviceModelRecord {
        kind,
        order,
        signature_offset: 0,
        size: data.len() as u64,
        data: section(data),
    })
}

fn device_model_kind(at: &At<'_>) -> Result<DeviceModelKind, Problem> {
    let name = at.text()?;
    let mut kinds = DeviceModelKind::ALL.into_iter();
    kinds
        .find(|kind| kind.name() == name)
        .ok_or_else(|| at.problem("the signature of a device-model record"))
}

/// What stands in front of the stream.
pub(super) fn envelope(at: &At<'_>) -> Result<Vec<u8>, Problem> {
    let kind = at.need("kind")?;
    let kinds = [Kind::Bare, Kind::Xend, Kind::Xl];
    let name = kind.text()?;
    let Some(kind) = kinds.into_iter().find(|kind| kind.name() == name) else {
        return Err(kind.problem("bare, xend or xl"));
    };
    if let Some(header) = at.get("header")? {
        at.only(["kind", "header"].into_iter())?;
        let bytes = header.bytes()?;
        return match probe(&bytes, true, &Limits::default()) {
            Err(error) if error.code == Code::LimitExceeded => Err(header.problem(error.expected)),
            _ => Ok(bytes),
        };
    }
    let config = at.get("config")?;
    let config = config.as_ref().map(structure::text_bytes).transpose()?;
    let made = match kind {
        Kind::Bare => {
            at.only(["kind"].into_iter())?;
            Ok(Vec::new())
        }
        Kind::Xend => {
            at.only(["kind", "config"].into_iter())?;
            xend_header(&config.unwrap_or_default())
        }
        Kind::Xl => {
            at.only(["kind", "byteorder", "optional_flags", "config"].into_iter())?;
            let order = at.need("byteorder")?;
            let byteorder = match order.text()? {
                "little" => ByteOrder::Little,
                "big" => ByteOrder::Big,
                _ => return Err(order.problem("little or big")),
            };
            let flags = at.need("optional_flags")?.number(32)? as u32;
            xl_header(byteorder, flags, config.as_deref())
        }
    };
    made.map_err(|error| Problem {
        path: error.path,
        expected: error.expected,
        found: error.found,
    })
}

/// The pages of the memory map.
pub(super) fn memmap(at: &At<'_>, page_size: usize) -> Result<Vec<u8>, Problem> {
    let own = structure::names(MemmapInfo::LAYOUT);
    at.only(own.chain(["num_pages", "descriptors", "rest"]))?;
    let pages = at.need("num_pages")?;
    let most = Limits::default().memmap_pages;
    let size = match pages.number(32)? {
        count if count <= most.into() => place(count).saturating_mul(page_size),
        _ => return Err(pages.problem(format!("at most {most}"))),
    };
    let mut bytes = vec![0; size];
    if let Some(own) = bytes.get_mut(..MemmapInfo::LAYOUT.size) {
        structure::fill(MemmapInfo::LAYOUT, at, own)?;
    }
    if let Some(list) = at.get("descriptors")? {
        let stride = at.need("efi_memdesc_size")?.number(64)?;
        for (index, item) in list.list()?.enumerate() {
            item.only(structure::names(EfiMemoryDesc::LAYOUT))?;
            let start = stride
                .checked_mul(index as u64)
                .and_then(|start| usize::try_from(start).ok())
                .and_then(|start| start.checked_add(MemmapInfo::LAYOUT.size));
            let own = start.and_then(|start| {
                bytes.get_mut(start..start.checked_add(EfiMemoryDesc::LAYOUT.size)?)
            });
            let own = own.ok_or_else(|| item.problem("no more descriptors than have room"))?;
            structure::fill(EfiMemoryDesc::LAYOUT, &item, own)?;
        }
    }
    structure::fill_rest(at, &mut bytes)?;
    Ok(bytes)
}

/// `max_virt_cpus` and the bitmap.
pub(super) fn vcpumap(at: &At<'_>, dialect: Dialect) -> Result<(u64, Vec<u8>), Problem> {
    at.only(["max_virt_cpus", "online", "bitmap"].into_iter())?;
    let max_at = at.need("max_virt_cpus")?;
    let max = max_at.number(64)?;
    let limit = Limits::default().max_virt_cpus;
    let size = dialect.spec().vcpumap.size(max).filter(|_| max <= limit);
    let size = place(size.ok_or_else(|| max_at.problem(format!("at most {limit}")))?);
    if let Some(bitmap) = at.get("bitmap")? {
        at.only(["max_virt_cpus", "bitmap"].into_iter())?;
        let bytes = bitmap.bytes()?;
        if bytes.len() != size {
            return Err(bitmap.problem(format!("{size} bytes")));
        }
        return Ok((max, bytes));
    }
    let mut bytes = vec![0u8; size];
    for id in at.need("online")?.list()? {
        let vcpu = id.number(32)?;
        match bytes.get_mut(place(vcpu / 8)).filter(|_| vcpu < max) {
            Some(byte) => *byte |= 1 << (vcpu % 8),
            None => return Err(id.problem(format!("the id of a vcpu below {max}"))),
        }
    }
    Ok((max, bytes))
}

fn checkpoint(
    at: &At<'_>,
    dialect: Dialect,
    guest: Guest,
    page_size: usize,
    order: ByteOrder,
) -> Result<Checkpoint, Problem> {
    let known = [
        "pages",
        "unallocated",
        "vcpumap",
        "vcpus",
        "shared_info",
        "magic_pfns",
        "hvm_context",
        "device_model",
    ];
    at.only(known.into_iter())?;
    let spec = dialect.spec();
    let mut made = Checkpoint::default();
    let list = at.need("unallocated")?;
    let runs = pfns::runs(&list, u64::MAX)?;
    made.unallocated = Some(Unallocated {
        count: u32::try_from(Pfns::sum(runs.iter().copied()))
            .map_err(|_| list.problem("less than 4294967296 pfns"))?,
        runs,
        ..Unallocated::default()
    });
    if let Some(at) = at.get("vcpumap")? {
        let (max_virt_cpus, bitmap) = vcpumap(&at, dialect)?;
        made.vcpumap = Some(Vcpumap {
            max_virt_cpus_offset: 0,
            max_virt_cpus,
            bitmap: section(bitmap),
        });
    }
    for at in at.need("vcpus")?.list()? {
        at.only(["id", "context", "privregs"].into_iter())?;
        let layout = wire::layout_of_context(spec.context);
        let context = structure::fill_section(layout, &at.need("context")?, layout.size)?;
        let regs = at.get("privregs")?;
        let regs = regs.map(|at| match spec.mapped_regs.last() {
            Some(layout) => {
                structure::fill_section(wire::layout_of_mapped_regs(*layout), &at, page_size)
            }
            None => page(&at, page_size),
        });
        made.vcpus.push(Vcpu {
            id: at.need("id")?.number(32)? as u32,
            layout: spec.context,
            context: section(context),
            privregs: regs.transpose()?.map(section),
        });
    }
    let shared_info = at.need("shared_info")?;
    made.shared_info = Some(section(match spec.shared_info.last() {
        Some(layout) => {
            let layout = wire::layout_of_shared_info(*layout);
            structure::fill_section(layout, &shared_info, page_size)?
        }
        None => page(&shared_info, page_size)?,
    }));
    if let Some(at) = at.get("magic_pfns")? {
        let order = magic_order(&at, dialect)?;
        at.only(order.iter().map(|magic| magic.name()))?;
        let mut bytes = Vec::new();
        for magic in order {
            let pfn = at.need(magic.name())?.number(64)?;
            bytes.extend_from_slice(&pfn.to_le_bytes());
        }
        made.magic_pfns = Some(MagicPfns {
            order,
            section: section(bytes),
        });
    }
    let record = at.get("device_model")?;
    let record = record.map(|at| device_model(&at, order));
    made.device_model = record.transpose()?;
    if guest == Guest::Hvm {
        let blob = hvm_context(&at.need("hvm_context")?, dialect)?;
        made.hvm_context = Some(HvmContext {
            size_offset: 0,
            blob: section(blob),
        });
    }
    made.complete = true;
    Ok(made)
}

/// The order of the magic pfns: that of the dialect, or of the eras of it that had others, where the
/// tree has just theirs.
fn magic_order(at: &At<'_>, dialect: Dialect) -> Result<&'static [MagicPfn], Problem> {
    let usual = dialect.spec().magic_pfns;
    for magic in usual {
        if at.get(magic.name())?.is_none() {
            let mut orders = Era::of(dialect).map(Era::magic_pfns);
            let fits = orders.find(|order| !order.contains(magic) && !order.is_empty());
            return Ok(fits.unwrap_or(usual));
        }
    }
    Ok(usual)
}

/// A page of which nothing is known.
fn page(at: &At<'_>, page_size: usize) -> Result<Vec<u8>, Problem> {
    at.only(["rest"].into_iter())?;
    let mut bytes = vec![0; page_size];
    structure::fill_rest(at, &mut bytes)?;
    Ok(bytes)
}

/// The layout of a record's body, where it has one.
pub fn body_layout(dialect: Dialect, typecode: u16) -> Option<&'static Layout> {
    match (typecode, dialect.spec().mapped_regs.last()) {
        (3, Some(regs)) => hvm::vpd::layout_of(*regs),
        (typecode, _) => hvm::layout_of_record(typecode),
    }
}

/// The blob of an HVM context.
pub(super) fn hvm_context(at: &At<'_>, dialect: Dialect) -> Result<Vec<u8>, Problem> {
    at.only(["records", "behind", "bytes"].into_iter())?;
    if let Some(bytes) = at.get("bytes")? {
        at.only(["bytes"].into_iter())?;
        return bytes.bytes();
    }
    let most = Limits::default().hvm_context_bytes;
    let mut blob = Vec::new();
    for at in at.need("records")?.list()? {
        at.only(["name", "typecode", "instance", "length", "body"].into_iter())?;
        let typecode = at.need("typecode")?.number(16)? as u16;
        let instance = at.need("instance")?.number(16)? as u16;
        let length_at = at.need("length")?;
        let length = length_at.number(32)? as u32;
        blob.extend_from_slice(&typecode.to_le_bytes());
        blob.extend_from_slice(&instance.to_le_bytes());
        blob.extend_from_slice(&length.to_le_bytes());
        if typecode == 0 {
            continue; // END has no body, whatever its length says
        }
        if u64::from(length) + blob.len() as u64 > most {
            return Err(length_at.problem(format!("at most {most} bytes in all")));
        }
        let size = index(length);
        let nothing = Node::Map(Vec::new());
        let body = at.get("body")?.unwrap_or_else(|| At::root(&nothing));
        blob.extend(match body_layout(dialect, typecode) {
            Some(layout) => structure::fill_section(layout, &body, size)?,
            None => page(&body, size)?,
        });
    }
    if let Some(behind) = at.get("behind")? {
        blob.extend(behind.bytes()?);
    }
    Ok(blob)
}

/// A page record must not be mistaken for the terminator; [`pfns::runs`] sees to it.
const _: () = assert!(PAGES_END == u64::MAX);
