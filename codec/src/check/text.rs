//! How findings spell numbers.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use crate::pfns::Pfns;

/// A register, an address or a set of bits.
pub(super) fn hex(value: u64) -> String {
    format!("{value:#x}")
}

/// Some pfns: `0x28`, or `0x28 to 0x2f (8 pages)`.
pub(super) fn pfns(run: Pfns) -> String {
    let (first, last, count) = (run.first(), run.last(), run.pages());
    if first == last {
        hex(first)
    } else {
        format!("{first:#x} to {last:#x} ({count} pages)")
    }
}

/// The bits that are set in `value`, by number: `bits 2, 40`.
pub(super) fn bits(value: u64) -> String {
    let mut text = String::from("bits");
    let set = (0..64u32).filter(|bit| value >> bit & 1 == 1);
    for (index, bit) in set.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = write!(text, "{comma} {bit}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_named_by_number() {
        assert_eq!(bits(1 << 2 | 1 << 40), "bits 2, 40");
        assert_eq!(bits(1 << 63), "bits 63");
    }

    #[test]
    fn pfns_are_counted_where_there_are_several() {
        assert_eq!(pfns(Pfns::one(0x28)), "0x28");
        let eight = Pfns::of(0x28..0x30).unwrap();
        assert_eq!(pfns(eight), "0x28 to 0x2f (8 pages)");
    }
}
