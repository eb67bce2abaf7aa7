//! Calls that fail on purpose.

use std::collections::BTreeMap;

use ia64save_codec::transfer::ports::{Errno, PortCall};

/// One call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which operation.
    pub call: PortCall,
    /// At which of its calls, the first being 0.
    pub nth: u64,
    /// How.
    pub errno: Errno,
    /// How many pages of the batch are done before it fails; for pages that are read or written, the
    /// first that fails by itself while the call succeeds. `None`: the call as a whole fails at once.
    pub after: Option<u64>,
}

impl Fault {
    /// The `nth` call of an operation fails at once.
    pub fn at(call: PortCall, nth: u64, errno: Errno) -> Self {
        Fault {
            call,
            nth,
            errno,
            after: None,
        }
    }

    /// The `nth` call fails after so many pages.
    pub fn after(call: PortCall, nth: u64, pages: u64, errno: Errno) -> Self {
        Fault {
            after: Some(pages),
            ..Fault::at(call, nth, errno)
        }
    }
}

/// Which calls fail, and how often each was called.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    planned: Vec<Fault>,
    seen: BTreeMap<PortCall, u64>,
    struck: u64,
}

impl Faults {
    /// Adds one.
    pub fn add(&mut self, fault: Fault) {
        self.planned.push(fault);
    }

    /// Forgets all that was planned; the counts go on.
    pub fn clear(&mut self) {
        self.planned.clear();
    }

    /// Calls of an operation so far.
    pub fn calls(&self, call: PortCall) -> u64 {
        self.seen.get(&call).copied().unwrap_or(0)
    }

    /// Every operation that was called, with how often.
    pub fn all_calls(&self) -> impl Iterator<Item = (PortCall, u64)> + '_ {
        self.seen.iter().map(|(call, count)| (*call, *count))
    }

    /// Faults that came to pass.
    pub fn struck(&self) -> u64 {
        self.struck
    }

    /// Counts a call, and says whether it is one that fails.
    pub(crate) fn next(&mut self, call: PortCall) -> Option<Fault> {
        let seen = self.seen.entry(call).or_default();
        let nth = *seen;
        *seen += 1;
        let fault = self.planned.iter().find(|f| (f.call, f.nth) == (call, nth));
        self.struck += u64::from(fault.is_some());
        fault.copied()
    }
}
