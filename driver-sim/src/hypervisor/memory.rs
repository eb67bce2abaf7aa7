//! The memory of a domain: pages by gpfn, what the p2m says of each, and which were written to.
//!
//! Pages live in chunks of 2048, as many as one page of page table entries maps. A chunk's bytes are
//! taken from the system when the first of its pages is written to, as one stretch of zeros, so that
//! an empty domain of 64 GiB costs its bitmaps and nothing more, and a run of pages is copied as fast
//! as memory goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::P2mEntry;

/// Pages of a chunk.
const CHUNK: u64 = 2048;
/// Machine frame of gpfn 0, so that frames are not mistaken for gpfns.
const FIRST_FRAME: u64 = 0x8_0000;
/// A page that is given back and taken again comes with another frame: bit of the first change.
const NEXT_FRAME: u32 = 25;
/// What every entry of a present page has besides: write-back, accessed, dirty, readable, writable.
const PTE_BITS: u64 = 0x0010_0000_0000_0660;

#[derive(Clone)]
struct Bits([u64; CHUNK as usize / 64]);

impl Bits {
    const NONE: Bits = Bits([0; CHUNK as usize / 64]);

    fn get(&self, n: u64) -> bool {
        self.0[(n / 64) as usize] >> (n % 64) & 1 == 1
    }

    fn set(&mut self, n: u64, on: bool) {
        let word = &mut self.0[(n / 64) as usize];
        *word = *word & !(1 << (n % 64)) | u64::from(on) << (n % 64);
    }
}

struct Chunk {
    /// Empty as long as nothing was written.
    bytes: Vec<u8>,
    mapped: Bits,
    allocated: Bits,
    io: Bits,
    /// Written to since the last clean.
    dirty: Bits,
    /// The next write by the guest will be noticed.
    tracked: Bits,
    /// How often each page was given back. Empty as long as none was.
    given_back: Vec<u8>,
}

impl Chunk {
    fn new() -> Self {
        Chunk {
            bytes: Vec::new(),
            mapped: Bits::NONE,
            allocated: Bits::NONE,
            io: Bits::NONE,
            dirty: Bits::NONE,
            tracked: Bits::NONE,
            given_back: Vec::new(),
        }
    }
}

/// Memory of the machine that no domain has at the moment, chunk by chunk, scrubbed. A machine that
/// keeps none takes what it needs from the system each time.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    chunks: Mutex<Option<Vec<Vec<u8>>>>,
}

impl Pool {
    /// Keeps memory from now on, and has as much of it at hand, touched, as these pages take.
    pub(crate) fn warm(&self, page_size: usize, pages: u64) {
        let count = pages.div_ceil(CHUNK);
        // Writing the last bit of each byte faults every page in.
        let chunks = (0..count).map(|_| {
            let mut chunk = vec![1; page_size * CHUNK as usize];
            chunk.fill(0);
            chunk
        });
        let chunks = chunks.collect();
        *self.chunks.lock().unwrap_or_else(PoisonError::into_inner) = Some(chunks);
    }

    fn take(&self) -> Option<Vec<u8>> {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        chunks.as_mut()?.pop()
    }

    fn give_back(&self, taken: impl Iterator<Item = Vec<u8>>) {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chunks) = chunks.as_mut() {
            chunks.extend(taken.filter(|chunk| !chunk.is_empty()).map(|mut chunk| {
                chunk.fill(0);
                chunk
            }));
        }
    }
}

pub(crate) struct Memory {
    page_size: usize,
    pool: Arc<Pool>,
    chunks: BTreeMap<u64, Box<Chunk>>,
    /// Pages that belong to the domain.
    pages: u64,
    log_dirty: bool,
    zeros: Vec<u8>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        let chunks = std::mem::take(&mut self.chunks).into_values();
        self.pool.give_back(chunks.map(|chunk| chunk.bytes));
    }
}

impl Memory {
    pub(crate) fn new(page_size: usize, pool: &Arc<Pool>) -> Self {
        Memory {
            page_size,
            pool: Arc::clone(pool),
            chunks: BTreeMap::new(),
            pages: 0,
            log_dirty: false,
            zeros: vec![0; page_size],
        }
    }

    pub(crate) fn page_size(&self) -> usize {
        self.page_size
    }

    pub(crate) fn pages(&self) -> u64 {
        self.pages
    }

    pub(crate) fn log_dirty(&self) -> bool {
        self.log_dirty
    }

    fn chunk(&self, gpfn: u64) -> Option<&Chunk> {
        self.chunks.get(&(gpfn / CHUNK)).map(|chunk| &**chunk)
    }

    fn chunk_mut(&mut self, gpfn: u64) -> &mut Chunk {
        let place = self.chunks.entry(gpfn / CHUNK);
        place.or_insert_with(|| Box::new(Chunk::new()))
    }

    /// Gives the domain a page. `false` where it has one already.
    pub(crate) fn add(&mut self, gpfn: u64) -> bool {
        let chunk = self.chunk_mut(gpfn);
        let at = gpfn % CHUNK;
        if chunk.mapped.get(at) {
            return false;
        }
        chunk.mapped.set(at, true);
        chunk.allocated.set(at, true);
        // Not tracked: a page that comes while log-dirty is on is written to unseen until the next
        // clean.
        chunk.tracked.set(at, false);
        chunk.dirty.set(at, false);
        self.pages += 1;
        true
    }

    /// Takes a page away. `false` where there is none.
    pub(crate) fn remove(&mut self, gpfn: u64) -> bool {
        let at = gpfn % CHUNK;
        let Some(chunk) = self.chunks.get_mut(&(gpfn / CHUNK)) else {
            return false;
        };
        if !chunk.mapped.get(at) || chunk.io.get(at) {
            return false;
        }
        chunk.mapped.set(at, false);
        chunk.dirty.set(at, false);
        chunk.tracked.set(at, false);
        chunk.given_back.resize(CHUNK as usize, 0);
        chunk.given_back[at as usize] = chunk.given_back[at as usize].wrapping_add(1);
        if chunk.allocated.get(at) {
            chunk.allocated.set(at, false);
            self.pages -= 1;
        }
        true
    }

    /// Maps a frame of a device.
    pub(crate) fn add_io(&mut self, gpfn: u64) {
        let chunk = self.chunk_mut(gpfn);
        chunk.mapped.set(gpfn % CHUNK, true);
        chunk.io.set(gpfn % CHUNK, true);
    }

    /// Leaves a page mapped that does not belong to the domain any more.
    pub(crate) fn disown(&mut self, gpfn: u64) {
        let chunk = self.chunk_mut(gpfn);
        if chunk.allocated.get(gpfn % CHUNK) {
            chunk.allocated.set(gpfn % CHUNK, false);
            self.pages -= 1;
        }
    }

    pub(crate) fn entry(&self, gpfn: u64) -> P2mEntry {
        self.chunk(gpfn)
            .map_or(P2mEntry::EMPTY, |chunk| entry_of(chunk, gpfn))
    }

    /// The entries from `first` on.
    pub(crate) fn entries(&self, first: u64, entries: &mut [P2mEntry]) {
        let mut gpfn = first;
        let mut left = entries;
        while !left.is_empty() {
            let stretch = (CHUNK - gpfn % CHUNK).min(left.len() as u64);
            let (now, later) = left.split_at_mut(stretch as usize);
            match self.chunk(gpfn) {
                None => now.fill(P2mEntry::EMPTY),
                Some(chunk) => {
                    for (entry, gpfn) in now.iter_mut().zip(gpfn..) {
                        *entry = entry_of(chunk, gpfn);
                    }
                }
            }
            gpfn = gpfn.saturating_add(stretch);
            left = later;
        }
    }

    /// One more than the highest gpfn below `bound` that has a page; 0 where none has.
    pub(crate) fn end_below(&self, bound: u64) -> u64 {
        let chunks = self.chunks.range(..bound.div_ceil(CHUNK)).rev();
        for (number, chunk) in chunks {
            for at in (0..CHUNK).rev() {
                let gpfn = number * CHUNK + at;
                if gpfn < bound && chunk.mapped.get(at) && !chunk.io.get(at) {
                    return gpfn + 1;
                }
            }
        }
        0
    }

    /// The gpfns that have a page of memory, ascending.
    pub(crate) fn present(&self) -> impl Iterator<Item = u64> + '_ {
        self.chunks.iter().flat_map(|(number, chunk)| {
            (0..CHUNK)
                .filter(|at| chunk.mapped.get(*at) && !chunk.io.get(*at))
                .map(move |at| number * CHUNK + at)
        })
    }

    /// A page, to be read.
    pub(crate) fn page(&self, gpfn: u64) -> Option<&[u8]> {
        let chunk = self.chunk(gpfn)?;
        let at = gpfn % CHUNK;
        if !chunk.mapped.get(at) {
            return None;
        }
        if chunk.bytes.is_empty() {
            return Some(&self.zeros);
        }
        let start = at as usize * self.page_size;
        chunk.bytes.get(start..start + self.page_size)
    }

    /// A page, to be written to by anybody but the guest: log-dirty does not notice.
    pub(crate) fn page_mut(&mut self, gpfn: u64) -> Option<&mut [u8]> {
        let page_size = self.page_size;
        let chunk = self.chunks.get_mut(&(gpfn / CHUNK))?;
        let at = gpfn % CHUNK;
        if !chunk.mapped.get(at) {
            return None;
        }
        if chunk.bytes.is_empty() {
            let spare = self.pool.take();
            chunk.bytes = spare.unwrap_or_else(|| vec![0; page_size * CHUNK as usize]);
        }
        let start = at as usize * page_size;
        chunk.bytes.get_mut(start..start + page_size)
    }

    /// The guest writes to a page of its own. `false` where there is none.
    pub(crate) fn guest_page(&mut self, gpfn: u64) -> Option<&mut [u8]> {
        let log_dirty = self.log_dirty;
        let chunk = self.chunks.get_mut(&(gpfn / CHUNK))?;
        let at = gpfn % CHUNK;
        if log_dirty && chunk.tracked.get(at) {
            chunk.dirty.set(at, true);
        }
        self.page_mut(gpfn)
    }

    /// Begins to record. `false` where it is being done already.
    pub(crate) fn enable_log_dirty(&mut self) -> bool {
        if self.log_dirty {
            return false;
        }
        self.log_dirty = true;
        self.protect();
        true
    }

    pub(crate) fn disable_log_dirty(&mut self) {
        self.log_dirty = false;
        for chunk in self.chunks.values_mut() {
            chunk.dirty = Bits::NONE;
            chunk.tracked = Bits::NONE;
        }
    }

    fn protect(&mut self) {
        for chunk in self.chunks.values_mut() {
            chunk.dirty = Bits::NONE;
            chunk.tracked = chunk.mapped.clone();
        }
    }

    /// What was written to, as far as `dirty` reaches; all zeros where log-dirty is off. With `clean`
    /// the record begins anew.
    pub(crate) fn dirty(&mut self, dirty: &mut PfnBitmap, clean: bool) {
        dirty.clear();
        if !self.log_dirty {
            return;
        }
        let words = dirty.pfns().div_ceil(64);
        for (number, chunk) in self.chunks.range(..dirty.pfns().div_ceil(CHUNK)) {
            let first = number * (CHUNK / 64);
            let count = (words - first).min(CHUNK / 64) as usize;
            let place = &mut dirty.words_mut()[first as usize..][..count];
            place.copy_from_slice(&chunk.dirty.0[..count]);
        }
        let rest = dirty.pfns() % 64;
        if let (Some(last), 1..) = (dirty.words_mut().last_mut(), rest) {
            *last &= (1 << rest) - 1;
        }
        if clean {
            self.protect();
        }
    }
}

fn entry_of(chunk: &Chunk, gpfn: u64) -> P2mEntry {
    let at = gpfn % CHUNK;
    if !chunk.mapped.get(at) {
        return P2mEntry::EMPTY;
    }
    let given_back = chunk.given_back.get(at as usize).copied().unwrap_or(0);
    let frame = FIRST_FRAME + gpfn + (u64::from(given_back) << NEXT_FRAME);
    let mut pte = P2mEntry::PRESENT | PTE_BITS | frame << 14;
    if chunk.allocated.get(at) {
        pte |= P2mEntry::ALLOCATED;
    }
    if chunk.io.get(at) {
        pte |= P2mEntry::IO;
    }
    P2mEntry(pte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_seen_as_a_real_hypervisor_sees_them() {
        let mut memory = Memory::new(64, &Arc::default());
        for gpfn in [1, 5, 4000] {
            assert!(memory.add(gpfn) && !memory.add(gpfn));
        }
        let mut dirty = PfnBitmap::new(5000);
        let seen = |memory: &mut Memory, dirty: &mut PfnBitmap, clean| {
            memory.dirty(dirty, clean);
            dirty.iter().collect::<Vec<_>>()
        };
        memory.guest_page(1).unwrap()[0] = 1;
        assert_eq!(seen(&mut memory, &mut dirty, true), [0; 0]);
        assert!(memory.enable_log_dirty() && !memory.enable_log_dirty());
        memory.add(7);
        for gpfn in [5, 7, 4000] {
            memory.guest_page(gpfn).unwrap()[0] = 2;
        }
        memory.page_mut(1).unwrap()[0] = 3;
        assert_eq!(seen(&mut memory, &mut dirty, false), [5, 4000]);
        assert_eq!(seen(&mut memory, &mut dirty, true), [5, 4000]);
        assert_eq!(seen(&mut memory, &mut dirty, true), [0; 0]);
        memory.guest_page(7).unwrap()[0] = 4;
        memory.guest_page(4000).unwrap()[0] = 4;
        let mut short = PfnBitmap::new(70);
        assert_eq!(seen(&mut memory, &mut short, false), [7]);
        memory.disable_log_dirty();
        assert_eq!(seen(&mut memory, &mut dirty, false), [0; 0]);
    }

    #[test]
    fn entries_say_what_is_there() {
        let mut memory = Memory::new(64, &Arc::default());
        memory.add(2047);
        memory.add(2048);
        memory.add_io(2050);
        memory.add(3);
        memory.disown(3);
        let mut entries = [P2mEntry::EMPTY; 6];
        memory.entries(2046, &mut entries);
        assert_eq!(
            entries.map(P2mEntry::is_allocated),
            [false, true, true, false, false, false]
        );
        assert!(entries[4].is_mapped() && !entries[4].is_present());
        assert!(memory.entry(3).is_present() && !memory.entry(3).is_allocated());
        assert_eq!((memory.pages(), memory.end_below(1 << 30)), (2, 2049));
        assert_eq!(memory.present().collect::<Vec<_>>(), [3, 2047, 2048]);
        let frame = memory.entry(2047).frame();
        assert!(memory.remove(2047) && !memory.remove(2047) && !memory.remove(2050));
        assert!(memory.add(2047) && memory.entry(2047).frame() != frame);
        assert!(memory.remove(2047));
        assert_eq!(memory.page(2048), Some(&[0; 64][..]));
        assert_eq!(memory.page(2047), None);
    }
}
