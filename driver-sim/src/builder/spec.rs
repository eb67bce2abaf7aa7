//! What a domain is to be like.

use std::ops::Range;

use ia64save_codec::Guest;
use ia64save_codec::wire::memmap::EfiMemoryDesc;

/// Pages that a guest of 16 KiB pages has for its firmware.
const FIRMWARE_PAGES: u64 = 1024;

/// What is in the memory of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Noise, and now and then a page of zeros.
    Random,
    /// A few bytes at the start of each page, the rest zeros: quick for large domains.
    Marked,
    /// Nothing: all zeros.
    Empty,
}

/// A domain that is to be built.
#[derive(Clone, Debug)]
pub struct GuestSpec {
    /// Paravirtual or fully virtualised.
    pub guest: Guest,
    /// Pages of RAM, without holes and firmware.
    pub pages: u64,
    /// Vcpus.
    pub vcpus: u32,
    /// Those of them that are down; 0 cannot be.
    pub offline: Vec<u32>,
    /// Pfns within RAM that no descriptor covers (PV).
    pub holes: Vec<Range<u64>>,
    /// Pages of RAM that the domain has given back.
    pub ballooned: u64,
    /// Pages of firmware (HVM).
    pub firmware: u64,
    /// What is in memory.
    pub contents: Contents,
    /// What all that is random depends on.
    pub seed: u64,
    /// The memory map, instead of one that fits: descriptors that overlap, or are not aligned to pages.
    pub descriptors: Option<Vec<EfiMemoryDesc>>,
    /// Pages of the memory map.
    pub memmap_pages: u64,
}

impl GuestSpec {
    /// A plain domain with so many pages of memory and one vcpu.
    pub fn new(guest: Guest, pages: u64) -> Self {
        GuestSpec {
            guest,
            pages,
            vcpus: 1,
            offline: Vec::new(),
            holes: Vec::new(),
            ballooned: 0,
            firmware: FIRMWARE_PAGES,
            contents: Contents::Random,
            seed: 1,
            descriptors: None,
            memmap_pages: 1,
        }
    }

    /// The ids of the vcpus that are up.
    pub fn online(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.vcpus).filter(|vcpu| *vcpu == 0 || !self.offline.contains(vcpu))
    }
}
