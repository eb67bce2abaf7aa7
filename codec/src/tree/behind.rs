//! Device-model records, between checkpoints and behind the stream, and whatever else stands there.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::look::{At, Problem};
use super::node::Node;
use super::seal::{Seal, seal};
use super::stream::section;
use crate::envelope::{self, ByteOrder, DeviceModelKind};
use crate::file::SaveFile;
use crate::image::DeviceModelRecord;

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

/// What stands behind the stream: a device-model record, or whatever else.
pub(super) fn node(
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

/// What the tree says of it.
pub(super) fn read(at: &At<'_>) -> Result<Behind, Problem> {
    at.only(["device_model", "file", "bytes", "sha256"].into_iter())?;
    let kind = at.get("device_model")?.map(|at| kind(&at));
    Ok(Behind {
        device_model: kind.transpose()?,
        file: at.need("file")?.text()?.into(),
        seal: seal(at, "bytes", "sha256")?,
    })
}

/// A device-model record between two checkpoints.
pub(super) fn record(at: &At<'_>, order: ByteOrder) -> Result<DeviceModelRecord, Problem> {
    at.only(["kind", "data"].into_iter())?;
    let kind = kind(&at.need("kind")?)?;
    let data = at.need("data")?.bytes()?;
    Ok(DeviceModelRecord {
        kind,
        order,
        signature_offset: 0,
        size: data.len() as u64,
        data: section(data),
    })
}

fn kind(at: &At<'_>) -> Result<DeviceModelKind, Problem> {
    let name = at.text()?;
    let mut kinds = DeviceModelKind::ALL.into_iter();
    kinds
        .find(|kind| kind.name() == name)
        .ok_or_else(|| at.problem("the signature of a device-model record"))
}
