//! What stands in a buffer of the hypervisor that nobody has cleared.

use ia64save_codec::era::Unset;
use ia64save_generate::Random;

/// What the hypervisor's heap holds where it gives memory out: get-context of eras before 2007-10-21
/// filled only part of the buffer that it returned, and never cleared it (spec 12.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heap {
    /// Zeros, as in a heap that was hardly used.
    #[default]
    Zeros,
    /// One byte everywhere, as in a heap that a test has filled.
    Filled(u8),
    /// Old words of other objects, which depend on this seed: addresses of the hypervisor, small
    /// numbers, noise. Of a buffer of whole pages most is zeros.
    Words(u64),
    /// The contents of the last context that was set or given: the buffer of one call is that of the
    /// next. Zeros at first.
    Reused,
}

impl Heap {
    /// A buffer, as the allocator returns it. `last` is the buffer that was given back last.
    pub(crate) fn buffer(self, size: usize, kind: Unset, last: &[u8], call: u64) -> Vec<u8> {
        let mut bytes = vec![0; size];
        match self {
            _ if kind == Unset::Zero => {}
            Heap::Zeros => {}
            Heap::Filled(byte) => bytes.fill(byte),
            Heap::Reused => {
                let known = last.len().min(size);
                bytes[..known].copy_from_slice(&last[..known]);
            }
            Heap::Words(seed) => {
                let mut random = Random::new(seed, &[call]);
                for block in bytes.chunks_mut(512) {
                    if kind == Unset::Pages && random.below(8) != 0 {
                        continue;
                    }
                    for word in block.chunks_mut(8) {
                        let old = match random.below(4) {
                            0 => 0,
                            1 => 0xf000_0000_0400_0000 | random.below(1 << 26) & !7,
                            2 => random.below(256),
                            _ => random.word(),
                        };
                        word.copy_from_slice(&old.to_le_bytes()[..word.len()]);
                    }
                }
            }
        }
        bytes
    }
}
