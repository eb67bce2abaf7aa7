//! Whether the work that is under way is still wanted: the flag that signals raise.
//!
//! ```text
//!   first signal     the flag is raised, and one line says so; the engine ends as after any failure
//!   second signal    the process ends at once; one line says what is left, and how to mend it
//! ```
//!
//! Nothing raises it but [`ask`], and signals under a [`Guard`](super::Guard). What a handler calls here is
//! async-signal-safe: atomics and system calls.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

static ARMED: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);
static BY: AtomicI32 = AtomicI32::new(0);
/// What the first signal says, and what the second. Never freed: a handler may be reading them.
static FIRST: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
static SECOND: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());

/// Signals raise it from now on, and say this.
pub(super) fn arm(first: &str) {
    say(&FIRST, first);
    ARMED.store(true, Ordering::Release);
}

/// Says anew what a second signal leaves.
pub(super) fn leaves(left: &str) {
    say(&SECOND, left);
}

/// Signals do what they did before.
pub(super) fn disarm() {
    ARMED.store(false, Ordering::Release);
}

fn say(which: &AtomicPtr<c_char>, words: &str) {
    let words = CString::new(words.replace('\0', " ")).unwrap_or_default();
    which.store(words.into_raw(), Ordering::Release);
}

/// The flag, for whoever looks at it.
pub fn flag() -> &'static AtomicBool {
    &ASKED
}

/// As if a signal had come: what this process works for is gone.
pub fn ask() {
    ASKED.store(true, Ordering::Relaxed);
}

/// Whether a signal came.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// The signal that came, for people.
pub fn name() -> &'static str {
    match BY.load(Ordering::Relaxed) {
        libc::SIGINT => "SIGINT",
        libc::SIGTERM => "SIGTERM",
        libc::SIGHUP => "SIGHUP",
        _ => "the end of who started it",
    }
}

/// A signal came, in its handler. `true` where nothing more is to be done about it now.
pub(super) fn take(signal: c_int) -> bool {
    if !ARMED.load(Ordering::Acquire) {
        return false;
    }
    let first = !ASKED.swap(true, Ordering::AcqRel);
    if first {
        BY.store(signal, Ordering::Relaxed);
    }
    let words = if first { &FIRST } else { &SECOND }.load(Ordering::Acquire);
    if !words.is_null() {
        // SAFETY: a C string that is never freed.
        let words = unsafe { CStr::from_ptr(words) }.to_bytes();
        // SAFETY: the bytes are there; nobody is told where they cannot be written.
        unsafe { libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len()) };
    }
    first
}

/// Ends the process by the signal that came, as whoever sent it expects; comes back where none did.
pub fn end_by_signal() {
    let signal = BY.load(Ordering::Relaxed);
    if signal == 0 {
        return;
    }
    // SAFETY: plain calls; with its default disposition back the raised signal ends the process.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}
