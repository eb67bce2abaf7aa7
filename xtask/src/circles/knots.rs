//! The circles of a graph: its strongly connected parts of more than one node, by Tarjan's algorithm.

use std::collections::{BTreeMap, BTreeSet};

/// The circles, in the order of the alphabet. Of a node to itself an edge makes none.
pub fn circles<'a>(edges: &[(&'a str, &'a str)]) -> Vec<BTreeSet<&'a str>> {
    let mut search = Search::default();
    for (from, to) in edges {
        search.next.entry(from).or_default().push(to);
    }
    for node in search.next.keys().copied().collect::<Vec<_>>() {
        if !search.order.contains_key(node) {
            search.visit(node);
        }
    }
    search.found.sort();
    search.found
}

#[derive(Default)]
struct Search<'a> {
    next: BTreeMap<&'a str, Vec<&'a str>>,
    /// When a node was seen, and the earliest that it leads back to.
    order: BTreeMap<&'a str, usize>,
    back: BTreeMap<&'a str, usize>,
    stack: Vec<&'a str>,
    found: Vec<BTreeSet<&'a str>>,
}

impl<'a> Search<'a> {
    fn visit(&mut self, node: &'a str) {
        let number = self.order.len();
        self.order.insert(node, number);
        self.back.insert(node, number);
        self.stack.push(node);
        for next in self.next.get(node).cloned().unwrap_or_default() {
            let reached = if !self.order.contains_key(next) {
                self.visit(next);
                self.back[next]
            } else if self.stack.contains(&next) {
                self.order[next]
            } else {
                continue;
            };
            let own = self.back[node].min(reached);
            self.back.insert(node, own);
        }
        if self.back[node] == number {
            let at = self.stack.iter().position(|one| *one == node).unwrap_or(0);
            let part = self.stack.split_off(at);
            if part.len() > 1 {
                self.found.push(part.into_iter().collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_back_is_a_circle() {
        let edges = [
            ("a", "b"),
            ("b", "c"),
            ("c", "b"),
            ("c", "d"),
            ("d", "d"),
            ("x", "y"),
            ("y", "z"),
            ("z", "x"),
            ("z", "a"),
        ];
        let found = circles(&edges);
        assert_eq!(found.len(), 2);
        assert!(found[0].iter().eq(&["b", "c"]));
        assert!(found[1].iter().eq(&["x", "y", "z"]));
        assert!(circles(&[("a", "b"), ("a", "c"), ("b", "c")]).is_empty());
    }
}
