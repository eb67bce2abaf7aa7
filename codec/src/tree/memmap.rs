//! The memory map of the stream.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::look::{At, Problem};
use super::node::Node;
use super::structure;
use crate::image::Image;
use crate::limits::Limits;
use crate::ram;
use crate::size::place;
use crate::wire::Wire as _;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};

/// The map by its descriptors, or as bytes where they do not give its bytes back.
pub(super) fn node(image: &Image, bytes: &[u8]) -> Node {
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
            self::bytes(&At::root(node), image.page_size).is_ok_and(|made| made == bytes)
        })
        .unwrap_or_else(|| {
            let mut map = vec![count];
            structure::rest(bytes, 0, &mut map);
            Node::Map(map)
        })
}

/// The pages of the memory map.
pub(super) fn bytes(at: &At<'_>, page_size: usize) -> Result<Vec<u8>, Problem> {
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
