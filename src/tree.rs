//! Trees as JSON and YAML.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::{self, Display, Write};
use std::path::Path;

use ia64save_codec::tree::Node;
use serde::Serialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Number, Value};
use serde_saphyr::budget::Budget;

/// Columns that a line should not exceed.
const WIDTH: usize = 108;

/// How a tree is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notation {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Notation {
    /// That of a file by its name, where it says.
    pub fn of(path: &Path) -> Option<Notation> {
        match path.extension()?.to_str()? {
            "json" => Some(Notation::Json),
            "yaml" | "yml" => Some(Notation::Yaml),
            _ => None,
        }
    }

    /// How the name of such a file ends.
    pub const fn extension(self) -> &'static str {
        match self {
            Notation::Json => "json",
            Notation::Yaml => "yaml",
        }
    }
}

/// Why a text is no tree: what is wrong with it, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotATree(String);

impl Display for NotATree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotATree {}

/// Why a tree cannot be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWritten(String);

impl Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotWritten {}

/// A tree as a text that people edit.
pub fn write(node: &Node, notation: Notation) -> Result<String, NotWritten> {
    match notation {
        Notation::Json => {
            let mut out = String::new();
            json(node, 0, &mut out);
            out.push('\n');
            Ok(out)
        }
        Notation::Yaml => {
            serde_saphyr::to_string(&Shown(node)).map_err(|error| NotWritten(error.to_string()))
        }
    }
}

/// What a text may begin with to say that it is UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The way back, from the bytes of a file.
pub fn read(bytes: &[u8], notation: Notation) -> Result<Node, NotATree> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        let text = "it is UTF-16, by its byte order mark; a tree is UTF-8";
        return Err(NotATree(text.into()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        NotATree(format!("byte {at} is no UTF-8"))
    })?;
    // Editors of some systems put one there; none of the two notations takes it for a blank.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let path = RefCell::new(String::new());
    let place = Place(&path);
    match notation {
        Notation::Json => {
            let mut json = serde_json::Deserializer::from_str(text);
            let node = place.deserialize(&mut json);
            let node = node.and_then(|node| json.end().map(|()| node));
            node.map_err(|error| NotATree(error.to_string()))
        }
        Notation::Yaml => {
            let read = |yaml: serde_saphyr::Deserializer<'_, '_>| place.deserialize(yaml);
            serde_saphyr::with_deserializer_from_str_with_options(text, as_long_as(text), read)
                .map_err(|error| NotATree(error.to_string()))
        }
    }
}

/// How YAML of this length is read: what `decode` writes of a large image is beyond the bounds that the
/// reader has by itself. A text has no more nodes than it has bytes; what aliases add stays bounded.
fn as_long_as(text: &str) -> serde_saphyr::Options {
    let least = Budget::default();
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: least.max_events.max(text.len().saturating_mul(2)),
            max_nodes: least.max_nodes.max(text.len()),
            max_total_scalar_bytes: least.max_total_scalar_bytes.max(text.len()),
        },
    }
}

/// A value on the way to a node, at the place that the path says.
///
/// Made by hand, for what a [`Value`] would not tell: that a name stands twice in one map.
#[derive(Clone, Copy)]
struct Place<'p>(&'p RefCell<String>);

impl Place<'_> {
    fn refused<E: de::Error>(self, what: impl Display) -> E {
        let path = self.0.borrow();
        let colon = if path.is_empty() { "" } else { ": " };
        E::custom(format!("{path}{colon}{what}"))
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, a list or a map")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Node, E> {
        Ok(u64::try_from(number).map_or(Node::Negative(number), Node::Number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Node, E> {
        let number = Number::from_f64(number).map_or_else(|| number.to_string(), |n| n.to_string());
        Err(self.refused(format!("{number} is no whole number of 64 bits")))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Err(self.refused(format!("{value} is neither number nor text")))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Err(self.refused("null is neither number nor text"))
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let outer = self.0.borrow().len();
        let mut nodes = Vec::new();
        loop {
            let _ = write!(self.0.borrow_mut(), "[{}]", nodes.len());
            let Some(node) = list.next_element_seed(self)? else {
                self.0.borrow_mut().truncate(outer);
                return Ok(Node::List(nodes));
            };
            nodes.push(node);
            self.0.borrow_mut().truncate(outer);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let outer = self.0.borrow().len();
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let dot = if outer > 0 { "." } else { "" };
            let _ = write!(self.0.borrow_mut(), "{dot}{name}");
            if !seen.insert(name.clone()) {
                return Err(self.refused("it is there twice"));
            }
            entries.push((name, map.next_value_seed(self)?));
            self.0.borrow_mut().truncate(outer);
        }
        Ok(Node::Map(entries))
    }
}

/// A node as it is written down, without a copy of it.
struct Shown<'n>(&'n Node);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Node::Number(number) => out.serialize_u64(*number),
            Node::Negative(number) => out.serialize_i64(*number),
            Node::Hex(word) => out.collect_str(&format_args!("{word:#x}")),
            Node::Text(text) => out.serialize_str(text),
            Node::List(list) => out.collect_seq(list.iter().map(Shown)),
            Node::Map(map) => {
                let mut entries = out.serialize_map(Some(map.len()))?;
                for (name, node) in map {
                    entries.serialize_entry(name, &Shown(node))?;
                }
                entries.end()
            }
        }
    }
}

/// A value in one line.
fn flat(node: &Node, out: &mut String) {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    match node {
        Node::List(list) => {
            out.push('[');
            for (index, item) in list.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                flat(item, out);
            }
            out.push(']');
        }
        Node::Map(map) => {
            out.push('{');
            for (index, (name, item)) in map.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                let _ = write!(out, "{}: ", quoted(name));
                flat(item, out);
            }
            out.push('}');
        }
        Node::Text(text) => out.push_str(&quoted(text)),
        Node::Hex(word) => {
            let _ = write!(out, "\"{word:#x}\"");
        }
        Node::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Node::Negative(number) => {
            let _ = write!(out, "{number}");
        }
    }
}

fn is_scalar(node: &Node) -> bool {
    !matches!(node, Node::List(_) | Node::Map(_))
}

/// A value that begins behind `indent` columns: short ones in a line, long lists of scalars in lines
/// as full as they can be.
fn json(node: &Node, indent: usize, out: &mut String) {
    let inner = indent + 2;
    let begin = |out: &mut String, columns: usize| {
        let _ = write!(out, "\n{:columns$}", "");
    };
    let mut line = String::new();
    let small = match node {
        Node::Map(map) => map.len() <= 8 && map.iter().all(|(_, node)| is_scalar(node)),
        Node::List(list) => list.len() <= 16 && list.iter().all(is_scalar),
        _ => true,
    };
    if small {
        flat(node, &mut line);
        if is_scalar(node) || indent + line.len() <= WIDTH {
            out.push_str(&line);
            return;
        }
    }
    match node {
        Node::Map(map) => {
            out.push('{');
            for (index, (name, node)) in map.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                begin(out, inner);
                let _ = write!(out, "{}: ", Value::String(name.clone()));
                json(node, inner, out);
            }
            begin(out, indent);
            out.push('}');
        }
        Node::List(list) if list.iter().all(is_scalar) => {
            out.push('[');
            let mut column = WIDTH;
            for (index, item) in list.iter().enumerate() {
                line.clear();
                flat(item, &mut line);
                out.push_str(if index > 0 { "," } else { "" });
                if column + line.len() + 2 > WIDTH {
                    begin(out, inner);
                    column = inner;
                } else {
                    out.push(' ');
                    column += 1;
                }
                out.push_str(&line);
                column += line.len() + 1;
            }
            begin(out, indent);
            out.push(']');
        }
        Node::List(list) => {
            out.push('[');
            for (index, item) in list.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                begin(out, inner);
                json(item, inner, out);
            }
            begin(out, indent);
            out.push(']');
        }
        _ => out.push_str(&line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Node {
        let text = |text: &str| Node::Text(text.into());
        Node::Map(vec![
            ("u.bits".into(), Node::List(vec![Node::Hex(u64::MAX); 40])),
            (
                "small".into(),
                Node::Map(vec![("a".into(), Node::Number(1))]),
            ),
            ("minus".into(), Node::Negative(i64::MIN)),
            (
                "texts".into(),
                Node::List(
                    [
                        "", "0x10", "012", "1e3", "yes", "~", "null", "- a", "a: b", "#",
                        "é\n\"\\", " x ",
                    ]
                    .map(text)
                    .to_vec(),
                ),
            ),
            ("empty".into(), Node::List(vec![])),
            ("maps".into(), Node::List(vec![Node::Map(vec![]); 2])),
        ])
    }

    /// Numbers in hexadecimal come back as the texts they are written as.
    fn plain(node: Node) -> Node {
        match node {
            Node::Hex(word) => Node::Text(format!("{word:#x}")),
            Node::List(list) => Node::List(list.into_iter().map(plain).collect()),
            Node::Map(map) => Node::Map(
                map.into_iter()
                    .map(|(name, node)| (name, plain(node)))
                    .collect(),
            ),
            other => other,
        }
    }

    #[test]
    fn both_notations_give_back_what_they_were_given() {
        for notation in [Notation::Json, Notation::Yaml] {
            let text = write(&sample(), notation).expect("a text");
            assert_eq!(
                read(text.as_bytes(), notation),
                Ok(plain(sample())),
                "{text}"
            );
        }
    }

    #[test]
    fn lines_are_short() {
        let text = write(&sample(), Notation::Json).expect("a text");
        assert!(text.lines().all(|line| line.len() <= WIDTH + 2), "{text}");
        assert!(text.contains("\"small\": {\"a\": 1}"), "{text}");
    }

    #[test]
    fn what_no_tree_has_is_refused() {
        let error = read(b"{\"a\": {\"b\": 1.5}}", Notation::Json)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("a.b: 1.5"), "{error}");
        for bad in ["{\"a\": null}", "{\"a\": true}", "{", "{} x", ""] {
            assert!(read(bad.as_bytes(), Notation::Json).is_err(), "{bad}");
        }
        for bad in ["a: [", "a: null", "a: 1.5", "a: true", "a: 1\n---\na: 2\n"] {
            assert!(read(bad.as_bytes(), Notation::Yaml).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_stands_once_in_a_map() {
        let json = b"{\"a\": 1,\n \"b\": [{\"c\": 1}, {\"c\": 1,\n  \"d\": {}, \"c\": 2}]}";
        let error = read(json, Notation::Json).unwrap_err().to_string();
        let expected = "b[1].c: it is there twice at line 3 column 14";
        assert_eq!(error, expected);
        let error = read(b"{\"\\u0061\": 1, \"a\": 1}", Notation::Json)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("a: it is there twice"), "{error}");
        let error = read(b"a: 1\nb:\n  c: 1\n  c: 2\n", Notation::Yaml)
            .unwrap_err()
            .to_string();
        assert!(error.contains('c') && error.contains("line 4"), "{error}");
    }

    #[test]
    fn what_is_written_of_a_large_image_is_read() {
        // Beyond the bounds that a reader of YAML has by itself: nodes, events, bytes.
        let words = Node::List(vec![Node::Hex(u64::MAX); 300_000]);
        let long = Node::Text("a configuration ".repeat(5 << 20));
        let large = Node::Map(vec![("words".into(), words), ("text".into(), long)]);
        for notation in [Notation::Json, Notation::Yaml] {
            let text = write(&large, notation).expect("a text");
            let back = read(text.as_bytes(), notation).expect("the same tree");
            assert!(back == plain(large.clone()), "{notation:?}");
        }
    }

    #[test]
    fn aliases_do_not_multiply() {
        let mut bomb = String::from("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
        for level in 1..9 {
            let inner = format!("*a{}, ", level - 1).repeat(10);
            let _ = writeln!(bomb, "a{level}: &a{level} [{inner}]");
        }
        assert!(read(bomb.as_bytes(), Notation::Yaml).is_err());
        // However much else there is.
        let _ = writeln!(bomb, "b: '{}'", "x".repeat(8 << 20));
        assert!(read(bomb.as_bytes(), Notation::Yaml).is_err());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_tree() {
        for (text, notation) in [("{\"a\": 1}", Notation::Json), ("a: 1\n", Notation::Yaml)] {
            let marked = format!("\u{feff}{text}");
            let plain = read(text.as_bytes(), notation);
            assert!(plain.is_ok());
            assert_eq!(read(marked.as_bytes(), notation), plain);
            let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let error = read(&wide, notation).unwrap_err().to_string();
            assert!(error.contains("UTF-16"), "{error}");
        }
        let error = read(b"{\"\xff\": 1}", Notation::Json)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "byte 2 is no UTF-8");
    }
}
