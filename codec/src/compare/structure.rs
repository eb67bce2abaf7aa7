//! Two structures, field by field, by name.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use super::difference::{Found, Report};
use crate::wire::{Entry, Layout, Style, Value};

/// A structure in a file.
#[derive(Clone, Copy)]
pub(super) struct Structure<'a> {
    pub(super) layout: &'static Layout,
    pub(super) bytes: &'a [u8],
    pub(super) offset: u64,
}

/// A field's name by its path.
pub(super) type Rename<'r> = &'r dyn Fn(&str) -> Option<String>;

/// How to compare.
pub(super) struct Rules<'r> {
    /// Padding counts.
    pub(super) garbage: bool,
    /// The name by which a field goes; `None` leaves it out.
    pub(super) rename: [Rename<'r>; 2],
    /// Whether a field, or an element of one, is garbage, by its own name.
    pub(super) is_garbage: &'r dyn Fn(&str) -> bool,
    /// Why a field cannot be compared.
    pub(super) meaning: &'r dyn Fn(&str) -> Option<&'static str>,
    /// Whether two values of a field mean the same, though they differ.
    pub(super) same: &'r dyn Fn(&str, u64, u64) -> bool,
    /// The layouts are of different eras: a field that one lacks is no difference.
    pub(super) eras: bool,
}

/// A value of a field or of an element.
#[derive(PartialEq, Eq)]
struct Leaf {
    bytes: u128,
    text: Option<String>,
}

impl Leaf {
    /// Whether two numbers mean the same.
    fn means(&self, other: &Leaf, name: &str, rules: &Rules<'_>) -> bool {
        let number = |leaf: &Leaf| {
            u64::try_from(leaf.bytes)
                .ok()
                .filter(|_| leaf.text.is_none())
        };
        match (number(other), number(self)) {
            (Some(a), Some(b)) => (rules.same)(name, a, b),
            _ => false,
        }
    }
}

impl Structure<'_> {
    /// The bytes of the structure, without what follows.
    fn own(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().min(self.layout.size)]
    }

    fn equals(&self, other: &Structure<'_>) -> bool {
        core::ptr::eq(self.layout, other.layout) && self.own() == other.own()
    }

    /// Every field, arrays of numbers element by element.
    fn each(&self, rules: &Rules<'_>, side: usize, tell: &mut dyn FnMut(String, Leaf, Found)) {
        self.layout.walk(self.own(), &mut |entry| {
            let skip = entry.style == Style::Pad || (rules.is_garbage)(entry.path);
            if skip && !rules.garbage {
                return;
            }
            let numbers = matches!(entry.style, Style::Dec | Style::Hex);
            if !numbers || entry.count == 1 {
                if let Some(name) = (rules.rename[side])(entry.path) {
                    tell(name, leaf(&entry), self.found(&entry));
                }
                return;
            }
            let width = entry.kind.size();
            for (index, bytes) in entry.bytes.chunks(width).enumerate() {
                let path = format!("{}[{index}]", entry.path);
                if !rules.garbage && (rules.is_garbage)(&path) {
                    continue;
                }
                let Some(name) = (rules.rename[side])(&path) else {
                    continue;
                };
                let element = Entry {
                    path: &path,
                    offset: entry.offset + index * width,
                    size: width,
                    count: 1,
                    bytes,
                    ..entry
                };
                tell(name, leaf(&element), self.found(&element));
            }
        });
    }

    fn found(&self, entry: &Entry<'_>) -> Found {
        let shown = match (entry.value(), entry.style) {
            (Value::Unsigned(number), Style::Hex) => format!("{number:#x}"),
            (Value::Unsigned(number), _) => format!("{number}"),
            (Value::Signed(number), _) => format!("{number}"),
            (Value::Text(text), _) => format!("{text:?}"),
            (Value::List(words), _) => format!("{} numbers", words.len()),
            (Value::Bytes(bytes), _) => format!("{} bytes", bytes.len()),
        };
        Found::new(shown, self.offset + entry.offset as u64)
    }
}

fn leaf(entry: &Entry<'_>) -> Leaf {
    let text = match entry.value() {
        Value::Unsigned(number) => {
            return Leaf {
                bytes: number.into(),
                text: None,
            };
        }
        Value::Text(text) => text.into_owned(),
        _ => entry.bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    Leaf {
        bytes: 0,
        text: Some(text),
    }
}

/// Compares two structures; `prefix` stands in front of the names.
pub(super) fn compare(
    report: &mut Report,
    prefix: &str,
    (a, b): (&Structure<'_>, &Structure<'_>),
    rules: &Rules<'_>,
) {
    if a.equals(b) {
        return;
    }
    let mut others = BTreeMap::new();
    b.each(rules, 1, &mut |name, leaf, found| {
        others.insert(name, (leaf, found));
    });
    a.each(rules, 0, &mut |name, leaf, found| {
        let path = format!("{prefix}.{name}");
        match others.remove(&name) {
            _ if (rules.meaning)(&name).is_some_and(|why| {
                report.incomparable(&path, why);
                true
            }) => {}
            Some((other, _)) if other == leaf => {}
            Some((other, _)) if other.means(&leaf, &name, rules) => {}
            Some((_, other)) => report.differ(&path, Some(found), Some(other)),
            None if rules.eras => {
                report.incomparable(&whole(&path), "the second has no such field");
            }
            None => report.differ(&path, Some(found), None),
        }
    });
    for (name, (_, found)) in others {
        let path = format!("{prefix}.{name}");
        if rules.eras {
            report.incomparable(&whole(&path), "the first has no such field");
        } else {
            report.differ(&path, None, Some(found));
        }
    }
}

/// The array that an element is of.
fn whole(path: &str) -> String {
    match path.rfind('[') {
        Some(at) if path.ends_with(']') => path[..at].into(),
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ContextLayout;
    use crate::wire::layout_of_context;
    use alloc::vec;
    use alloc::vec::Vec;

    fn rules(garbage: bool, same: Rename<'_>) -> Rules<'_> {
        Rules {
            garbage,
            rename: [same, same],
            is_garbage: &|_| false,
            meaning: &|path| (path == "regs.psr").then_some("no"),
            same: &|_, _, _| false,
            eras: false,
        }
    }

    #[test]
    fn fields_go_by_name_and_padding_only_if_asked_for() {
        let layout = layout_of_context(ContextLayout::F);
        let mut bytes = vec![0; layout.size];
        let mut set = |path: &str| bytes[layout.find(path).unwrap().offset] = 7;
        set("regs.r[5]");
        set("regs.psr");
        set("pad8");
        set("regs.f[9].u.bits");
        let zeros = vec![0; layout.size];
        let structure = |bytes| Structure {
            layout,
            bytes,
            offset: 100,
        };
        let (a, b) = (structure(&bytes[..]), structure(&zeros[..]));
        let told = |garbage| {
            let mut report = Report {
                limit: 10,
                ..Report::default()
            };
            compare(
                &mut report,
                "x",
                (&a, &b),
                &rules(garbage, &|path| Some(path.into())),
            );
            let paths = report.differences.iter();
            let paths: Vec<_> = paths.map(|d| (d.path.clone(), d.offset_b)).collect();
            (paths, report.incomparable.len())
        };
        let at = |path: &str| Some(100 + layout.find(path).unwrap().offset as u64);
        let expected = vec![
            ("x.regs.r[5]".into(), at("regs.r[5]")),
            ("x.regs.f[9].u.bits[0]".into(), at("regs.f[9].u.bits")),
        ];
        assert_eq!(told(false), (expected, 1));
        assert_eq!(told(true).0.len(), 3);
    }
}
