//! Trees as JSON and YAML.

use std::fmt::Write;

use ia64save_codec::tree::Node;
use serde_json::{Map, Number, Value};

/// Columns that a line should not exceed.
const WIDTH: usize = 108;

/// How a tree is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    Json,
    Yaml,
}

/// A tree as a text that people edit.
pub fn write(node: &Node, notation: Notation) -> Result<String, String> {
    match notation {
        Notation::Json => {
            let mut out = String::new();
            json(node, 0, &mut out);
            out.push('\n');
            Ok(out)
        }
        Notation::Yaml => serde_saphyr::to_string(&value(node)).map_err(|error| error.to_string()),
    }
}

/// The way back.
pub fn read(text: &str, notation: Notation) -> Result<Node, String> {
    let value: Value = match notation {
        Notation::Json => serde_json::from_str(text).map_err(|error| error.to_string())?,
        Notation::Yaml => serde_saphyr::from_str(text).map_err(|error| error.to_string())?,
    };
    node(value, &mut String::new())
}

fn node(value: Value, path: &mut String) -> Result<Node, String> {
    Ok(match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Node::Number(number),
            (None, Some(number)) => Node::Negative(number),
            (None, None) => return Err(format!("{path}: {number} is no whole number of 64 bits")),
        },
        Value::String(text) => Node::Text(text),
        Value::Array(list) => {
            let nodes = list.into_iter().map(|value| node(value, path));
            Node::List(nodes.collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let outer = path.len();
            let mut entries = Vec::new();
            for (name, value) in map {
                path.truncate(outer);
                let dot = if outer > 0 { "." } else { "" };
                let _ = write!(path, "{dot}{name}");
                entries.push((name, node(value, path)?));
            }
            path.truncate(outer);
            Node::Map(entries)
        }
        Value::Null | Value::Bool(_) => {
            return Err(format!("{path}: {value} is neither number nor text"));
        }
    })
}

fn value(node: &Node) -> Value {
    match node {
        Node::Number(number) => Value::Number(Number::from(*number)),
        Node::Negative(number) => Value::Number(Number::from(*number)),
        Node::Hex(word) => Value::String(format!("{word:#x}")),
        Node::Text(text) => Value::String(text.clone()),
        Node::List(list) => Value::Array(list.iter().map(value).collect()),
        Node::Map(map) => {
            let entries = map.iter().map(|(name, node)| (name.clone(), value(node)));
            Value::Object(entries.collect::<Map<_, _>>())
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
        scalar => {
            let _ = write!(out, "{}", value(scalar));
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
            assert_eq!(read(&text, notation), Ok(plain(sample())), "{text}");
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
        let error = read("{\"a\": {\"b\": 1.5}}", Notation::Json).unwrap_err();
        assert!(error.starts_with("a.b: 1.5"), "{error}");
        assert!(read("{\"a\": null}", Notation::Json).is_err());
        assert!(read("{", Notation::Json).is_err());
        assert!(read("a: [", Notation::Yaml).is_err());
    }
}
