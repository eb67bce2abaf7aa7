//! Lists of pfns as runs.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::look::{At, Problem};
use super::node::Node;
use crate::digits::number;
use crate::pfns::Pfns;

/// The highest pfn of a page record: the next is the terminator.
pub(super) const RECORD: u64 = u64::MAX - 1;

/// Pfns in their order; those that ascend one by one are told together.
pub(super) fn node(pfns: impl Iterator<Item = u64>) -> Node {
    let runs = Pfns::gather(pfns);
    Node::List(runs.iter().map(|run| Node::Text(run.to_string())).collect())
}

/// The way back, for pfns up to `most`.
pub(super) fn runs(at: &At<'_>, most: u64) -> Result<Vec<Pfns>, Problem> {
    at.list()?
        .map(|item| {
            let run = match item.node {
                Node::Number(pfn) | Node::Hex(pfn) => Some(Pfns::one(*pfn)),
                Node::Text(text) => match text.split_once('-') {
                    None => number(text).map(Pfns::one),
                    Some((first, last)) => {
                        let ends = (number(first.trim()), number(last.trim()));
                        let (Some(first), Some(last)) = ends else {
                            return Err(item.problem("a pfn or FIRST-LAST"));
                        };
                        Pfns::new(first, last)
                    }
                },
                _ => None,
            };
            run.filter(|run| run.last() <= most)
                .ok_or_else(|| item.problem("a pfn or FIRST-LAST"))
        })
        .collect()
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
        let back = runs(&At::root(&node), RECORD).unwrap();
        assert_eq!(Pfns::sum(back.iter().copied()), 7);
        assert!(back.into_iter().flatten().eq(pfns));
    }

    #[test]
    fn no_range_reaches_the_terminator() {
        for bad in ["0x5-0x3", "5-", "-", "x", "0xffffffffffffffff", "1-2-3"] {
            let list = Node::List(vec![Node::text(bad)]);
            assert!(runs(&At::root(&list), RECORD).is_err(), "{bad}");
        }
        let decimal = Node::List(vec![Node::text("1 - 3"), Node::Number(7)]);
        let back = runs(&At::root(&decimal), RECORD);
        assert_eq!(back, Ok(Pfns::gather([1, 2, 3, 7])));
        // A list has no terminator.
        let list = node([u64::MAX].into_iter());
        let back = runs(&At::root(&list), u64::MAX);
        assert_eq!(back, Ok(vec![Pfns::one(u64::MAX)]));
    }
}
