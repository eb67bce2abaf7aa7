//! A machine with Xen on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ia64save_codec::transfer::ports::{Errno, PortCall};

use super::count::{Counts, Leftovers, Op};
use super::domain::Domain;
use super::era::Era;
use super::fault::{Fault, Faults};
use super::machine::Machine;
use super::memory::Pool;

/// Number of a domain.
pub type DomId = u32;

/// A machine with Xen on it. Clones are handles of the same machine.
#[derive(Clone)]
pub struct Host {
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    pub(crate) machine: Machine,
    pub(crate) domains: BTreeMap<DomId, Domain>,
    next: DomId,
    pub(crate) pool: Arc<Pool>,
    pub(crate) now: Duration,
    pub(crate) counts: Counts,
    pub(crate) faults: Faults,
    /// The buffer of the last context that was set or given.
    pub(crate) buffer: Vec<u8>,
    /// Why the machine answers nothing any more.
    pub(crate) down: Option<Down>,
    /// Who is told of every call of a port.
    onlooker: Option<Onlooker>,
}

/// Somebody who is told of every call of a port before it is made: he may do anything meanwhile, as guests
/// and others do, and may have the call fail.
pub type Onlooker = Box<dyn FnMut(&Host, DomId, PortCall) -> Option<Fault> + Send>;

/// Why a machine went down, with all domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// The hypervisor crashed the domain that made a call, which was the control domain.
    ControlDomain,
    /// The hypervisor met its own assertion, or did not come back from a call.
    Hypervisor,
}

impl Host {
    /// A machine without domains.
    pub fn new(machine: Machine) -> Self {
        Host {
            state: Arc::new(Mutex::new(State {
                machine,
                domains: BTreeMap::new(),
                next: 1,
                pool: Arc::default(),
                now: Duration::ZERO,
                counts: Counts::default(),
                faults: Faults::default(),
                buffer: Vec::new(),
                down: None,
                onlooker: None,
            })),
        }
    }

    /// A machine of that era, plain.
    pub fn of(era: impl Into<Era>) -> Self {
        Host::new(Machine::new(era.into()))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here leaves the state half changed when it panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the machine keeps the memory of domains that go, scrubbed, for those that come; and
    /// it has enough for so many pages at hand. Otherwise each domain's memory comes from the system
    /// and goes back there.
    pub fn keep_memory(&self, pages: u64) {
        let state = self.state();
        state.pool.warm(state.machine.page_size, pages);
    }

    /// What the machine is like.
    pub fn machine(&self) -> Machine {
        self.state().machine
    }

    /// Why the machine answers nothing any more: every call fails with `EIO` then, as to a control
    /// domain that has lost its hypervisor.
    pub fn down(&self) -> Option<Down> {
        self.state().down
    }

    /// Domains that were not destroyed, ascending.
    pub fn domains(&self) -> Vec<DomId> {
        let state = self.state();
        let alive = state.domains.iter().filter(|(_, domain)| !domain.dying);
        alive.map(|(domid, _)| *domid).collect()
    }

    /// How often each operation was called.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Begins to count anew.
    pub fn reset_counts(&self) {
        self.state().counts = Counts::default();
    }

    /// What the machine holds.
    pub fn leftovers(&self) -> Leftovers {
        let state = self.state();
        let mut left = Leftovers::default();
        for domain in state.domains.values() {
            left.domains += u64::from(!domain.dying);
            left.zombies += u64::from(domain.dying);
            left.mapped_pages += domain.mapped_pages;
            left.exposed_p2ms += u64::from(domain.exposed);
            left.log_dirty += u64::from(domain.memory.log_dirty());
            left.device_model_logs += u64::from(domain.device_model.recording);
            left.paused += u64::from(domain.paused && !domain.dying);
        }
        left
    }

    /// Counts a call that a driver makes by another way than the ports, and says whether it is planned
    /// to fail.
    pub fn strike(&self, call: PortCall) -> Option<Fault> {
        self.faults(|faults| faults.next(call))
    }

    /// Has somebody look on, or nobody any more.
    pub fn look_on(&self, onlooker: Option<Onlooker>) {
        self.state().onlooker = onlooker;
    }

    /// Tells whoever looks on. What he does himself he is not told.
    pub(crate) fn tell(&self, domid: DomId, call: PortCall) -> Option<Fault> {
        let mut onlooker = self.state().onlooker.take()?;
        let fault = onlooker(self, domid, call);
        self.state().onlooker.get_or_insert(onlooker);
        fault
    }

    /// Looks at or changes which calls fail.
    pub fn faults<T>(&self, with: impl FnOnce(&mut Faults) -> T) -> T {
        with(&mut self.state().faults)
    }
}

impl State {
    pub(crate) fn count(&mut self, op: Op) {
        *self.counts.calls.entry(op).or_default() += 1;
    }

    /// A domain that was not destroyed.
    pub(crate) fn domain(&mut self, domid: DomId) -> Result<&mut Domain, Errno> {
        self.up()?;
        let domain = self.domains.get_mut(&domid);
        domain.filter(|domain| !domain.dying).ok_or(Errno::ESRCH)
    }

    /// A domain, destroyed or not.
    pub(crate) fn any_domain(&mut self, domid: DomId) -> Result<&mut Domain, Errno> {
        self.up()?;
        self.domains.get_mut(&domid).ok_or(Errno::ESRCH)
    }

    /// Fails where the machine is down.
    pub(crate) fn up(&self) -> Result<(), Errno> {
        match self.down {
            Some(_) => Err(Errno::EIO),
            None => Ok(()),
        }
    }

    pub(crate) fn add(&mut self, domain: Domain) -> DomId {
        let domid = self.next;
        self.next += 1;
        self.domains.insert(domid, domain);
        domid
    }

    /// Pages of the machine that no domain has.
    pub(crate) fn free_pages(&self) -> u64 {
        let taken: u64 = self.domains.values().map(|d| d.memory.pages()).sum();
        self.machine.pages.saturating_sub(taken)
    }

    /// Lets go of a domain that was destroyed and that nothing holds any more.
    pub(crate) fn reap(&mut self, domid: DomId) {
        let gone = self
            .domains
            .get(&domid)
            .is_some_and(|domain| domain.dying && !domain.is_held());
        if gone {
            self.domains.remove(&domid);
        }
    }
}
