//! A transfer that is not wanted any more.

use core::sync::atomic::{AtomicBool, Ordering};

use super::error::Cause;

/// A flag that somebody else may raise at any time: the handler of a signal, another thread.
///
/// It is looked at before every batch of pages, every part of the stream and every look at the p2m. A
/// transfer that finds it raised ends as after any failure, with [`Cause::Cancelled`]. A save whose last
/// byte has been flushed is whole, and ends well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cancel<'a>(Option<&'a AtomicBool>);

impl<'a> Cancel<'a> {
    /// Cancelled when `flag` is `true`.
    pub fn on(flag: &'a AtomicBool) -> Self {
        Cancel(Some(flag))
    }

    /// Whether the transfer is not wanted any more.
    pub fn is_asked(self) -> bool {
        self.0.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// The same, as a failure.
    pub(super) fn check(self) -> Result<(), Cause> {
        if self.is_asked() {
            Err(Cause::Cancelled)
        } else {
            Ok(())
        }
    }
}
