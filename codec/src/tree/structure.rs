//! Structures and sections as maps.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::look::{At, Problem};
use super::node::Node;
use crate::digits::{hex, unhex};
use crate::wire::{Entry, Field, Kind, Layout, Style, Value};

/// Bytes of `rest` in one piece.
const RUN: usize = 32;
/// Zeros that a piece of `rest` may contain.
const GAP: usize = 16;
/// What a text begins with whose bytes are none.
const RAW: &str = "hex:";

/// A structure at the start of a section, and what is behind it.
pub(super) fn section(layout: &'static Layout, bytes: &[u8]) -> Node {
    checked(bytes, layout, || {
        let mut entries = fields(layout, bytes.get(..layout.size)?);
        rest(bytes, layout.size, &mut entries);
        Some(Node::Map(entries))
    })
}

/// A node that gives the bytes back: the one that `make` makes, or else the bytes alone.
fn checked(bytes: &[u8], layout: &'static Layout, make: impl FnOnce() -> Option<Node>) -> Node {
    make()
        .filter(|node| {
            fill_section(layout, &At::root(node), bytes.len()).is_ok_and(|made| made == bytes)
        })
        .unwrap_or_else(|| raw(bytes))
}

/// Bytes without a structure.
pub(super) fn raw(bytes: &[u8]) -> Node {
    let mut entries = Vec::new();
    rest(bytes, 0, &mut entries);
    Node::Map(entries)
}

/// The bytes of a section of known size.
pub(super) fn fill_section(
    layout: &'static Layout,
    at: &At<'_>,
    size: usize,
) -> Result<Vec<u8>, Problem> {
    at.only(names(layout).chain(["rest"]))?;
    let mut bytes = vec![0; size];
    match bytes.get_mut(..layout.size) {
        Some(own) => fill(layout, at, own)?,
        None => at.only(["rest"].into_iter())?,
    }
    fill_rest(at, &mut bytes)?;
    Ok(bytes)
}

/// Bytes of which nothing is known: the way back of [`raw`].
pub(super) fn fill_raw(at: &At<'_>, size: usize) -> Result<Vec<u8>, Problem> {
    at.only(["rest"].into_iter())?;
    let mut bytes = vec![0; size];
    fill_rest(at, &mut bytes)?;
    Ok(bytes)
}

/// The names of a structure's fields.
pub(super) fn names(layout: &'static Layout) -> impl Iterator<Item = &'static str> {
    layout.fields.iter().map(|field| field.name)
}

/// A structure that takes all of `bytes`.
pub(super) fn fields(layout: &'static Layout, bytes: &[u8]) -> Vec<(String, Node)> {
    let shown = |field: &&Field| {
        let own = &bytes[field.offset..field.offset + field.size()];
        field.style != Style::Pad || own.iter().any(|&byte| byte != 0)
    };
    layout
        .fields
        .iter()
        .filter(shown)
        .map(|field| {
            let own = &bytes[field.offset..field.offset + field.size()];
            (field.name.to_string(), value(field, own))
        })
        .collect()
}

/// A list without the zeros at its end.
fn list(field: &Field, bytes: &[u8], element: impl Fn(&[u8]) -> Node) -> Node {
    let elements: Vec<&[u8]> = bytes.chunks(field.kind.size()).collect();
    let zero = |bytes: &&[u8]| bytes.iter().all(|&byte| byte == 0);
    let kept = elements.len()
        - elements
            .iter()
            .rev()
            .take_while(|bytes| zero(bytes))
            .count();
    Node::List(
        elements[..kept]
            .iter()
            .map(|bytes| element(bytes))
            .collect(),
    )
}

fn value(field: &Field, bytes: &[u8]) -> Node {
    if let Kind::Struct(inner) = field.kind {
        let element = |bytes: &[u8]| Node::Map(fields(inner, bytes));
        return match field.count {
            1 => element(bytes),
            _ => list(field, bytes, element),
        };
    }
    let number = |word: u64| match field.style {
        Style::Hex => Node::Hex(word),
        _ => Node::number(word),
    };
    match entry(field, bytes).value() {
        Value::Unsigned(word) => number(word),
        Value::Signed(word) => Node::signed(word),
        Value::Text(_) => text(bytes),
        Value::Bytes(bytes) => Node::Text(hex(trimmed(bytes))),
        Value::List(_) => list(field, bytes, |bytes| {
            let one = Field { count: 1, ..*field };
            match entry(&one, bytes).value() {
                Value::Unsigned(word) => number(word),
                _ => Node::Text(hex(bytes)),
            }
        }),
    }
}

fn entry<'a>(field: &Field, bytes: &'a [u8]) -> Entry<'a> {
    Entry {
        path: "",
        offset: field.offset,
        size: bytes.len(),
        kind: field.kind,
        count: field.count,
        style: field.style,
        meaning: field.meaning,
        bytes,
    }
}

/// A text, or its bytes where it is none.
pub(super) fn text(bytes: &[u8]) -> Node {
    let plain = trimmed(bytes);
    match core::str::from_utf8(plain) {
        Ok(text) if !text.contains('\0') && !text.starts_with(RAW) => Node::text(text),
        _ => Node::Text(format!("{RAW}{}", hex(plain))),
    }
}

/// The way back.
pub(super) fn text_bytes(at: &At<'_>) -> Result<Vec<u8>, Problem> {
    let text = at.text()?;
    match text.strip_prefix(RAW) {
        None => Ok(text.as_bytes().to_vec()),
        Some(digits) => unhex(digits).ok_or_else(|| at.problem("hex: and pairs of digits")),
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
    &bytes[..bytes.len() - zeros]
}

/// Fills a structure from a map; the caller has seen to it that its names are known.
pub(super) fn fill(layout: &'static Layout, at: &At<'_>, out: &mut [u8]) -> Result<(), Problem> {
    for field in layout.fields {
        if let Some(at) = at.get(field.name)? {
            let own = &mut out[field.offset..field.offset + field.size()];
            fill_field(field, &at, own)?;
        }
    }
    Ok(())
}

fn fill_field(field: &Field, at: &At<'_>, out: &mut [u8]) -> Result<(), Problem> {
    let scalar = !matches!(field.kind, Kind::Struct(_));
    let bytes = match field.style {
        Style::Text if scalar => Some(text_bytes(at)?),
        Style::Bytes | Style::Pad if scalar => Some(at.bytes()?),
        _ => None,
    };
    if let Some(bytes) = bytes {
        let Some(own) = out.get_mut(..bytes.len()) else {
            return Err(at.problem(format!("at most {} bytes", out.len())));
        };
        own.copy_from_slice(&bytes);
        return Ok(());
    }
    if field.count == 1 {
        return fill_element(field, at, out);
    }
    let items = at.list()?;
    if items.len() > field.count {
        return Err(at.problem(format!("at most {} elements", field.count)));
    }
    for (item, own) in items.zip(out.chunks_mut(field.kind.size())) {
        fill_element(field, &item, own)?;
    }
    Ok(())
}

fn fill_element(field: &Field, at: &At<'_>, out: &mut [u8]) -> Result<(), Problem> {
    let bits = out.len() as u32 * 8;
    let word = match field.kind {
        Kind::Struct(inner) => {
            at.only(names(inner))?;
            return fill(inner, at, out);
        }
        Kind::I8 | Kind::I32 => at.signed(bits)? as u64,
        Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => at.number(bits)?,
    };
    out.copy_from_slice(&word.to_le_bytes()[..out.len()]);
    Ok(())
}

/// Adds what is not zero from `from` on.
pub(super) fn rest(bytes: &[u8], from: usize, entries: &mut Vec<(String, Node)>) {
    let mut runs = Vec::new();
    let mut at = from.min(bytes.len());
    while let Some(first) = bytes[at..].iter().position(|&byte| byte != 0) {
        let start = at + first;
        let mut end = start;
        let mut zeros = 0;
        for (index, &byte) in bytes[start..].iter().take(RUN).enumerate() {
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            if zeros > GAP {
                break;
            }
            if byte != 0 {
                end = start + index + 1;
            }
        }
        runs.push(Node::Map(vec![
            ("at".into(), Node::Hex(start as u64)),
            ("bytes".into(), Node::Text(hex(&bytes[start..end]))),
        ]));
        at = end;
    }
    if !runs.is_empty() {
        entries.push(("rest".into(), Node::List(runs)));
    }
}

/// Puts `rest` where it says.
pub(super) fn fill_rest(at: &At<'_>, out: &mut [u8]) -> Result<(), Problem> {
    let Some(rest) = at.get("rest")? else {
        return Ok(());
    };
    for run in rest.list()? {
        run.only(["at", "bytes"].into_iter())?;
        let start = run.need("at")?.number(64)?;
        let bytes = run.need("bytes")?.bytes()?;
        let size = out.len();
        let own = usize::try_from(start)
            .ok()
            .and_then(|start| out.get_mut(start..start.checked_add(bytes.len())?))
            .ok_or_else(|| run.problem(format!("bytes within the {size} of their section")))?;
        own.copy_from_slice(&bytes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ContextLayout;
    use crate::wire;
    use proptest::prelude::*;

    #[test]
    fn what_is_zero_takes_no_room() {
        let layout = wire::layout_of_context(ContextLayout::F);
        let node = section(layout, &vec![0; layout.size]);
        let Node::Map(entries) = &node else { panic!() };
        assert!(entries.iter().all(|(name, _)| name != "rest"));
        assert_eq!(
            fill_section(layout, &At::root(&Node::Map(vec![])), 22208).unwrap(),
            vec![0; 22208]
        );
    }

    #[test]
    fn texts_that_are_none_come_back() {
        for bytes in [
            &b"xen\0\0\0"[..],
            b"x\0y\0",
            b"\xff\xfe\0",
            b"hex:00",
            b"\0\0",
        ] {
            let node = text(bytes);
            let mut back = text_bytes(&At::root(&node)).unwrap();
            back.resize(bytes.len(), 0);
            assert_eq!(back, bytes);
        }
    }

    #[test]
    fn a_field_takes_what_fits_it() {
        let layout = wire::layout_of_context(ContextLayout::F);
        let with = |path: &str, node: Node| {
            let regs = Node::Map(vec![(path.to_string(), node)]);
            let tree = Node::Map(vec![("regs".into(), regs)]);
            fill_section(layout, &At::root(&tree), layout.size).map(drop)
        };
        assert_eq!(with("cfm", Node::text("0x8000000000000006")), Ok(()));
        let problem = with("cfm", Node::text("six")).unwrap_err();
        assert_eq!(problem.path, "regs.cfm");
        assert_eq!(with("cmf", Node::Number(6)).unwrap_err().found, "cmf");
        assert!(with("cfm", Node::Negative(-1)).is_err());
        let long = Node::List(vec![Node::Number(0); 100]);
        assert!(with("b", long).unwrap_err().expected.starts_with("at most"));
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(
            seed in prop::collection::vec(any::<u8>(), 1..200),
            behind in 0..300usize,
        ) {
            for layout in ContextLayout::ALL.map(wire::layout_of_context) {
                // Sparse, so that zeros, lone bytes and dense stretches all occur.
                let mut bytes = vec![0; layout.size + behind];
                let mut at = 0usize;
                for pair in seed.chunks(2) {
                    at = (at + usize::from(pair[0]) * 7) % bytes.len();
                    bytes[at] = *pair.last().unwrap_or(&1);
                }
                let node = section(layout, &bytes);
                let back = fill_section(layout, &At::root(&node), bytes.len());
                prop_assert!(back.is_ok_and(|back| back == bytes));
            }
        }
    }
}
