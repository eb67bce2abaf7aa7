//! A file to a tree.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::look::At;
use super::node::Node;
use super::{SCHEMA, pfns, read, structure};
use crate::code::Code;
use crate::dialect::Dialect;
use crate::digits::hex;
use crate::envelope::{self, Envelope};
use crate::error::Error;
use crate::file::SaveFile;
use crate::image::{Checkpoint, HvmContext, Image, Vcpumap};
use crate::ram;
use crate::size::place;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use crate::wire::{self, Wire as _, hvm};

/// Files beside the tree, as it shall call them.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The pages in stream order.
    pub pages: &'a str,
    /// What stands behind the stream, if anything does.
    pub behind: &'a str,
}

/// A tree, and what does not stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The tree.
    pub node: Node,
    /// The bytes of the file that belong into [`Names::behind`].
    pub behind: Option<Range<u64>>,
}

/// The tree of a file.
///
/// `front` holds at least what is in front of the stream; `tail` begins where the stream ends and
/// holds at least a device-model record's header, if one is there.
///
/// # Errors
/// What ended the reading of an image that is not whole.
pub fn of_file(
    file: &SaveFile,
    front: &[u8],
    tail: &[u8],
    names: Names<'_>,
) -> Result<Tree, Error> {
    let image = &file.image;
    let whole = (image.read_as(), image.guest(), image.prologue, &image.error);
    let (Some(dialect), Some(guest), Some(prologue), None) = whole else {
        return Err(image.error.clone().unwrap_or_else(|| {
            Error::new(Code::OutOfOrder, image.end, "checkpoint").expected("a whole image")
        }));
    };
    let mut map = vec![
        ("schema".into(), Node::text(SCHEMA)),
        ("dialect".into(), Node::text(&dialect)),
        ("guest".into(), Node::text(&guest)),
        ("page_size".into(), Node::number(image.page_size as u64)),
        ("pages_file".into(), Node::text(names.pages)),
        ("envelope".into(), envelope_node(&file.envelope, front)),
        ("p2m_size".into(), Node::number(prologue.p2m_size)),
        ("version".into(), Node::number(prologue.version)),
    ];
    if let Some(setup) = &image.arch_setup {
        let layout = wire::layout_of_arch_setup(dialect.spec().arch_setup);
        map.push((
            "arch_setup".into(),
            structure::section(layout, &setup.bytes),
        ));
    }
    if let Some(section) = &image.memmap {
        map.push(("memmap".into(), memmap(image, &section.bytes)));
    }
    let checkpoints = image.checkpoints.iter();
    let checkpoints = checkpoints.map(|one| checkpoint(dialect, one)).collect();
    map.push(("checkpoints".into(), Node::List(checkpoints)));
    let behind = behind(file, tail, names.behind, &mut map);
    let node = Node::Map(map);
    Ok(Tree { node, behind })
}

fn envelope_node(envelope: &Envelope, front: &[u8]) -> Node {
    let front = front.get(..place(envelope.stream_offset)).unwrap_or(front);
    let mut map = vec![("kind".to_string(), Node::text(&envelope.kind))];
    let config = envelope.config_bytes(front);
    let mut plain = map.clone();
    if let Some(xl) = envelope.xl {
        plain.push(("byteorder".into(), Node::text(&xl.byteorder)));
        plain.push(("optional_flags".into(), Node::Hex(xl.optional_flags.into())));
    }
    plain.extend(config.map(|config| ("config".into(), structure::text(config))));
    let plain = Node::Map(plain);
    if read::envelope(&At::root(&plain)).is_ok_and(|made| made == front) {
        return plain;
    }
    // Flags or data that no saver is known to have written.
    map.push(("header".into(), Node::Text(hex(front))));
    Node::Map(map)
}

fn memmap(image: &Image, bytes: &[u8]) -> Node {
    let pages = (bytes.len() / image.page_size) as u64;
    let count = ("num_pages".to_string(), Node::number(pages));
    let plain = || {
        let mut map = vec![count.clone()];
        map.extend(structure::fields(
            MemmapInfo::LAYOUT,
            bytes.get(..MemmapInfo::SIZE)?,
        ));
        let mut own = bytes.to_vec();
        own[..MemmapInfo::SIZE].fill(0);
        let mut list = Vec::new();
        for (offset, _) in ram::descriptors(bytes) {
            let place = offset..offset + EfiMemoryDesc::SIZE;
            let fields = structure::fields(EfiMemoryDesc::LAYOUT, &bytes[place.clone()]);
            list.push(Node::Map(fields));
            own[place].fill(0);
        }
        map.push(("descriptors".into(), Node::List(list)));
        structure::rest(&own, 0, &mut map);
        Some(Node::Map(map))
    };
    plain()
        .filter(|node| {
            read::memmap(&At::root(node), image.page_size).is_ok_and(|made| made == bytes)
        })
        .unwrap_or_else(|| {
            let mut map = vec![count];
            structure::rest(bytes, 0, &mut map);
            Node::Map(map)
        })
}

fn checkpoint(dialect: Dialect, checkpoint: &Checkpoint) -> Node {
    let mut map: Vec<(String, Node)> = Vec::new();
    let mut put = |name: &str, node: Node| map.push((name.into(), node));
    put("pages", pfns::node(checkpoint.pages.pfns().iter().copied()));
    if let Some(list) = &checkpoint.unallocated {
        put("unallocated", pfns::node(list.pfns()));
    }
    if let Some(vcpumap) = &checkpoint.vcpumap {
        put("vcpumap", vcpumap_node(dialect, vcpumap));
    }
    let vcpus = checkpoint.vcpus.iter().map(|vcpu| {
        let layout = wire::layout_of_context(vcpu.layout);
        let context = structure::section(layout, &vcpu.context.bytes);
        let mut map = vec![
            ("id".to_string(), Node::number(vcpu.id.into())),
            ("context".to_string(), context),
        ];
        if let Some(page) = &vcpu.privregs {
            let node = match dialect.spec().mapped_regs.last() {
                Some(layout) => {
                    structure::section(wire::layout_of_mapped_regs(*layout), &page.bytes)
                }
                None => structure::raw(&page.bytes),
            };
            map.push(("privregs".into(), node));
        }
        Node::Map(map)
    });
    put("vcpus", Node::List(vcpus.collect()));
    if let Some(section) = &checkpoint.shared_info {
        let node = match dialect.spec().shared_info.last() {
            Some(layout) => {
                structure::section(wire::layout_of_shared_info(*layout), &section.bytes)
            }
            None => structure::raw(&section.bytes),
        };
        put("shared_info", node);
    }
    if let Some(magic) = &checkpoint.magic_pfns {
        let pfns = magic.iter();
        let pfns = pfns.map(|(magic, pfn, _)| (magic.name().into(), Node::Hex(pfn)));
        put("magic_pfns", Node::Map(pfns.collect()));
    }
    if let Some(context) = &checkpoint.hvm_context {
        put("hvm_context", hvm_context(dialect, context));
    }
    if let Some(record) = &checkpoint.device_model {
        let map = vec![
            ("kind".to_string(), Node::text(&record.kind)),
            ("data".to_string(), Node::Text(hex(&record.data.bytes))),
        ];
        put("device_model", Node::Map(map));
    }
    Node::Map(map)
}

fn vcpumap_node(dialect: Dialect, map: &Vcpumap) -> Node {
    let max = ("max_virt_cpus".to_string(), Node::number(map.max_virt_cpus));
    let online = map.online().map(|id| Node::number(id.into())).collect();
    let plain = Node::Map(vec![max.clone(), ("online".into(), Node::List(online))]);
    let made = read::vcpumap(&At::root(&plain), dialect);
    if made.is_ok_and(|(_, bitmap)| bitmap == map.bitmap.bytes) {
        return plain;
    }
    let bitmap = ("bitmap".to_string(), Node::Text(hex(&map.bitmap.bytes)));
    Node::Map(vec![max, bitmap])
}

fn hvm_context(dialect: Dialect, context: &HvmContext) -> Node {
    let blob = &context.blob.bytes[..];
    let plain = || {
        let mut end = 0;
        let mut records = Vec::new();
        for (offset, record) in context.records() {
            end = place(offset - context.blob.offset) + 8 + record.body.len();
            let mut map = vec![
                ("typecode".to_string(), Node::number(record.typecode.into())),
                ("instance".to_string(), Node::number(record.instance.into())),
                ("length".to_string(), Node::number(record.length.into())),
            ];
            if let Some(known) = hvm::record_of(record.typecode) {
                map.insert(0, ("name".into(), Node::text(known.name)));
            }
            if !record.body.is_empty() {
                let node = match read::body_layout(dialect, record.typecode) {
                    Some(layout) => structure::section(layout, record.body),
                    None => structure::raw(record.body),
                };
                map.push(("body".into(), node));
            }
            records.push(Node::Map(map));
        }
        let mut map = vec![("records".to_string(), Node::List(records))];
        let behind = &blob[end..];
        if !behind.is_empty() {
            map.push(("behind".into(), Node::Text(hex(behind))));
        }
        Node::Map(map)
    };
    let node = plain();
    if read::hvm_context(&At::root(&node), dialect).is_ok_and(|made| made == blob) {
        return node;
    }
    Node::Map(vec![("bytes".into(), Node::Text(hex(blob)))])
}

/// What stands behind the stream: a device-model record, or whatever else.
fn behind(
    file: &SaveFile,
    tail: &[u8],
    name: &str,
    map: &mut Vec<(String, Node)>,
) -> Option<Range<u64>> {
    let trailing = file.image.trailing.as_ref()?;
    let end = trailing.offset + trailing.size;
    let mut node = vec![("file".to_string(), Node::text(name))];
    let mut from = trailing.offset;
    if let Some(Ok(model)) = &file.device_model {
        let size = model.data.end - model.data.start;
        let order = file.image.byte_order;
        let header = envelope::device_model_header(model.kind, size, order).unwrap_or_default();
        if model.data.end == end
            && model.data.start == trailing.offset + header.len() as u64
            && tail.starts_with(&header)
        {
            from = model.data.start;
            node.insert(0, ("device_model".into(), Node::text(&model.kind)));
        }
    }
    map.push(("behind".into(), Node::Map(node)));
    Some(from..end)
}
