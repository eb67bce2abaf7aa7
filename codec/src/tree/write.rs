//! A file to a tree.

use alloc::vec;
use core::ops::Range;

use super::node::Node;
use super::seal::{self, Seal};
use super::{SCHEMA, behind, checkpoint, envelope, memmap, structure};
use crate::code::Code;
use crate::error::Error;
use crate::file::SaveFile;
use crate::wire;

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
        ("envelope".into(), envelope::node(&file.envelope, front)),
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
        map.push(("memmap".into(), memmap::node(image, &section.bytes)));
    }
    let checkpoints = image.checkpoints.iter();
    let checkpoints = checkpoints
        .map(|one| checkpoint::node(dialect, one))
        .collect();
    map.push(("checkpoints".into(), Node::List(checkpoints)));
    let behind = behind::node(file, tail, names.behind, &mut map);
    let node = Node::Map(map);
    Ok(Tree { node, behind })
}

impl Tree {
    /// Says what the file of pages is, and how it is called.
    pub fn seal_pages(&mut self, name: &str, seal: &Seal) {
        seal::put(
            &mut self.node,
            "pages_file",
            name,
            ["pages_bytes", "pages_sha256"],
            seal,
        );
    }

    /// Says what the file behind the stream is, and how it is called.
    pub fn seal_behind(&mut self, name: &str, seal: &Seal) {
        let Node::Map(map) = &mut self.node else {
            return;
        };
        if let Some((_, behind)) = map.iter_mut().find(|(own, _)| own == "behind") {
            seal::put(behind, "file", name, ["bytes", "sha256"], seal);
        }
    }
}
