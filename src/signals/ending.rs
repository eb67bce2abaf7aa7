//! Signals that would end the process in the middle of something.
//!
//! | signal | what becomes of it |
//! |---|---|
//! | `SIGBUS` | a mapped file became shorter: a message that names it, and exit code 4 |
//! | `SIGXFSZ` | the write fails, with the name of its file, as on a full disk |
//! | `SIGINT`, `SIGTERM`, `SIGHUP`, `SIGQUIT` and their like | what is unfinished is removed, and the process dies of the signal; under [`Deferred`] the command ends first |
//! | `SIGABRT` | what is unfinished is removed |
//!
//! Everything in a handler is async-signal-safe: system calls and atomics, no memory is allocated or
//! freed.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};

/// What the command line answers to an I/O error.
const EXIT_IO: c_int = 4;

const ERROR: &[u8] = b"ia64save: error: ";
const SHORTER: &[u8] = b"the file became shorter, or could not be read, while it was mapped \
(use --no-mmap)\n";
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
        WRITING.fetch_add(1, Ordering::Relaxed);
        Ok(RemovedOnSignal(slot))
    }

    /// Registers a file without a name, which goes by itself.
    pub fn nameless() -> io::Result<Self> {
        expect_interruption()?;
        WRITING.fetch_add(1, Ordering::Relaxed);
        Ok(RemovedOnSignal(None))
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

fn remove_unfinished() {
    for slot in &UNFINISHED {
        let path = slot.load(Ordering::Acquire);
        if !path.is_null() {
            // SAFETY: `path` is a C string that is never freed.
            unsafe { libc::unlink(path) };
        }
    }
}

fn say(text: &[u8]) {
    // SAFETY: the text outlives the call. Where nobody reads, nothing can be done.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
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
pub(super) struct Named(Option<usize>);

impl Named {
    pub(super) fn new(range: Range<usize>, name: &str) -> Self {
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
        // SAFETY: as in `expect_interruption`.
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

/// Has a write beyond the limit on the size of files (`ulimit -f`) fail, instead of ending the process.
pub fn expect_limits() -> io::Result<()> {
    static DONE: OnceLock<Result<(), c_int>> = OnceLock::new();
    once(&DONE, || {
        if is_ignored(libc::SIGXFSZ)? {
            return Ok(());
        }
        // SAFETY: the action does nothing. Ignoring the signal would be passed on to children.
        unsafe { signal_hook_registry::register(libc::SIGXFSZ, || ()) }?;
        Ok(())
    })
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
                    if crate::cancel::take(signal) {
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
