//! The vcpumap: which vcpus follow.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::look::{At, Problem};
use super::node::Node;
use crate::dialect::Dialect;
use crate::digits::hex;
use crate::image::Vcpumap;
use crate::limits::Limits;
use crate::size::place;

/// The map by the vcpus that are online, or its bitmap where they do not give its bytes back.
pub(super) fn node(dialect: Dialect, map: &Vcpumap) -> Node {
    let max = ("max_virt_cpus".to_string(), Node::number(map.max_virt_cpus));
    let online = map.online().map(|id| Node::number(id.into())).collect();
    let plain = Node::Map(vec![max.clone(), ("online".into(), Node::List(online))]);
    let made = read(&At::root(&plain), dialect);
    if made.is_ok_and(|(_, bitmap)| bitmap == map.bitmap.bytes) {
        return plain;
    }
    let bitmap = ("bitmap".to_string(), Node::Text(hex(&map.bitmap.bytes)));
    Node::Map(vec![max, bitmap])
}

/// `max_virt_cpus` and the bitmap.
pub(super) fn read(at: &At<'_>, dialect: Dialect) -> Result<(u64, Vec<u8>), Problem> {
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
