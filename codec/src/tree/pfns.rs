//! Lists of pfns as ranges.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::look::{At, Problem, number};
use super::node::Node;

/// The highest pfn of a page record: the next is the terminator.
pub(super) const RECORD: u64 = u64::MAX - 1;

/// Pfns in their order; those that ascend one by one are told together.
pub(super) fn node(pfns: impl Iterator<Item = u64>) -> Node {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for pfn in pfns {
        match ranges.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(pfn) => *last = *last.start()..=pfn,
            _ => ranges.push(pfn..=pfn),
        }
    }
    Node::List(ranges.iter().map(|range| Node::Text(told(range))).collect())
}

fn told(range: &RangeInclusive<u64>) -> String {
    if range.start() == range.end() {
        format!("{:#x}", range.start())
    } else {
        format!("{:#x}-{:#x}", range.start(), range.end())
    }
}

/// The way back, for pfns up to `most`.
pub(super) fn ranges(at: &At<'_>, most: u64) -> Result<Vec<RangeInclusive<u64>>, Problem> {
    at.list()?
        .map(|item| {
            let range = match item.node {
                Node::Number(pfn) | Node::Hex(pfn) => Some(*pfn..=*pfn),
                Node::Text(text) => match text.split_once('-') {
                    None => number(text).map(|pfn| pfn..=pfn),
                    Some((first, last)) => {
                        let ends = (number(first.trim()), number(last.trim()));
                        let (Some(first), Some(last)) = ends else {
                            return Err(item.problem("a pfn or FIRST-LAST"));
                        };
                        Some(first..=last)
                    }
                },
                _ => None,
            };
            range
                .filter(|range| !range.is_empty() && *range.end() <= most)
                .ok_or_else(|| item.problem("a pfn or FIRST-LAST"))
        })
        .collect()
}

/// Pfns in ranges.
pub(super) fn count(ranges: &[RangeInclusive<u64>]) -> u64 {
    ranges.iter().fold(0, |sum: u64, range| {
        sum.saturating_add(range.end() - range.start())
            .saturating_add(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn ranges_say_what_the_list_says() {
        let pfns = [3, 4, 5, 9, 8, 8, 0];
        let node = node(pfns.into_iter());
        let texts = ["0x3-0x5", "0x9", "0x8", "0x8", "0x0"];
        assert_eq!(
            node,
            Node::List(texts.iter().map(|text| Node::text(*text)).collect())
        );
        let back = ranges(&At::root(&node), RECORD).unwrap();
        assert_eq!(count(&back), 7);
        assert!(back.into_iter().flatten().eq(pfns));
    }

    #[test]
    fn no_range_reaches_the_terminator() {
        for bad in ["0x5-0x3", "5-", "-", "x", "0xffffffffffffffff", "1-2-3"] {
            let list = Node::List(vec![Node::text(bad)]);
            assert!(ranges(&At::root(&list), RECORD).is_err(), "{bad}");
        }
        let decimal = Node::List(vec![Node::text("1 - 3"), Node::Number(7)]);
        assert_eq!(ranges(&At::root(&decimal), RECORD), Ok(vec![1..=3, 7..=7]));
        // A list has no terminator.
        let list = node([u64::MAX].into_iter());
        let back = ranges(&At::root(&list), u64::MAX);
        assert_eq!(back, Ok(vec![u64::MAX..=u64::MAX]));
    }
}
