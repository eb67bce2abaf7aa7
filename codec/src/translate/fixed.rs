//! What is mapped without page tables.

use alloc::vec::Vec;

use super::geometry::IN_REGION;
use super::how::How;
use super::physical::{self, PHYSICAL_LOG2};
use super::registers::Registers;
use super::tr::{RID, Register};
use crate::memory::Memory;

/// What a physical address has in bit 63 when the access is uncached.
const UNCACHED: u64 = 1 << 63;
/// The per-cpu area of Linux: the end of the address space.
const PER_CPU: u64 = 0xffff_ffff_ffff_0000;

/// A range of virtual addresses with what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First virtual address.
    pub first: u64,
    /// Last virtual address.
    pub last: u64,
    /// Guest physical address of the first.
    pub physical: u64,
    /// What says so.
    pub how: How,
}

impl Mapping {
    /// The part of it from one address to another, both within it.
    pub(super) fn part(&self, first: u64, last: u64) -> Self {
        Mapping {
            first,
            last,
            physical: self.physical + (first - self.first),
            how: self.how,
        }
    }

    /// Takes what follows it in both respects; whether it did.
    pub(super) fn push(&mut self, next: &Mapping) -> bool {
        let follows = self.last.checked_add(1) == Some(next.first)
            && self.how == next.how
            && self.physical + (self.last - self.first) + 1 == next.physical;
        if follows {
            self.last = next.last;
        }
        follows
    }
}

/// Mappings that registers make, and those that Linux's handlers make without a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed {
    /// Ascending, without overlap.
    pub mappings: Vec<Mapping>,
    /// Registers whose region id is not that of their region register.
    pub inactive: Vec<Register>,
    /// Registers that another mapping hides in part, with a different page behind.
    pub hidden: Vec<Register>,
}

impl Fixed {
    /// In the order in which they win. `processes`: the addresses of processes are asked for, whatever the
    /// vcpu did when it stopped.
    pub fn new(registers: &Registers, memory: &Memory<'_>, processes: bool) -> Self {
        let mut fixed = Fixed::default();
        if registers.physical && !processes {
            for base in [0, UNCACHED] {
                fixed.one_to_one(base, How::Physical);
            }
        }
        for register in &registers.translations {
            let rid = registers.rr[register.region()].map(|rr| rr & RID);
            if rid.is_some_and(|rid| rid != register.rid) {
                fixed.inactive.push(*register);
                continue;
            }
            let mapping = Mapping {
                first: register.first,
                last: register.last(),
                physical: register.physical,
                how: How::Register(register.slot),
            };
            if fixed.contradicts(&mapping) {
                fixed.hidden.push(*register);
            }
            fixed.add(mapping);
        }
        // ar.k3 is what has to be added to an address of the area.
        let per_cpu = registers.kr(3).map(|k3| k3.wrapping_add(PER_CPU));
        let there = |at: &u64| at.is_multiple_of(0x1000) && *at >> PHYSICAL_LOG2 == 0;
        if let Some(physical) = per_cpu
            .filter(there)
            .filter(|at| physical::has(memory, *at))
        {
            fixed.add(Mapping {
                first: PER_CPU,
                last: u64::MAX,
                physical,
                how: How::PerCpu,
            });
        }
        for region in [7u8, 6] {
            fixed.one_to_one(u64::from(region) << 61, How::OneToOne(region));
        }
        fixed
    }

    /// What maps an address.
    pub fn of(&self, address: u64) -> Option<&Mapping> {
        let place = self.place(address);
        self.mappings.get(place).filter(|m| m.first <= address)
    }

    /// The first mapping that ends at an address or behind it.
    pub fn place(&self, address: u64) -> usize {
        self.mappings.partition_point(|m| m.last < address)
    }

    fn one_to_one(&mut self, base: u64, how: How) {
        let reach = match how {
            How::Physical => IN_REGION,
            _ => (1 << PHYSICAL_LOG2) - 1,
        };
        self.add(Mapping {
            first: base,
            last: base | reach,
            physical: 0,
            how,
        });
    }

    /// Adds what is not mapped yet.
    fn add(&mut self, new: Mapping) {
        let mut parts = Vec::new();
        let mut from = Some(new.first);
        for old in &self.mappings {
            let Some(first) = from else { break };
            if old.last < first {
                continue;
            }
            if old.first > new.last {
                break;
            }
            if old.first > first {
                parts.push(new.part(first, old.first - 1));
            }
            from = old.last.checked_add(1).filter(|next| *next <= new.last);
        }
        if let Some(first) = from {
            parts.push(new.part(first, new.last));
        }
        self.mappings.extend(parts);
        self.mappings.sort_unstable_by_key(|mapping| mapping.first);
    }

    /// Whether an address of it is mapped to something else already.
    fn contradicts(&self, new: &Mapping) -> bool {
        self.mappings.iter().any(|old| {
            let first = old.first.max(new.first);
            first <= old.last.min(new.last)
                && old.part(first, first).physical != new.part(first, first).physical
        })
    }
}
