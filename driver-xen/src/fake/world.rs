//! What a recording does not hold.

use std::collections::{BTreeMap, BTreeSet};

/// What a recording does not hold: memory that was mapped, and the ends of long answers.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Pfns that have memory.
    pub present: BTreeSet<u64>,
    /// The machine frame of pfn 0, where tools name pages so: those of the others count down from it.
    pub machine: Option<u64>,
    /// Pages by the frame that they are mapped by. All others hold zeros.
    pub pages: BTreeMap<u64, Vec<u8>>,
    /// Contexts by vcpu, of which a recording has the beginning.
    pub contexts: BTreeMap<u32, Vec<u8>>,
    /// Where the hypervisor's own register stacks begin, which no recorded driver asked for.
    pub rbs_voff: u32,
    /// The HVM context, of which a recording has the beginning.
    pub hvm_context: Vec<u8>,
    /// A new domain's UUID is whatever the caller draws.
    pub any_handle: bool,
}

impl World {
    /// The frame by which tools name a pfn; `!0` where it has no memory.
    pub(super) fn frame(&self, pfn: u64) -> u64 {
        if self.present.contains(&pfn) {
            self.machine.map_or(pfn, |first| first.wrapping_sub(pfn))
        } else {
            u64::MAX
        }
    }
}

/// The memory map of the recorded guests: one descriptor, of RAM.
pub(super) fn memmap() -> Vec<u8> {
    let words: [u64; 8] = [40, 40, 1, 7, 0, 0, 0x40_0000 >> 12, 8];
    let mut page: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    page.resize(16384, 0);
    page
}
