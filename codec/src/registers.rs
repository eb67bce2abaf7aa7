//! The registers of a vcpu in groups, for people.
//!
//! The layouts of contexts changed, the registers did not: here `user_regs.cr_ipsr` of an old context
//! and `regs.cr.ipsr` of a new one both stand among the control registers.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::dialect::{Dialect, Guest};
use crate::era::{Era, explain};
use crate::image::Vcpu;
use crate::wire::bits::{self, Register};
use crate::wire::{self, Entry, Kind, Layout, Style};

/// Registers of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// For people: `"Control registers"`.
    pub name: &'static str,
    /// The registers in the order of the context.
    pub registers: Vec<Value>,
}

/// A register and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What people call it: `"cr.ipsr"`, `"r12"`, `"itr[0].pte"`.
    pub name: String,
    /// Where it is in the file.
    pub offset: u64,
    /// What it holds, the low word first; floating-point registers have two.
    pub words: Vec<u64>,
    /// How its bits are to be read.
    pub bits: Option<&'static Register>,
    /// What it is for.
    pub meaning: &'static str,
    /// In which form it is, where that depends on the era ([`explain`]).
    pub form: Option<String>,
}

impl Value {
    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }
}

/// The groups in the order in which people look at them.
const GROUPS: [&str; 13] = [
    "Execution",
    "General registers",
    "Other bank",
    "Branch registers",
    "Application registers",
    "Control registers",
    "Region registers",
    "Protection keys",
    "Instruction translations",
    "Data translations",
    "Floating point",
    "Debug registers",
    "Register stack and the rest",
];

/// Words of the register stack image are many, and the guest's data.
const UNTOLD: [&str; 1] = ["rbs"];

/// The registers of a vcpu's context; a group without any is left out.
pub fn of_context(vcpu: &Vcpu) -> Vec<Group> {
    of_context_by(vcpu, &[], Guest::Pv)
}

/// The same, with the form of each by the eras that its image may be of.
pub fn of_context_by(vcpu: &Vcpu, eras: &[Era], guest: Guest) -> Vec<Group> {
    let mut groups: Vec<Group> = GROUPS
        .iter()
        .map(|name| Group {
            name,
            registers: Vec::new(),
        })
        .collect();
    let layout = wire::layout_of_context(vcpu.layout);
    layout.walk(&vcpu.context.bytes, &mut |entry| {
        let plain = plain(entry.path);
        if entry.style == Style::Pad || UNTOLD.contains(&plain) || is_reserved(plain) {
            return;
        }
        for (name, value) in values(&entry, vcpu.context.offset) {
            let form = explain(eras, guest, &name, value.words.first().copied());
            let (group, name) = place(plain, &name);
            groups[group].registers.push(Value {
                name,
                form,
                ..value
            });
        }
    });
    groups.retain(|group| !group.registers.is_empty());
    groups
}

/// What a PV guest shares with the hypervisor: its view of the registers.
pub fn of_privregs(vcpu: &Vcpu, dialect: Dialect) -> Option<Group> {
    let page = vcpu.privregs.as_ref()?;
    let layout = wire::layout_of_mapped_regs(*dialect.spec().mapped_regs.last()?);
    Some(Group {
        name: "Shared with the hypervisor (privregs)",
        registers: of_structure(layout, page.offset, &page.bytes),
    })
}

/// The fields of any structure that starts at `offset` of the file, arrays one by one.
pub fn of_structure(layout: &'static Layout, offset: u64, bytes: &[u8]) -> Vec<Value> {
    let mut all = Vec::new();
    layout.walk(bytes, &mut |entry| {
        if entry.style != Style::Pad && !is_reserved(entry.path) {
            all.extend(
                values(&entry, offset)
                    .into_iter()
                    .map(|(name, value)| Value { name, ..value }),
            );
        }
    });
    all
}

/// A path without the structures that all registers are in.
fn plain(path: &str) -> &str {
    ["regs.", "user_regs.", "extra_regs.", "tr."]
        .into_iter()
        .fold(path, |path, prefix| {
            path.strip_prefix(prefix).unwrap_or(path)
        })
}

/// Whether the architecture or Xen reserved it.
fn is_reserved(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    ["rsv", "ign", "reserved", "pad"]
        .into_iter()
        .any(|word| name.starts_with(word))
}

/// The elements of a field, each with its path. Floating-point registers stay in one piece.
fn values(entry: &Entry<'_>, base: u64) -> Vec<(String, Value)> {
    let width = entry.kind.size();
    let word = |bytes: &[u8]| {
        let number = bytes.iter().rev();
        number.fold(0, |word: u64, &byte| word << 8 | u64::from(byte))
    };
    let value = |offset: usize, words: Vec<u64>| Value {
        name: String::new(),
        offset: base + offset as u64,
        words,
        bits: bits::of(entry.path),
        meaning: entry.meaning,
        form: None,
    };
    if let Some(path) = entry.path.strip_suffix(".u.bits") {
        let words = entry.bytes.chunks(width).map(word).collect();
        return alloc::vec![(path.to_string(), value(entry.offset, words))];
    }
    if entry.count == 1 || matches!(entry.kind, Kind::Struct(_)) {
        let words = alloc::vec![word(&entry.bytes[..width.min(entry.bytes.len())])];
        return alloc::vec![(entry.path.to_string(), value(entry.offset, words))];
    }
    let elements = entry.bytes.chunks(width).enumerate();
    elements
        .map(|(index, bytes)| {
            let path = format!("{}[{index}]", entry.path);
            (
                path,
                value(entry.offset + index * width, alloc::vec![word(bytes)]),
            )
        })
        .collect()
}

/// The group of a register, and what people call it.
fn place(group_by: &str, path: &str) -> (usize, String) {
    let name = plain(path);
    let (head, index) = match name.split_once('[') {
        Some((head, rest)) => (head, rest.split(']').next()),
        None => (name, None),
    };
    let numbered = |letter: char| {
        let digits = name.strip_prefix(letter)?;
        let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| name.to_string())
    };
    let indexed = |short: &str| format!("{short}{}", index.unwrap_or_default());
    match head {
        "flags" | "ip" | "psr" | "cfm" | "pr" | "cr_iip" | "event_callback_ip" | "privregs_pfn" => {
            (0, name.replacen("cr_", "cr.", 1))
        }
        "r" if index.is_some() => (1, indexed("r")),
        "nats" => (1, "nats".into()),
        "bank" => {
            let number: usize = index.and_then(|index| index.parse().ok()).unwrap_or(0);
            (2, format!("r{}", number + 16))
        }
        "bnats" => (2, "bnats".into()),
        "b" if index.is_some() => (3, indexed("b")),
        "rr" => (6, indexed("rr")),
        "pkr" => (7, indexed("pkr")),
        "itrs" => (8, name.replacen("itrs", "itr", 1)),
        "dtrs" => (9, name.replacen("dtrs", "dtr", 1)),
        "f" if index.is_some() => (10, indexed("f")),
        "dbr" | "ibr" => (11, name.to_string()),
        "iva" | "dcr" => (5, format!("cr.{name}")),
        _ if group_by.starts_with("ar.") => (4, name.to_string()),
        _ if group_by.starts_with("cr.") => (5, name.to_string()),
        _ if name.starts_with("ar_") => (4, name.replacen("ar_", "ar.", 1)),
        _ if name.starts_with("cr_") => (5, name.replacen("cr_", "cr.", 1)),
        _ => {
            if let Some(name) = numbered('r') {
                (1, name)
            } else if let Some(name) = numbered('b') {
                (3, name)
            } else if let Some(name) = numbered('f') {
                (10, name)
            } else {
                (12, name.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ContextLayout;
    use crate::image::Section;

    fn vcpu(layout: ContextLayout) -> Vcpu {
        let bytes: Vec<u8> = (0..layout.size()).map(|at| at as u8).collect();
        Vcpu {
            id: 0,
            layout,
            context: Section {
                offset: 1000,
                bytes: bytes.into(),
            },
            privregs: None,
        }
    }

    #[test]
    fn every_layout_has_the_registers_that_the_architecture_has() {
        for layout in ContextLayout::ALL {
            let groups = of_context(&vcpu(layout));
            let names = |name: &str| {
                let group = groups.iter().find(|group| group.name == name);
                let registers = group.map(|group| group.registers.iter());
                registers
                    .into_iter()
                    .flatten()
                    .map(|r| r.name.clone())
                    .collect::<Vec<_>>()
            };
            for (group, register) in [
                ("General registers", "r1"),
                ("General registers", "r31"),
                ("Branch registers", "b0"),
                ("Control registers", "cr.iva"),
                ("Floating point", "f6"),
                ("Instruction translations", "itr[0].pte"),
                ("Execution", "privregs_pfn"),
            ] {
                let all = names(group);
                assert!(
                    all.iter().any(|name| name == register),
                    "{layout:?} {register}: {all:?}"
                );
            }
        }
    }

    #[test]
    fn a_register_stands_where_its_layout_has_it() {
        let vcpu = vcpu(ContextLayout::F);
        let layout = wire::layout_of_context(ContextLayout::F);
        let groups = of_context(&vcpu);
        let find = |name: &str| {
            let mut all = groups.iter().flat_map(|group| &group.registers);
            all.find(|register| register.name == name).unwrap()
        };
        for (name, path) in [
            ("r12", "regs.r[12]"),
            ("ar.rsc", "regs.ar.rsc"),
            ("rr5", "regs.rr[5]"),
            ("f127", "regs.f[127]"),
            ("dtr[3].itir", "regs.tr.dtrs[3].itir"),
            ("cfm", "regs.cfm"),
        ] {
            let located = layout.find(path).unwrap();
            let found = find(name);
            assert_eq!(found.offset, 1000 + located.offset as u64, "{name}");
            assert_eq!(found.words.len() * 8, located.size(), "{name}");
        }
        assert_eq!(find("cfm").bits.map(|bits| bits.name), Some("cfm"));
        let seen: usize = groups.iter().map(|group| group.registers.len()).sum();
        assert!(seen < 600, "{seen}: the register stack image is not told");
    }
}
