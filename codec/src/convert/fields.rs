//! Carrying fields of one name from one layout to another.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::wire::{Entry, Layout, Style};

/// Bytes that mean the same in two layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Where the source has them.
    pub(super) from: usize,
    /// Where the result has them.
    pub(super) to: usize,
    /// How many.
    pub(super) size: usize,
}

impl Pair {
    /// The way back.
    pub(super) fn reversed(self) -> Self {
        Pair {
            from: self.to,
            to: self.from,
            size: self.size,
        }
    }
}

/// Pairs every field of `walked` with that of `other` which has the name that `rename` gives. Of
/// arrays of different length the common part is paired.
pub(super) fn pairs(
    walked: &Layout,
    other: &Layout,
    rename: impl Fn(&str) -> Option<String>,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    walked.walk(&vec![0; walked.size], &mut |entry| {
        let Some(found) = rename(entry.path).and_then(|path| other.find(&path)) else {
            return;
        };
        let one = found.kind.size() == entry.kind.size();
        let padding_moved = entry.style == Style::Pad && found.size() != entry.size;
        if one && !padding_moved {
            pairs.push(Pair {
                from: entry.offset,
                to: found.offset,
                size: entry.size.min(found.size()),
            });
        }
    });
    pairs
}

/// Pairs fields of equal name.
pub(super) fn namesakes(from: &Layout, to: &Layout) -> Vec<Pair> {
    pairs(from, to, |path| Some(path.into()))
}

/// Copies what is paired, as far as there are bytes.
pub(super) fn carry(pairs: &[Pair], source: &[u8], target: &mut [u8]) {
    for pair in pairs {
        let from = source.get(pair.from..pair.from + pair.size);
        let to = target.get_mut(pair.to..pair.to + pair.size);
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
    }
}

/// Shows every field of `source` that no pair takes along and that is not zero, with its value for
/// people. Of an array that is paired in part, the elements that are left.
pub(super) fn left_behind(
    layout: &Layout,
    source: &[u8],
    pairs: &[Pair],
    mut visit: impl FnMut(&str, &str),
) {
    let mut taken = vec![false; source.len()];
    for pair in pairs {
        if let Some(bytes) = taken.get_mut(pair.from..pair.from + pair.size) {
            bytes.fill(true);
        }
    }
    layout.walk(source, &mut |entry| {
        let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        if entry.style == Style::Pad || zero(entry.bytes) {
            return;
        }
        let taken = &taken[entry.offset..entry.offset + entry.size];
        if taken.iter().all(|taken| !taken) {
            visit(entry.path, &shown(&entry));
            return;
        }
        let width = entry.kind.size();
        let elements = entry.bytes.chunks(width).zip(taken.chunks(width));
        for (index, (element, taken)) in elements.enumerate() {
            if !taken[0] && !zero(element) {
                visit(&format!("{}[{index}]", entry.path), &number(element));
            }
        }
    });
}

/// A page whose first bytes change their layout; what lies behind them stays.
pub(super) fn fields_of_page(
    source: &[u8],
    old: &Layout,
    new: &Layout,
    lost: impl FnMut(&str, &str),
) -> Vec<u8> {
    let pairs = namesakes(old, new);
    let mut target = source.to_vec();
    let structure = old.size.max(new.size).min(target.len());
    target[..structure].fill(0);
    carry(&pairs, source, &mut target);
    left_behind(old, source, &pairs, lost);
    target
}

/// The word at a path; `None` where the layout lacks it or the bytes end before it.
pub(super) fn get(layout: &Layout, bytes: &[u8], path: &str) -> Option<u64> {
    let found = layout.find(path)?;
    let bytes = bytes.get(found.offset..found.offset + found.kind.size())?;
    Some(little_endian(bytes))
}

/// Sets the word at a path, where the layout has it.
pub(super) fn set(layout: &Layout, bytes: &mut [u8], path: &str, value: u64) {
    let Some(found) = layout.find(path) else {
        return;
    };
    let size = found.kind.size();
    if let Some(bytes) = bytes.get_mut(found.offset..found.offset + size) {
        bytes.copy_from_slice(&value.to_le_bytes()[..size]);
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn number(bytes: &[u8]) -> String {
    format!("{:#x}", little_endian(bytes))
}

fn shown(entry: &Entry<'_>) -> String {
    if entry.count == 1 {
        return number(entry.bytes);
    }
    let set = entry
        .bytes
        .chunks(entry.kind.size())
        .filter(|element| element.iter().any(|byte| *byte != 0))
        .count();
    format!("{set} of {} elements set", entry.count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{ContextLayout, MappedRegsLayout};
    use crate::wire::{layout_of_context, layout_of_mapped_regs};

    #[test]
    fn arrays_are_carried_as_far_as_both_reach() {
        let [old, new] = [MappedRegsLayout::M4, MappedRegsLayout::M3].map(layout_of_mapped_regs);
        let mut source = vec![0; old.size];
        for index in 0..16 {
            set(old, &mut source, &format!("tmp[{index}]"), index + 1);
        }
        let pairs = namesakes(old, new);
        let mut target = vec![0; new.size];
        carry(&pairs, &source, &mut target);
        assert_eq!(get(new, &target, "tmp[7]"), Some(8));
        let mut left = Vec::new();
        left_behind(old, &source, &pairs, |path, value| {
            left.push(format!("{path}={value}"));
        });
        assert_eq!(left.len(), 8);
        assert_eq!(left[0], "tmp[8]=0x9");
    }

    #[test]
    fn a_field_of_another_width_is_not_carried() {
        let [b, c] = [ContextLayout::B, ContextLayout::C].map(layout_of_context);
        let nats = c.find("regs.nats").unwrap().offset;
        assert!(namesakes(b, c).iter().all(|pair| pair.to != nats));
    }
}
