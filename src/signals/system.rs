//! What handlers and those who register them share.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::sync::OnceLock;
use std::{io, ptr};

/// Writes to standard error, from a handler.
pub(super) fn say(text: &[u8]) {
    // SAFETY: the text outlives the call. Where nobody reads, nothing can be done.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

/// Whether whoever started the process wants it to live through this signal, as `nohup` does.
pub(super) fn is_ignored(signal: c_int) -> io::Result<bool> {
    // SAFETY: all-zero is a valid `sigaction`, and with no new action the call only fills it in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, ptr::null(), &raw mut action) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(action.sa_sigaction == libc::SIG_IGN)
    }
}

/// Registers once for all; whoever asks again is given what came of it.
pub(super) fn once(
    done: &OnceLock<Result<(), c_int>>,
    register: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    done.get_or_init(|| register().map_err(|error| error.raw_os_error().unwrap_or(0)))
        .map_err(io::Error::from_raw_os_error)
}
