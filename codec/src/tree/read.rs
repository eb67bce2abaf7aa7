//! A tree to a stream.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::behind::{self, Behind};
use super::look::{At, Problem};
use super::node::Node;
use super::seal::{Seal, seal};
use super::stream::{Stream, section};
use super::{SCHEMA, checkpoint, envelope, limits, memmap, pfns, structure};
use crate::dialect::{Dialect, Guest};
use crate::envelope::ByteOrder;
use crate::grammar::{PAGES_END, Prologue};
use crate::image::Image;
use crate::size::place;
use crate::wire;

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
        image.memmap = Some(section(memmap::bytes(&at, page_size)?));
    }
    let envelope_at = at.need("envelope")?;
    let front = envelope::bytes(&envelope_at)?;
    image.byte_order = envelope::byte_order(&front);
    let mut pages = Vec::new();
    for at in at.need("checkpoints")?.list()? {
        pages.push(pfns::runs(&at.need("pages")?, pfns::RECORD)?);
        image.checkpoints.push(checkpoint::read(
            &at,
            dialect,
            guest,
            page_size,
            image.byte_order,
        )?);
    }
    let behind = at.get("behind")?.map(|at| behind::read(&at));
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

fn named<T: core::str::FromStr>(at: &At<'_>, what: &str) -> Result<T, Problem> {
    at.text()?.parse().map_err(|_| at.problem(what))
}

/// A page record must not be mistaken for the terminator; [`pfns::runs`] sees to it.
const _: () = assert!(PAGES_END == u64::MAX);
