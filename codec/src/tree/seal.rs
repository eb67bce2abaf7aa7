//! What a file beside a tree is, so that another in its place is noticed.

use alloc::string::ToString;

use super::look::{At, Problem};
use super::node::Node;
use crate::digits::hex;

/// Size and digest of a file beside a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Its bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

/// Puts size and digest behind the name.
pub(super) fn put(node: &mut Node, key: &str, name: &str, keys: [&str; 2], seal: &Seal) {
    let Node::Map(map) = node else {
        return;
    };
    map.retain(|(own, _)| !keys.contains(&&own[..]));
    let Some(place) = map.iter().position(|(own, _)| own == key) else {
        return;
    };
    map[place].1 = Node::text(name);
    let said = [Node::number(seal.bytes), Node::Text(hex(&seal.sha256))];
    let said = keys.into_iter().map(ToString::to_string).zip(said);
    let behind = map.split_off(place + 1);
    map.extend(said);
    map.extend(behind);
}

/// What a tree says of a file; a tree that somebody wrote by hand says nothing.
pub(super) fn seal(at: &At<'_>, bytes: &str, sha256: &str) -> Result<Option<Seal>, Problem> {
    let (size, digest) = (at.get(bytes)?, at.get(sha256)?);
    let (Some(size), Some(digest)) = (size, digest) else {
        return Ok(None);
    };
    let sha256 = digest.bytes()?.try_into();
    Ok(Some(Seal {
        bytes: size.number(64)?,
        sha256: sha256.map_err(|_| digest.problem("a SHA-256, 64 hexadecimal digits"))?,
    }))
}
