//! The transport that the suites run over: an agent process before the simulated kernel.
//!
//! ```text
//!   Way -> Agent ~~ pipes ~~ protocol.c + bridge.c ~~ socket ~~ Process: Privcmd, FakeDevice
//! ```
//!
//! A suite opens thousands of these. Processes are kept for the next, with another kernel behind them.

use std::sync::{Mutex, PoisonError};

use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_sim::Host;
use ia64save_xen::Transport;
use ia64save_xen::agent::{Agent, Options};
use ia64save_xen::transport::{DomainId, Geometry, Hypercall, Layout, Region};

use crate::bridge::Bridged;
use crate::process::{Process, Slot};

/// An agent process, and where its kernel goes.
struct Kept {
    slot: Slot,
    bridged: Bridged<Slot>,
}

/// Processes that nobody uses.
static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// The transport: an agent.
pub struct Way {
    kept: Option<Kept>,
    regions: Vec<Region>,
}

/// To the control domain of a host.
pub fn open(host: &Host) -> Way {
    Way::to(host)
}

impl Way {
    fn to(host: &Host) -> Self {
        let page_size = host.machine().page_size;
        let mut free = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free
            .iter()
            .position(|kept| kept.slot.page_size == page_size);
        let kept = found.map(|index| free.swap_remove(index));
        drop(free);
        let kept = kept.unwrap_or_else(|| {
            let slot = Slot::new(page_size);
            // As many pages at once as without an agent, so that as many calls are made.
            let options = Options {
                chunk: 16 << 20,
                window: 64 << 20,
                ..Options::default()
            };
            let bridged = Bridged::start(slot.clone(), &options);
            Kept { slot, bridged }
        });
        *kept
            .slot
            .process
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Process::new(host));
        Way {
            kept: Some(kept),
            regions: Vec::new(),
        }
    }

    fn agent(&mut self) -> &mut Agent {
        &mut self
            .kept
            .as_mut()
            .expect("until it is dropped")
            .bridged
            .agent
    }
}

impl Drop for Way {
    /// What a connection's end does, without ending the process.
    fn drop(&mut self) {
        for region in std::mem::take(&mut self.regions) {
            let _ = self.agent().release(region);
        }
        if let Some(kept) = self.kept.take() {
            let mut process = kept
                .slot
                .process
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *process = None;
            drop(process);
            if kept.bridged.agent.failure().is_none() {
                KEPT.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(kept);
            } else if !std::thread::panicking() {
                panic!("{}", kept.bridged.agent.failure().expect("a failure"));
            }
        }
    }
}

impl Transport for Way {
    fn geometry(&self) -> Geometry {
        self.kept
            .as_ref()
            .expect("until it is dropped")
            .bridged
            .agent
            .geometry()
    }
    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        self.agent().hypercall(call)
    }
    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.agent()
            .read_foreign(domain, frames, out, layout, results)
    }
    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.agent()
            .write_foreign(domain, frames, data, layout, results)
    }
    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.agent().clear_foreign(domain, frames, results)
    }
    fn reserve(&mut self, bytes: usize) -> Result<Region, Errno> {
        let region = self.agent().reserve(bytes)?;
        self.regions.push(region);
        Ok(region)
    }
    fn read_region(&mut self, region: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno> {
        self.agent().read_region(region, offset, out)
    }
    fn release(&mut self, region: Region) -> Result<(), Errno> {
        self.agent().release(region)?;
        self.regions.retain(|other| *other != region);
        Ok(())
    }
}
