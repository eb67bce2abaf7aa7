//! Signals that would end the process while something is unfinished: that is removed first.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::{io, ptr};

use super::flag;
use super::system::{is_ignored, once, say};

const ENDED: &[u8] = b"ia64save: ended by a signal: what was not complete is not there\n";

/// Signals that end a process by themselves, each of which somebody may send.
const ENDING: [c_int; 10] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGXCPU,
];

/// Files to remove if the process ends early. One is the rule; a file that finds no room here is
/// removed on the usual ways out all the same.
static UNFINISHED: [AtomicPtr<c_char>; 8] = [const { AtomicPtr::new(ptr::null_mut()) }; 8];
/// Files that are being written, those without a name among them.
static WRITING: AtomicUsize = AtomicUsize::new(0);

/// A file that is removed when a signal ends the process, for as long as this lives, and where
/// [`expect_interruption`] was called.
#[derive(Debug)]
pub struct RemovedOnSignal(Option<&'static AtomicPtr<c_char>>);

impl RemovedOnSignal {
    /// Registers a path.
    pub fn new(path: &Path) -> io::Result<Self> {
        // A handler in another thread may be reading a path at any time, so that none of them is
        // ever freed. They are few and short.
        let path = CString::new(path.as_os_str().as_bytes())?.into_raw();
        let slot = UNFINISHED.iter().find(|slot| {
            slot.compare_exchange(ptr::null_mut(), path, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        });
        if slot.is_none() {
            // SAFETY: the pointer comes from `into_raw` and was stored nowhere.
            drop(unsafe { CString::from_raw(path) });
        }
        WRITING.fetch_add(1, Ordering::Relaxed);
        Ok(RemovedOnSignal(slot))
    }

    /// Registers a file without a name, which goes by itself.
    pub fn nameless() -> Self {
        WRITING.fetch_add(1, Ordering::Relaxed);
        RemovedOnSignal(None)
    }
}

impl Drop for RemovedOnSignal {
    fn drop(&mut self) {
        WRITING.fetch_sub(1, Ordering::Relaxed);
        if let Some(slot) = self.0 {
            slot.store(ptr::null_mut(), Ordering::Release);
        }
    }
}

pub(super) fn remove_unfinished() {
    for slot in &UNFINISHED {
        let path = slot.load(Ordering::Acquire);
        if !path.is_null() {
            // SAFETY: `path` is a C string that is never freed.
            unsafe { libc::unlink(path) };
        }
    }
}

/// Commands that end in an orderly way after a signal.
static DEFERRED: AtomicUsize = AtomicUsize::new(0);
/// The signal that came meanwhile.
static SEEN: AtomicI32 = AtomicI32::new(0);

/// Has the first signal wait until this goes: a command that cannot be cleaned up after from a handler
/// asks [`Deferred::check`] now and then, and ends as after any failure. The second signal ends the
/// process at once.
///
/// To be made before what has to be cleaned up, so that it goes after it.
#[derive(Debug)]
pub struct Deferred(&'static AtomicI32);

impl Deferred {
    /// From now on.
    pub fn new() -> io::Result<Self> {
        expect_interruption()?;
        DEFERRED.fetch_add(1, Ordering::AcqRel);
        Ok(Deferred(&SEEN))
    }

    /// An error once a signal came.
    pub fn check(&self) -> io::Result<()> {
        match self.0.load(Ordering::Acquire) {
            0 => Ok(()),
            signal => Err(io::Error::other(format!("ended by signal {signal}"))),
        }
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        let last = DEFERRED.fetch_sub(1, Ordering::AcqRel) == 1;
        let signal = self.0.load(Ordering::Acquire);
        if last && signal != 0 {
            remove_unfinished();
            say(ENDED);
            // SAFETY: both calls only need the number of a signal.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
            }
        }
    }
}

/// Removes unfinished files when the user or the system ends the process.
pub fn expect_interruption() -> io::Result<()> {
    static DONE: OnceLock<Result<(), c_int>> = OnceLock::new();
    once(&DONE, || {
        for signal in ENDING {
            if is_ignored(signal)? {
                continue;
            }
            // SAFETY: as above. The signal is blocked while its handler runs; with its default
            // disposition back, the raised one ends the process on return, as it would have done
            // without a handler.
            unsafe {
                signal_hook_registry::register(signal, move || {
                    if flag::take(signal) {
                        return;
                    }
                    let first =
                        SEEN.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire);
                    if first.is_ok() && DEFERRED.load(Ordering::Acquire) > 0 {
                        return;
                    }
                    remove_unfinished();
                    if WRITING.load(Ordering::Relaxed) > 0 {
                        say(ENDED);
                    }
                    libc::signal(signal, libc::SIG_DFL);
                    libc::raise(signal);
                })
            }?;
        }
        // SAFETY: `abort` goes on when the action returns.
        unsafe { signal_hook_registry::register(libc::SIGABRT, remove_unfinished) }?;
        Ok(())
    })
}
