//! Signals that would end the process in the middle of something.
//!
//! Everything in a handler is async-signal-safe: system calls and atomics, no memory is allocated or
//! freed.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What the command line answers to an I/O error.
const EXIT_IO: c_int = 4;

const SHORTER: &[u8] = b"ia64save: error: the file became shorter, or could not be read, while it \
was mapped (use --no-mmap)\n";

/// Files to remove if the process ends early. One is the rule; a file that finds no room here is
/// removed on the usual ways out all the same.
static UNFINISHED: [AtomicPtr<c_char>; 8] = [const { AtomicPtr::new(ptr::null_mut()) }; 8];

/// A file that is removed when a signal ends the process, for as long as this lives.
#[derive(Debug)]
pub struct RemovedOnSignal(Option<&'static AtomicPtr<c_char>>);

impl RemovedOnSignal {
    /// Registers a path.
    pub fn new(path: &Path) -> io::Result<Self> {
        expect_interruption()?;
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
        Ok(RemovedOnSignal(slot))
    }
}

impl Drop for RemovedOnSignal {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            slot.store(ptr::null_mut(), Ordering::Release);
        }
    }
}

fn remove_unfinished() {
    for slot in &UNFINISHED {
        let path = slot.load(Ordering::Acquire);
        if !path.is_null() {
            // SAFETY: `path` is a C string that is never freed.
            unsafe { libc::unlink(path) };
        }
    }
}

/// Turns the SIGBUS of a mapped file that has become shorter into a message and exit code 4.
pub(super) fn expect_shrinking_files() -> io::Result<()> {
    static DONE: OnceLock<Result<(), c_int>> = OnceLock::new();
    once(&DONE, || {
        // SAFETY: the action only makes system calls that are async-signal-safe, and does not
        // return.
        unsafe {
            signal_hook_registry::register(libc::SIGBUS, || {
                remove_unfinished();
                libc::write(libc::STDERR_FILENO, SHORTER.as_ptr().cast(), SHORTER.len());
                libc::_exit(EXIT_IO);
            })
        }?;
        Ok(())
    })
}

/// Removes unfinished files when the user or the system ends the process.
pub fn expect_interruption() -> io::Result<()> {
    static DONE: OnceLock<Result<(), c_int>> = OnceLock::new();
    once(&DONE, || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            if is_ignored(signal)? {
                continue;
            }
            // SAFETY: as above. The signal is blocked while its handler runs; with its default
            // disposition back, the raised one ends the process on return, as it would have done
            // without a handler.
            unsafe {
                signal_hook_registry::register(signal, move || {
                    if crate::cancel::take(signal) {
                        return;
                    }
                    remove_unfinished();
                    libc::signal(signal, libc::SIG_DFL);
                    libc::raise(signal);
                })
            }?;
        }
        Ok(())
    })
}

/// Whether whoever started the process wants it to live through this signal, as `nohup` does.
fn is_ignored(signal: c_int) -> io::Result<bool> {
    // SAFETY: all-zero is a valid `sigaction`, and with no new action the call only fills it in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, ptr::null(), &raw mut action) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(action.sa_sigaction == libc::SIG_IGN)
    }
}

fn once(
    done: &OnceLock<Result<(), c_int>>,
    register: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    done.get_or_init(|| register().map_err(|error| error.raw_os_error().unwrap_or(0)))
        .map_err(io::Error::from_raw_os_error)
}
