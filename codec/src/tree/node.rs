//! A tree without a notation.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A value of a tree. JSON and YAML have one for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A count or an ordinal.
    Number(u64),
    /// A number below zero.
    Negative(i64),
    /// A register, an address or a set of bits: a text `0x…` in JSON.
    Hex(u64),
    /// A text.
    Text(String),
    /// Values in order.
    List(Vec<Node>),
    /// Values by name, in order.
    Map(Vec<(String, Node)>),
}

/// The largest number that every reader of JSON keeps exactly.
const EXACT: u64 = 1 << 53;

impl Node {
    /// A number that people read in decimal, where every reader of JSON can.
    pub(super) fn number(value: u64) -> Node {
        if value <= EXACT {
            Node::Number(value)
        } else {
            Node::Hex(value)
        }
    }

    /// A number that may be below zero.
    pub(super) fn signed(value: i64) -> Node {
        u64::try_from(value).map_or(Node::Negative(value), Node::number)
    }

    pub(super) fn text(text: &(impl ToString + ?Sized)) -> Node {
        Node::Text(text.to_string())
    }

    /// What kind of value it is, for a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Node::Number(number) => number.to_string(),
            Node::Negative(number) => number.to_string(),
            Node::Hex(number) => alloc::format!("{number:#x}"),
            Node::Text(text) if text.len() <= 40 => alloc::format!("{text:?}"),
            Node::Text(_) => "a long text".into(),
            Node::List(list) => alloc::format!("a list of {}", list.len()),
            Node::Map(_) => "a map".into(),
        }
    }
}
