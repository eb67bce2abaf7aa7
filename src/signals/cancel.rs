//! Signals that end what is under way in order: the domain goes on, what is half-built is destroyed.
//!
//! Without a [`Guard`] signals do what they always do.

use std::io;

use super::ending::expect_interruption;
use super::flag;

/// While it lives, SIGINT, SIGTERM and SIGHUP raise the flag.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Begins it, with what is ended and what a second signal leaves.
    pub fn new(what: &str, left: &str) -> io::Result<Guard> {
        let first = format!("ia64save: interrupted: ending {what}; a second signal ends at once\n");
        expect_interruption()?;
        let guard = Guard(());
        guard.leaves(left);
        flag::arm(&first);
        Ok(guard)
    }

    /// Says anew what a second signal leaves.
    pub fn leaves(&self, left: &str) {
        let Guard(()) = self;
        flag::leaves(&format!("ia64save: ended at once: {left}\n"));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        flag::disarm();
    }
}
