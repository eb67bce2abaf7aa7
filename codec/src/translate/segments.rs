//! The parts of a view that have pages.

use alloc::vec::Vec;

use super::how::How;
use super::view::View;
use crate::memory::Run;
use crate::pfns::Pfns;

/// Virtual addresses with pages behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First virtual address.
    pub virt: u64,
    /// Guest physical address of the first.
    pub physical: u64,
    /// Bytes.
    pub size: u64,
    /// The run that holds them.
    pub run: Run,
    /// What maps them.
    pub how: How,
}

impl View<'_> {
    /// Every part of the view that has pages, ascending by virtual address, at most so many; with what page
    /// tables map in regions 0 to 4, or without.
    pub fn segments(&self, processes: bool, most: usize) -> Vec<Segment> {
        let memory = self.memory();
        let size = memory.page_size();
        let mut segments = Vec::new();
        let mut mappings = self.mappings(0..=u64::MAX);
        if !processes {
            mappings = mappings.without_processes();
        }
        for mapping in mappings {
            let last = mapping.physical + (mapping.last - mapping.first);
            let pfns = Pfns::new(mapping.physical / size, last / size);
            for run in pfns.into_iter().flat_map(|pfns| memory.within(pfns)) {
                if segments.len() == most {
                    return segments;
                }
                // Frames that no address reaches are beyond `last` and never come here.
                let begin = (run.pfns.first() * size).max(mapping.physical);
                let end = run.pfns.last() * size + (size - 1);
                let end = end.min(last);
                segments.push(Segment {
                    virt: mapping.first + (begin - mapping.physical),
                    physical: begin,
                    size: end - begin + 1,
                    run,
                    how: mapping.how,
                });
            }
        }
        segments
    }
}
