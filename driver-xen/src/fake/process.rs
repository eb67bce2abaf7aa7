//! The memory of the process that has the file open, and its mappings.

use std::collections::BTreeMap;

use ia64save_codec::transfer::ports::Errno;
use ia64save_sim::DomId;

use crate::privcmd::Access;

/// Where lent memory begins: region 1 of an ia64 process.
const LENT: u64 = 0x2000_0000_0000_0000;
/// Where mappings begin.
const MAPPED: u64 = 0x2000_0800_0000_0000;

/// What lies on a page of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Nothing,
    Page {
        domain: DomId,
        gpfn: u64,
    },
    /// A page of a domain's physical map.
    Table {
        domain: DomId,
        page: u64,
    },
}

struct Mapping {
    access: Access,
    pages: Vec<Content>,
}

pub(super) struct Process {
    page_size: u64,
    lent: BTreeMap<u64, Vec<u8>>,
    next_lent: u64,
    mappings: BTreeMap<u64, Mapping>,
    next_mapping: u64,
}

impl Process {
    pub(super) fn new(page_size: usize) -> Self {
        Process {
            page_size: page_size as u64,
            lent: BTreeMap::new(),
            next_lent: LENT,
            mappings: BTreeMap::new(),
            next_mapping: MAPPED,
        }
    }

    pub(super) fn lend(&mut self, bytes: &[u8]) -> u64 {
        let address = self.next_lent;
        // A page in between that nothing lies on, so that no overrun goes unnoticed.
        let pages = (bytes.len() as u64).div_ceil(self.page_size) + 1;
        self.next_lent += pages * self.page_size;
        self.lent.insert(address, bytes.to_vec());
        address
    }

    pub(super) fn reclaim(&mut self) {
        // Addresses are not used again: a pointer that was kept leads nowhere.
        self.lent.clear();
    }

    /// `copy_from_user`.
    pub(super) fn copy_in(&self, address: u64, bytes: usize) -> Result<Vec<u8>, Errno> {
        let (start, lent) = self
            .lent
            .range(..=address)
            .next_back()
            .ok_or(Errno::EFAULT)?;
        let at = (address - start) as usize;
        at.checked_add(bytes)
            .and_then(|end| lent.get(at..end))
            .map(<[u8]>::to_vec)
            .ok_or(Errno::EFAULT)
    }

    /// `copy_to_user`.
    pub(super) fn copy_out(&mut self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let found = self.lent.range_mut(..=address).next_back();
        let (start, lent) = found.ok_or(Errno::EFAULT)?;
        let at = (address - start) as usize;
        at.checked_add(bytes.len())
            .and_then(|end| lent.get_mut(at..end))
            .ok_or(Errno::EFAULT)?
            .copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn map(&mut self, bytes: usize, access: Access) -> u64 {
        let address = self.next_mapping;
        let pages = (bytes as u64).div_ceil(self.page_size);
        self.next_mapping += (pages + 1) * self.page_size;
        let pages = vec![Content::Nothing; pages as usize];
        self.mappings.insert(address, Mapping { access, pages });
        address
    }

    fn mapping(&self, address: u64) -> Option<(&Mapping, u64)> {
        let (start, mapping) = self.mappings.range(..=address).next_back()?;
        let offset = address - start;
        (offset / self.page_size < mapping.pages.len() as u64).then_some((mapping, offset))
    }

    /// A whole mapping that nothing lies on yet, of so many pages, for an ioctl to fill.
    pub(super) fn vacant(&self, address: u64, pages: usize) -> Result<Access, Errno> {
        let mapping = self.mappings.get(&address).ok_or(Errno::EINVAL)?;
        let vacant = mapping.pages.iter().all(|page| *page == Content::Nothing);
        if vacant && mapping.pages.len() == pages {
            Ok(mapping.access)
        } else {
            Err(Errno::EINVAL)
        }
    }

    pub(super) fn fill(&mut self, address: u64, content: Vec<Content>) {
        if let Some(mapping) = self.mappings.get_mut(&address) {
            mapping.pages = content;
        }
    }

    /// Pages of the whole mapping that begins here.
    pub(super) fn pages(&self, address: u64) -> Option<usize> {
        self.mappings
            .get(&address)
            .map(|mapping| mapping.pages.len())
    }

    /// What lies at an address, and how far inside of its page that is.
    pub(super) fn content(&self, address: u64) -> (Content, usize) {
        let (mapping, offset) = self.mapping(address).expect("SIGSEGV");
        let page = mapping.pages[(offset / self.page_size) as usize];
        (page, (offset % self.page_size) as usize)
    }

    pub(super) fn access(&self, address: u64) -> Access {
        self.mapping(address).expect("SIGSEGV").0.access
    }

    pub(super) fn unmap(&mut self, address: u64, bytes: usize) -> Vec<Content> {
        let mapping = self.mappings.remove(&address).expect("a mapping");
        let pages = (bytes as u64).div_ceil(self.page_size);
        assert_eq!(pages, mapping.pages.len() as u64, "the whole mapping");
        mapping.pages
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
