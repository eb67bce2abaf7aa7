//! Populating, writing, giving back.

use alloc::collections::BTreeSet;
use alloc::format;
use core::ops::Range;

use super::Restore;
use crate::code::Code;
use crate::error::Error;
use crate::grammar::{PageRun, PfnRun};
use crate::transfer::error::Cause;
use crate::transfer::ports::{Errno, P2mEntry, Populated, PortCall, PortError, TargetDomain};

/// Pages of one call that populates all of a domain.
const CHUNK: u64 = 1024;

impl<T: TargetDomain> Restore<'_, T> {
    /// Page records: populates what is missing, then copies all.
    pub(super) fn pages(&mut self, offset: u64, run: PageRun<'_>) -> Result<(), Cause> {
        for (index, pfn) in run.gmfns().enumerate() {
            if !self.is_ram(pfn) {
                let at = offset + (index * run.stride()) as u64;
                let path = format!("pages[{}].gmfn", self.done.records + index as u64);
                return Err(Error::new(Code::PageOutsideRam, at, path)
                    .length(8)
                    .expected("RAM by the memory map")
                    .found(format!("{pfn:#x}"))
                    .into());
            }
        }
        self.find(run.gmfns(), false)?;
        self.populate_found()?;
        self.results.clear();
        self.results.resize(run.len(), Ok(()));
        self.target.write_pages(run, &mut self.results)?;
        for (pfn, result) in run.gmfns().zip(&self.results) {
            if let Err(errno) = *result {
                let call = PortCall::WritePages;
                return Err(Cause::Page { call, pfn, errno });
            }
            self.done.records += 1;
        }
        Ok(())
    }

    /// Pages that the saver's domain had given back: some were sent before.
    pub(super) fn unallocated(&mut self, run: PfnRun<'_>) -> Result<(), Cause> {
        self.find(run.pfns(), true)?;
        if self.pfns.is_empty() {
            return Ok(());
        }
        let asked = self.pfns.len() as u64;
        let done = self.target.decrease_reservation(&self.pfns)?;
        if done < asked {
            return Err(short(PortCall::DecreaseReservation, Errno::EINVAL, done));
        }
        self.done.decreased.extend(self.pfns.iter().copied());
        Ok(())
    }

    /// Gives the domain one page if it has none there.
    pub(super) fn populate_one(&mut self, pfn: u64) -> Result<(), Cause> {
        self.find(core::iter::once(pfn), false)?;
        self.populate_found()
    }

    /// Gives the domain memory at these pfns.
    pub(super) fn populate(&mut self, pfns: &[u64]) -> Result<(), Cause> {
        self.pfns.clear();
        self.pfns.extend_from_slice(pfns);
        self.populate_found()
    }

    /// Gives the domain all pages below `p2m_size`.
    pub(super) fn populate_all(&mut self, p2m_size: u64) -> Result<(), Cause> {
        let mut next = 0;
        while next < p2m_size {
            let end = p2m_size.min(next + CHUNK);
            self.pfns.clear();
            self.pfns.extend(next..end);
            self.populate_found()?;
            next = end;
        }
        Ok(())
    }

    fn populate_found(&mut self) -> Result<(), Cause> {
        if self.pfns.is_empty() {
            return Ok(());
        }
        let Populated { done, error } = self.target.populate(&self.pfns)?;
        let asked = self.pfns.len();
        let done = usize::try_from(done).unwrap_or(asked).min(asked);
        self.done
            .populated
            .extend(self.pfns[..done].iter().copied());
        if done < asked {
            let errno = error.unwrap_or(Errno::ENOMEM);
            return Err(short(PortCall::Populate, errno, done as u64));
        }
        Ok(())
    }

    /// Collects in `self.pfns`, in their order and each once, those of `pfns` that the domain has
    /// (or has not) memory at.
    fn find(&mut self, pfns: impl ExactSizeIterator<Item = u64>, there: bool) -> Result<(), Cause> {
        self.pfns.clear();
        let mut ascending = true;
        let mut seen = BTreeSet::new();
        let mut pfns = pfns.peekable();
        while let Some(first) = pfns.next() {
            let mut run = first..first.saturating_add(1);
            while run.end < u64::MAX && pfns.next_if_eq(&run.end).is_some() {
                run.end += 1;
            }
            self.look(&run)?;
            for (pfn, entry) in run.zip(&self.entries) {
                if entry.is_allocated() != there {
                    continue;
                }
                if ascending && self.pfns.last().is_some_and(|last| *last >= pfn) {
                    ascending = false;
                    seen.extend(self.pfns.iter().copied());
                }
                if ascending || seen.insert(pfn) {
                    self.pfns.push(pfn);
                }
            }
        }
        Ok(())
    }

    /// The p2m entries of consecutive pfns.
    fn look(&mut self, run: &Range<u64>) -> Result<(), Cause> {
        let pages = (run.end - run.start) as usize;
        self.entries.clear();
        self.entries.resize(pages, P2mEntry::EMPTY);
        self.target.read_p2m(run.start, &mut self.entries)?;
        Ok(())
    }
}

fn short(call: PortCall, errno: Errno, done: u64) -> Cause {
    Cause::Port(PortError { call, errno, done })
}
