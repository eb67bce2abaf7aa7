//! Page tables: the walk for one address, as the guest's own miss handler does it.

use super::fault::{Entry, Fault, NoDirectory, Nonsense};
use super::fixed::Fixed;
use super::geometry::{Geometry, IN_REGION, PAGES};
use super::handler;
use super::how::{How, Origin};
use super::physical::{self, PHYSICAL_LOG2};
use super::registers::Registers;
use crate::memory::Memory;

/// Bits of a page's frame in an entry.
const FRAME: u64 = 0x0003_ffff_ffff_f000;
/// Size of pages where no region register says it.
const USUAL_PAGE: u32 = 14;
/// Levels where no table says it.
const USUAL_LEVELS: u32 = 3;
/// Most levels.
pub(super) const MOST_LEVELS: usize = 4;
/// Tables that are looked at to tell three levels from four.
const LOOKED_AT: u32 = 64;

/// A page directory, or why there is none.
pub type Directory = Result<(u64, Origin), NoDirectory>;

/// The page tables that count for a vcpu.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables {
    pub geometry: Geometry,
    /// Of regions 0 to 4.
    pub process: Directory,
    /// Of region 5.
    pub kernel: Directory,
}

/// A page that tables map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Guest physical address of its first byte.
    pub physical: u64,
    /// Its bytes.
    pub log2: u32,
}

impl Tables {
    pub fn new(registers: &Registers, fixed: &Fixed, memory: &Memory<'_>) -> Self {
        let known = [5, 0, 1, 2, 3].into_iter().find_map(|region| {
            let log2 = registers.page_log2(region)?;
            PAGES.contains(&log2).then_some(log2)
        });
        let mut tables = Tables {
            geometry: Geometry {
                page_log2: known.unwrap_or(USUAL_PAGE),
                levels: USUAL_LEVELS,
                assumed: true,
            },
            process: Err(NoDirectory::NoRegisters),
            kernel: Err(NoDirectory::Handler(registers.iva)),
        };
        if let Some(k7) = registers.kr(7) {
            let table = tables.is_table(memory, k7);
            tables.process = table
                .then_some((k7, Origin::Register))
                .ok_or(NoDirectory::Register(k7));
        }
        let named = handler::directory(memory, fixed, registers.iva, tables.geometry);
        if let Some((directory, at)) = named {
            tables.kernel = Ok((directory, Origin::Handler(at)));
        }
        tables.settle(memory, known.is_some());
        tables
    }

    /// The same with directories that the caller names.
    pub fn given(&mut self, memory: &Memory<'_>, process: Option<u64>, kernel: Option<u64>) {
        let of = |tables: &Self, at| {
            if tables.is_table(memory, at) {
                Ok((at, Origin::Given))
            } else {
                Err(NoDirectory::Given(at))
            }
        };
        if let Some(at) = process {
            self.process = of(self, at);
        }
        if let Some(at) = kernel {
            self.kernel = of(self, at);
        }
        if self.geometry.assumed {
            self.settle(memory, true);
        }
    }

    /// Whether a table may begin there.
    fn is_table(&self, memory: &Memory<'_>, at: u64) -> bool {
        at != 0 && at.is_multiple_of(self.geometry.page_size()) && physical::has(memory, at)
    }

    /// Finds out how many levels there are.
    fn settle(&mut self, memory: &Memory<'_>, page_is_known: bool) {
        let mut roots = [self.kernel, self.process].into_iter().flatten();
        let levels = roots.find_map(|(root, _)| self.levels_of(memory, root));
        self.geometry.levels = levels.unwrap_or(USUAL_LEVELS);
        self.geometry.assumed = levels.is_none() || !page_is_known;
    }

    /// The levels of the tables below a directory: what is in the third is the address of a table, which
    /// is a multiple of the page, or the entry of a page, which never is.
    fn levels_of(&self, memory: &Memory<'_>, root: u64) -> Option<u32> {
        let size = self.geometry.page_size();
        let used = |table: u64| physical::used(memory, table, size).map(|(_, word)| word);
        let mut left = LOOKED_AT;
        for middle in used(root).filter(|at| self.is_table(memory, *at)) {
            for last in used(middle).filter(|at| self.is_table(memory, *at)) {
                if let Some(word) = used(last).next() {
                    if word % size != 0 {
                        return Some(3);
                    }
                    if self.is_table(memory, word) {
                        return Some(4);
                    }
                }
                left = left.checked_sub(1)?;
            }
            left = left.checked_sub(1)?;
        }
        None
    }

    /// The directory of a region.
    pub fn directory(&self, region: usize) -> Directory {
        match region {
            5 => self.kernel,
            _ => self.process,
        }
    }

    /// What says what the tables of a region say.
    pub fn how(&self, root: (u64, Origin)) -> How {
        How::Table {
            directory: root.0,
            origin: root.1,
            assumed: self.geometry.assumed,
        }
    }

    /// Walks the tables for an address of regions 0 to 5, whose region has pages of so many bytes.
    pub fn walk(
        &self,
        memory: &Memory<'_>,
        address: u64,
        rr_log2: Option<u32>,
    ) -> Result<(Leaf, How), Fault> {
        let region = (address >> 61) as usize;
        let root = self.directory(region).map_err(|why| Fault::NoDirectory {
            region: region as u8,
            why,
        })?;
        let offset = address & IN_REGION;
        let reach_log2 = self.geometry.reach_log2(region);
        if offset >> reach_log2 != 0 {
            return Err(Fault::OutOfReach { reach_log2 });
        }
        let shift = self.geometry.shift(rr_log2);
        let mut way = [0; MOST_LEVELS];
        let mut table = root.0;
        for level in (0..self.geometry.levels).rev() {
            way[level as usize] = table;
            let index = self.geometry.index(region, level, offset >> shift);
            let entry = Tables::entry(memory, table, index, level, root.1)?;
            if level == 0 {
                return Ok((self.leaf(entry, shift)?, self.how(root)));
            }
            table = self.next(memory, entry)?;
            if way.contains(&table) {
                return Err(Fault::Nonsense(entry, Nonsense::Again));
            }
        }
        Err(Fault::NoPhysical)
    }

    /// An entry of a table.
    pub fn entry(
        memory: &Memory<'_>,
        table: u64,
        index: u64,
        level: u32,
        origin: Origin,
    ) -> Result<Entry, Fault> {
        let mut entry = Entry {
            at: table + index * 8,
            word: 0,
            level,
            origin,
        };
        match physical::word(memory, entry.at) {
            Some(word) => entry.word = word,
            None => return Err(Fault::Nonsense(entry, Nonsense::NoTable)),
        }
        Ok(entry)
    }

    /// The table that an entry names.
    pub fn next(&self, memory: &Memory<'_>, entry: Entry) -> Result<u64, Fault> {
        if entry.word == 0 {
            return Err(Fault::Unmapped(entry));
        }
        if !entry.word.is_multiple_of(self.geometry.page_size()) {
            return Err(Fault::Nonsense(entry, Nonsense::Unaligned));
        }
        if entry.word >> PHYSICAL_LOG2 != 0 || !physical::has(memory, entry.word) {
            return Err(Fault::Nonsense(entry, Nonsense::NoMemory));
        }
        Ok(entry.word)
    }

    /// The page of an entry of the last level.
    pub fn leaf(&self, entry: Entry, shift: u32) -> Result<Leaf, Fault> {
        if entry.word == 0 {
            return Err(Fault::Unmapped(entry));
        }
        if entry.word & 1 == 0 {
            return Err(Fault::NotPresent(entry));
        }
        let log2 = self.geometry.page_log2 + shift;
        Ok(Leaf {
            physical: entry.word & FRAME & !((1 << log2) - 1),
            log2,
        })
    }
}
