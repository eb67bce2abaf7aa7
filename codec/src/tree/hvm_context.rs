//! The HVM context: a blob of records.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::look::{At, Problem};
use super::node::Node;
use super::structure;
use crate::dialect::Dialect;
use crate::digits::hex;
use crate::image::HvmContext;
use crate::limits::Limits;
use crate::size::{index, place};
use crate::wire::{Layout, hvm};

/// The context by its records, or the whole blob where they do not give its bytes back.
pub(super) fn node(dialect: Dialect, context: &HvmContext) -> Node {
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
                let node = match body_layout(dialect, record.typecode) {
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
    if bytes(&At::root(&node), dialect).is_ok_and(|made| made == blob) {
        return node;
    }
    Node::Map(vec![("bytes".into(), Node::Text(hex(blob)))])
}

/// The blob of an HVM context.
pub(super) fn bytes(at: &At<'_>, dialect: Dialect) -> Result<Vec<u8>, Problem> {
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
            None => structure::fill_raw(&body, size)?,
        });
    }
    if let Some(behind) = at.get("behind")? {
        blob.extend(behind.bytes()?);
    }
    Ok(blob)
}

/// The layout of a record's body, where it has one.
pub fn body_layout(dialect: Dialect, typecode: u16) -> Option<&'static Layout> {
    match (typecode, dialect.spec().mapped_regs.last()) {
        (3, Some(regs)) => hvm::vpd::layout_of(*regs),
        (typecode, _) => hvm::layout_of_record(typecode),
    }
}
