//! What strangers may take: places and memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ia64save::migration::Connection;

use crate::cli::render::size::human;

/// The connections that are open.
#[derive(Debug)]
pub struct Places {
    most: usize,
    taken: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// By age. Those that have not greeted keep a handle by which they are ended.
    open: BTreeMap<u64, Option<Connection>>,
}

impl Places {
    /// For so many.
    pub fn new(most: u32) -> Self {
        Places {
            most: most as usize,
            taken: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection. Where there is none, the one ends that is longest there without a
    /// greeting: who only holds the door keeps nobody out. `None` where all have greeted.
    pub fn take(&self, connection: &Connection) -> Option<Place<'_>> {
        let handle = connection.try_clone().ok()?;
        let mut state = self.lock();
        if state.open.len() >= self.most {
            let silent = state.open.iter().find(|(_, handle)| handle.is_some());
            let oldest = silent.map(|(number, _)| *number)?;
            if let Some(Some(handle)) = state.open.remove(&oldest) {
                let _ = handle.end();
            }
        }
        let number = state.next;
        state.next += 1;
        state.open.insert(number, Some(handle));
        Some(Place {
            places: self,
            number,
        })
    }

    #[cfg(test)]
    fn open(&self) -> usize {
        self.lock().open.len()
    }
}

/// A place that a connection has.
#[derive(Debug)]
pub struct Place<'a> {
    places: &'a Places,
    number: u64,
}

impl Place<'_> {
    /// It has greeted, and is not ended for another.
    pub fn greeted(&self) {
        if let Some(handle) = self.places.lock().open.get_mut(&self.number) {
            *handle = None;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.lock().open.remove(&self.number);
    }
}

/// Memory that all domains that come have together.
#[derive(Debug)]
pub struct Budget {
    all: u64,
    free: AtomicU64,
}

impl Budget {
    /// So many bytes; without a number, half of what there is.
    pub fn new(bytes: Option<u64>) -> Self {
        let all = bytes.unwrap_or_else(|| there_is() / 2);
        Budget {
            all,
            free: AtomicU64::new(all),
        }
    }

    /// Sets so many bytes aside.
    ///
    /// # Errors
    /// Where there are not as many: what there is, for people.
    pub fn claim(&self, bytes: u64) -> Result<Claim<'_>, String> {
        let taken = self
            .free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
                free.checked_sub(bytes)
            });
        match taken {
            Ok(_) => Ok(Claim {
                budget: self,
                bytes,
            }),
            Err(free) => Err(format!(
                "the domain wants {}, and {} of {} are free here (--max-memory)",
                human(bytes),
                human(free),
                human(self.all)
            )),
        }
    }
}

/// Memory that is set aside.
#[derive(Debug)]
pub struct Claim<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

/// Keeps what an allocator sets aside for each thread from taking more than the domains do: connections
/// are many, and allocate little.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub fn share_memory() {
    // SAFETY: a setting of the allocator, made before there are threads to be surprised.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn share_memory() {}

/// Memory of this machine, or what this process may still have of it.
#[cfg(target_os = "linux")]
fn there_is() -> u64 {
    use rustix::process::{Resource, getrlimit};
    let system = rustix::system::sysinfo();
    let machine = (system.totalram as u64).saturating_mul(u64::from(system.mem_unit));
    let limit = getrlimit(Resource::As).current.unwrap_or(u64::MAX);
    machine.min(limit.saturating_sub(taken()))
}

/// Address space that this process has.
#[cfg(target_os = "linux")]
fn taken() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

#[cfg(not(target_os = "linux"))]
fn there_is() -> u64 {
    2 << 30
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn memory_is_given_once() {
        let budget = Budget::new(Some(100));
        let first = budget.claim(60).unwrap();
        let refused = budget.claim(41).unwrap_err();
        assert!(refused.contains("--max-memory"), "{refused}");
        let second = budget.claim(40).unwrap();
        drop((first, second));
        drop(budget.claim(100).unwrap());
        assert!(budget.claim(u64::MAX).is_err());
        assert!(Budget::new(None).claim(1 << 20).is_ok());
    }

    #[test]
    fn who_does_not_greet_makes_room() {
        let places = Places::new(2);
        let open = || {
            let (here, there) = UnixStream::pair().unwrap();
            (Connection::unix(here), there)
        };
        let (first, mut there) = open();
        let (second, _second) = open();
        let (third, _third) = open();
        let (_first, two) = (places.take(&first).unwrap(), places.take(&second).unwrap());
        two.greeted();
        let three = places.take(&third).unwrap();
        assert_eq!(
            std::io::Read::read(&mut there, &mut [0]).unwrap(),
            0,
            "it was ended"
        );
        three.greeted();
        let (fourth, _fourth) = open();
        assert!(places.take(&fourth).is_none());
        drop(three);
        assert!(places.take(&fourth).is_some());
        assert_eq!(places.open(), 1);
    }
}
