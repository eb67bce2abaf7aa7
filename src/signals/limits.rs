//! `SIGXFSZ`: a file became as large as files may.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::io;
use std::sync::OnceLock;

use super::system::{is_ignored, once};

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
