//! Guest physical memory by address, whatever pages it lies on.

use crate::memory::Memory;
use crate::size::place;

/// Bits of the physical addresses that a page table entry can hold.
pub(super) const PHYSICAL_LOG2: u32 = 50;

/// Reads up to the first byte that is not there; gives how many were read.
pub(super) fn read(memory: &Memory<'_>, address: u64, into: &mut [u8]) -> usize {
    let size = memory.page_size();
    let mut done = 0;
    while done < into.len() {
        let Some(at) = address.checked_add(done as u64) else {
            break;
        };
        let Some(page) = at.checked_div(size).and_then(|pfn| memory.page(pfn)) else {
            break;
        };
        let from = &page[place(at % size).min(page.len())..];
        let count = from.len().min(into.len() - done);
        if count == 0 {
            break;
        }
        into[done..done + count].copy_from_slice(&from[..count]);
        done += count;
    }
    done
}

/// The 8 bytes at an address.
pub(super) fn word(memory: &Memory<'_>, address: u64) -> Option<u64> {
    let mut word = [0; 8];
    (read(memory, address, &mut word) == 8).then(|| u64::from_le_bytes(word))
}

/// The words of a piece of memory, in order, that are not 0, each with its address; ends before what is not
/// there. The length is a multiple of 8.
pub(super) fn used<'a>(
    memory: &'a Memory<'_>,
    address: u64,
    length: u64,
) -> impl Iterator<Item = (u64, u64)> + 'a {
    /// Bytes that are read at once.
    const BLOCK: usize = 512;
    (0..length.div_ceil(BLOCK as u64))
        .map_while(move |number| {
            let mut block = [0; BLOCK];
            let at = address.checked_add(number * BLOCK as u64)?;
            let wanted = place(length - number * BLOCK as u64).min(BLOCK);
            let count = read(memory, at, &mut block[..wanted]);
            (count > 0).then_some((at, block, count))
        })
        .flat_map(|(at, block, count)| {
            let words = (0..count / 8).filter_map(move |index| {
                let word = block.get(index * 8..)?.first_chunk()?;
                Some((at + index as u64 * 8, u64::from_le_bytes(*word)))
            });
            words.filter(|(_, word)| *word != 0)
        })
}

/// Whether there is a page.
pub(super) fn has(memory: &Memory<'_>, address: u64) -> bool {
    let pfn = address.checked_div(memory.page_size());
    pfn.is_some_and(|pfn| memory.run_of(pfn).is_some())
}
