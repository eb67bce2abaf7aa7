//! `SIGBUS`: a mapped file became shorter.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::{io, ptr};

use super::ending::remove_unfinished;
use super::system::{once, say};

/// What the command line answers to an I/O error.
const EXIT_IO: c_int = 4;

const ERROR: &[u8] = b"ia64save: error: ";
const SHORTER: &[u8] = b"the file became shorter, or could not be read, while it was mapped \
(use --no-mmap)\n";

/// Mapped files, so that the handler can name the one that became shorter.
static MAPPED: [Known; 64] = [const { Known::none() }; 64];

struct Known {
    taken: AtomicBool,
    start: AtomicUsize,
    end: AtomicUsize,
    name: AtomicPtr<c_char>,
}

impl Known {
    const fn none() -> Self {
        Known {
            taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            name: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

/// The name of a mapped file, for as long as it is mapped. With more of them than there is room for, the
/// message names none.
#[derive(Debug)]
pub(crate) struct Named(Option<usize>);

impl Named {
    pub(crate) fn new(range: Range<usize>, name: &str) -> Self {
        let mut free = MAPPED.iter().enumerate();
        let found = free.find(|(_, known)| !known.taken.swap(true, Ordering::AcqRel));
        let Some((index, known)) = found else {
            return Named(None);
        };
        let shown: String = name.chars().flat_map(char::escape_debug).collect();
        let name = CString::new(shown).unwrap_or_default().into_raw();
        known.name.store(name, Ordering::Release);
        known.start.store(range.start, Ordering::Release);
        known.end.store(range.end, Ordering::Release);
        Named(Some(index))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let Some(known) = self.0.map(|index| &MAPPED[index]) else {
            return;
        };
        known.end.store(0, Ordering::Release);
        known.start.store(0, Ordering::Release);
        let name = known.name.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: the pointer comes from `into_raw`. A handler looks at the name of a mapping only
        // while its thread reads from it, and nobody reads from one that goes.
        drop(unsafe { CString::from_raw(name) });
        known.taken.store(false, Ordering::Release);
    }
}

/// Turns the SIGBUS of a mapped file that has become shorter into a message and exit code 4. Any number
/// of threads may fault at once: the first of them ends the process, the others wait for that.
///
/// The handler is the process's only one for this signal. One that called others, such as the standard
/// library's, would let them put back the default action meanwhile.
pub fn expect_shrinking_files() -> io::Result<()> {
    static DONE: OnceLock<Result<(), c_int>> = OnceLock::new();
    once(&DONE, || {
        // SAFETY: all-zero is a valid `sigaction`; the handler has the signature that SA_SIGINFO
        // asks for, and only makes system calls that are async-signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = fault;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            if libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    })
}

extern "C" fn fault(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    static FIRST: AtomicBool = AtomicBool::new(true);
    if !FIRST.swap(false, Ordering::AcqRel) {
        // Another thread is ending the process.
        loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        }
    }
    remove_unfinished();
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid `siginfo_t`; a fault has an address.
    let at = unsafe { ((*info).si_code > 0).then(|| (*info).si_addr() as usize) };
    let Some(at) = at else {
        // Somebody sent it.
        // SAFETY: both calls only need the number of a signal.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
        return;
    };
    say(ERROR);
    let known = MAPPED.iter().find(|known| {
        (known.start.load(Ordering::Acquire)..known.end.load(Ordering::Acquire)).contains(&at)
    });
    let name = known.map_or(ptr::null_mut(), |known| known.name.load(Ordering::Acquire));
    if !name.is_null() {
        // SAFETY: the name of a mapping that this thread is reading from is there.
        say(unsafe { std::slice::from_raw_parts(name.cast(), libc::strlen(name)) });
        say(b": ");
    }
    say(SHORTER);
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(EXIT_IO) };
}
