//! What a piece of work took, and how much it may take.
#![allow(unsafe_code)] // a global allocator that counts

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts what each thread holds, on its way to the system's allocator.
struct Counting;

thread_local! {
    /// Bytes that this thread has allocated and not freed.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn took(bytes: isize) {
    // A thread that is going away has no counters any more.
    let held = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        held.get()
    });
    if let (Ok(held), true) = (held, bytes > 0) {
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held)));
        let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
    }
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size() as isize);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        took(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may be there at once.
        took(size as isize);
        took(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a piece of work took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most bytes that it held at once, beyond those held before.
    pub peak: usize,
    /// Allocations.
    pub calls: u64,
    /// Time of the processor.
    pub time: Duration,
}

/// Does something and says what it took.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    let held = HELD.get();
    PEAK.set(held);
    let calls = CALLS.get();
    let start = processor_time();
    let done = work();
    let usage = Usage {
        time: processor_time().saturating_sub(start),
        calls: CALLS.get() - calls,
        peak: (PEAK.get() - held).max(0) as usize,
    };
    (done, usage)
}

/// Of this thread: what else runs on the machine does not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How much a piece of work may take: a constant, and so much for each byte of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes at once.
    pub bytes: (usize, usize),
    /// Allocations: a constant, and so many for each 16 bytes of input.
    pub calls: (u64, u64),
    /// Nanoseconds.
    pub time: (u64, u64),
}

impl Budget {
    /// Does something with an input of that size, and sees to it that it takes no more.
    ///
    /// # Panics
    /// If it does.
    pub fn spend<T>(&self, size: usize, mut work: impl FnMut() -> T) -> T {
        self.spend_part(size, || measure(&mut work))
    }

    /// As [`Budget::spend`], for work of which only a part is measured.
    ///
    /// # Panics
    /// If that takes more.
    pub fn spend_part<T>(&self, size: usize, mut work: impl FnMut() -> (T, Usage)) -> T {
        let (mut done, mut usage) = work();
        let bytes = self.bytes.0 + self.bytes.1 * size;
        assert!(usage.peak <= bytes, "{usage:?} of {bytes} bytes for {size}");
        let calls = self.calls.0 + self.calls.1 * (size as u64 / 16);
        assert!(
            usage.calls <= calls,
            "{usage:?} of {calls} calls for {size}"
        );
        let time = Duration::from_nanos(self.time.0 + self.time.1 * size as u64);
        // A page fault or a stolen processor happens once; what is slow is slow every time.
        for _ in 0..3 {
            if usage.time <= time {
                return done;
            }
            (done, usage) = work();
        }
        assert!(usage.time <= time, "{usage:?} of {time:?} for {size} bytes");
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_allocations_are_counted() {
        let (kept, usage) = measure(|| {
            drop(vec![1u8; 5000]);
            vec![1u8; 3000]
        });
        assert_eq!((usage.peak, usage.calls), (5000, 2));
        drop(kept);
    }

    #[test]
    #[should_panic(expected = "of 1100 bytes for 100")]
    fn who_holds_too_much_is_caught() {
        let budget = Budget {
            bytes: (100, 10),
            calls: (10, 1),
            time: (1 << 40, 0),
        };
        budget.spend(100, || vec![1u8; 1101]);
    }

    #[test]
    #[should_panic(expected = "of 1ms for 1 bytes")]
    fn who_takes_too_long_is_caught() {
        let budget = Budget {
            bytes: (100, 10),
            calls: (10, 1),
            time: (1_000_000, 0),
        };
        budget.spend(1, || {
            let start = processor_time();
            while processor_time().saturating_sub(start) < Duration::from_millis(2) {}
        });
    }
}
