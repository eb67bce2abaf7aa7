//! Reading a tree that somebody may have edited.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::node::Node;
use crate::digits::{number, unhex};

/// What is wrong with a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the tree: `checkpoints[0].vcpus[1].context.regs.cfm`.
    pub path: String,
    /// What belongs there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() {
            "the tree"
        } else {
            &self.path
        };
        write!(
            f,
            "{place}: expected {}, found {}",
            self.expected, self.found
        )
    }
}

impl core::error::Error for Problem {}

/// A value and the way to it.
#[derive(Clone, Debug)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    path: String,
}

impl<'n> At<'n> {
    pub(super) fn root(node: &'n Node) -> Self {
        At {
            node,
            path: String::new(),
        }
    }

    /// Says what is wrong here.
    pub(super) fn problem(&self, expected: impl Into<String>) -> Problem {
        Problem {
            path: self.path.clone(),
            expected: expected.into(),
            found: self.node.describe(),
        }
    }

    fn entries(&self) -> Result<&'n [(String, Node)], Problem> {
        match self.node {
            Node::Map(entries) => Ok(entries),
            _ => Err(self.problem("a map")),
        }
    }

    /// A map that has no other names than these.
    pub(super) fn only<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
        let names: Vec<&str> = names.collect();
        let entries = self.entries()?;
        for (index, (name, _)) in entries.iter().enumerate() {
            let twice = entries[..index].iter().any(|(other, _)| other == name);
            if twice || !names.contains(&&name[..]) {
                let problem = Problem {
                    path: self.path.clone(),
                    expected: format!("one of {}", names.join(", ")),
                    found: if twice {
                        format!("{name} twice")
                    } else {
                        name.clone()
                    },
                };
                return Err(problem);
            }
        }
        Ok(())
    }

    /// A value of a map, where it is there.
    pub(super) fn get(&self, name: &str) -> Result<Option<At<'n>>, Problem> {
        let found = self.entries()?.iter().find(|(own, _)| own == name);
        Ok(found.map(|(_, node)| At {
            node,
            path: if self.path.is_empty() {
                name.to_string()
            } else {
                format!("{}.{name}", self.path)
            },
        }))
    }

    /// A value of a map.
    pub(super) fn need(&self, name: &str) -> Result<At<'n>, Problem> {
        self.get(name)?.ok_or_else(|| Problem {
            path: self.path.clone(),
            expected: name.to_string(),
            found: "nothing of that name".into(),
        })
    }

    /// The values of a list.
    pub(super) fn list(&self) -> Result<impl ExactSizeIterator<Item = At<'n>> + use<'n>, Problem> {
        let Node::List(list) = self.node else {
            return Err(self.problem("a list"));
        };
        let path = self.path.clone();
        Ok(list.iter().enumerate().map(move |(index, node)| At {
            node,
            path: format!("{path}[{index}]"),
        }))
    }

    /// A text.
    pub(super) fn text(&self) -> Result<&'n str, Problem> {
        match self.node {
            Node::Text(text) => Ok(text),
            _ => Err(self.problem("a text")),
        }
    }

    /// A number of so many bits: a number, or a text that is one.
    pub(super) fn number(&self, bits: u32) -> Result<u64, Problem> {
        let found = match self.node {
            Node::Number(number) | Node::Hex(number) => Some(*number),
            Node::Text(text) => number(text),
            _ => None,
        };
        let most = u64::MAX >> (64 - bits);
        found
            .filter(|number| *number <= most)
            .ok_or_else(|| self.problem(format!("a number from 0 to {most:#x}")))
    }

    /// A number of so many bits in two's complement.
    pub(super) fn signed(&self, bits: u32) -> Result<i64, Problem> {
        let found = match self.node {
            Node::Number(number) | Node::Hex(number) => i64::try_from(*number).ok(),
            Node::Negative(number) => Some(*number),
            Node::Text(text) => match text.strip_prefix('-') {
                Some(rest) => number(rest)
                    .and_then(|number| i64::try_from(number).ok())
                    .map(|number| -number),
                None => number(text).and_then(|number| i64::try_from(number).ok()),
            },
            _ => None,
        };
        let (least, most) = (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits));
        found
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.problem(format!("a number from {least} to {most}")))
    }

    /// Bytes as pairs of hexadecimal digits.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Problem> {
        unhex(self.text()?).ok_or_else(|| self.problem("pairs of hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let at = |text: &str| At::root(&Node::text(text)).number(8).ok();
        assert_eq!(
            (at("255"), at("0xff"), at("256")),
            (Some(255), Some(255), None)
        );
        assert_eq!(
            (at("+1"), at("0x+1"), at(""), at("0x")),
            (None, None, None, None)
        );
        let signed = |node: Node| At::root(&node).signed(8).ok();
        assert_eq!(signed(Node::Negative(-128)), Some(-128));
        assert_eq!(signed(Node::Negative(-129)), None);
        assert_eq!(signed(Node::text("-0x7")), Some(-7));
        assert_eq!(signed(Node::Number(128)), None);
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        let node = Node::Map(vec![
            ("a".into(), Node::Number(1)),
            ("b".into(), Node::Number(2)),
        ]);
        let at = At::root(&node);
        assert!(at.only(["a", "b", "c"].into_iter()).is_ok());
        let problem = at.only(["a"].into_iter()).unwrap_err();
        assert_eq!(problem.to_string(), "the tree: expected one of a, found b");
        let problem = at.need("c").unwrap_err();
        assert_eq!(problem.expected, "c");
    }
}
