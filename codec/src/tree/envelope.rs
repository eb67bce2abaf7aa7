//! What stands in front of the stream.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::look::{At, Problem};
use super::node::Node;
use super::structure;
use crate::code::Code;
use crate::digits::hex;
use crate::envelope::{ByteOrder, Envelope, Kind, Probe, probe, xend_header, xl_header};
use crate::limits::Limits;
use crate::size::place;

/// The envelope as a map: by its parts, or the whole header where they do not give its bytes back.
pub(super) fn node(envelope: &Envelope, front: &[u8]) -> Node {
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
    if bytes(&At::root(&plain)).is_ok_and(|made| made == front) {
        return plain;
    }
    // Flags or data that no saver is known to have written.
    map.push(("header".into(), Node::Text(hex(front))));
    Node::Map(map)
}

/// The bytes of an envelope.
pub(super) fn bytes(at: &At<'_>) -> Result<Vec<u8>, Problem> {
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

/// The order of the words around the stream, by what stands in front of it.
pub(super) fn byte_order(front: &[u8]) -> ByteOrder {
    match probe(front, true, &Limits::default()) {
        Ok(Probe::Found(envelope)) => envelope.byte_order(),
        _ => ByteOrder::Little,
    }
}
