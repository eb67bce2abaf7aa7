//! From guest physical addresses back to virtual ones.

use alloc::vec::Vec;

use super::fixed::Mapping;
use super::how::How;
use super::view::View;

/// What page tables map, by guest physical address.
#[derive(Clone, Debug)]
pub struct Backward<'v, 'a> {
    view: &'v View<'a>,
    /// Ascending by physical address.
    mapped: Vec<Mapping>,
    /// The longest of them, in bytes less one.
    longest: u64,
}

impl<'v, 'a> Backward<'v, 'a> {
    /// Goes once through the page tables of a view: region 5, and regions 0 to 4 where they are wanted.
    pub fn new(view: &'v View<'a>, processes: bool) -> Self {
        let first = if processes { 0 } else { 5 << 61 };
        let all = view.mappings(first..=(6 << 61) - 1);
        let mut mapped: Vec<_> = all
            .filter(|mapping| matches!(mapping.how, How::Table { .. }))
            .collect();
        mapped.sort_unstable_by_key(|mapping| (mapping.physical, mapping.first));
        let longest = mapped.iter().map(|mapping| mapping.last - mapping.first);
        Backward {
            view,
            longest: longest.max().unwrap_or(0),
            mapped,
        }
    }

    /// The virtual addresses of a guest physical one, ascending, and what maps each.
    pub fn of(&self, physical: u64) -> Vec<(u64, How)> {
        let mut found: Vec<_> = self.view.pinned_at(physical).collect();
        let from = physical.saturating_sub(self.longest);
        let from = self.mapped.partition_point(|m| m.physical < from);
        let near = self.mapped[from..]
            .iter()
            .take_while(|m| m.physical <= physical);
        found.extend(near.filter_map(|m| {
            let offset = physical - m.physical;
            (offset <= m.last - m.first).then(|| (m.first + offset, m.how))
        }));
        found.sort_unstable_by_key(|(address, _)| *address);
        found
    }
}
