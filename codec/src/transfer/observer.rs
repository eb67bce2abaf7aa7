//! What a save tells while it is under way.

use core::time::Duration;

use super::ports::Errno;

/// One stretch of the page stream: a pass over all of RAM, or a part of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// From 1.
    pub number: u32,
    /// The domain was suspended: what it sends is final.
    pub last: bool,
    /// Page records written.
    pub sent: u64,
    /// Pages to send that were left because they had become dirty again.
    pub skipped: u64,
    /// Pages to send that the policy held back.
    pub held_back: u64,
    /// Pages to send that could not be read.
    pub unreadable: u64,
    /// Pages that log-dirty and the device model named afterwards; 0 behind the last.
    pub dirty: u64,
    /// Pages still to send afterwards, `dirty` included; 0 behind the last.
    pub left: u64,
    /// Bytes written.
    pub bytes: u64,
    /// When it began, by the sink's clock.
    pub began: Duration,
    /// When its last record was handed to the sink.
    pub ended: Duration,
}

/// Looks on. All methods have a default that does nothing.
pub trait Observer {
    /// The head is written; `ram_pages` pages are RAM by the memory map.
    fn started(&mut self, ram_pages: u64) {
        let _ = ram_pages;
    }

    /// A batch was sent: `sent` page records so far. Answering `false` cancels the save; the domain
    /// then runs on.
    fn sending(&mut self, sent: u64) -> bool {
        let _ = sent;
        true
    }

    /// A stretch is over, and what it left is known.
    fn passed(&mut self, pass: &Pass) {
        let _ = pass;
    }

    /// A page could not be read. While the domain runs it is tried again later.
    fn unreadable(&mut self, pfn: u64, errno: Errno) {
        let _ = (pfn, errno);
    }

    /// The domain has suspended itself, at this time by the sink's clock.
    fn suspended(&mut self, now: Duration) {
        let _ = now;
    }

    /// A whole checkpoint is sent; the domain is suspended. `true` has it run on and a further
    /// checkpoint made (Remus). Asked only in a dialect that knows checkpoints (spec 11.1).
    fn checkpoint(&mut self, index: u32) -> bool {
        let _ = index;
        false
    }

    /// The domain runs on after a checkpoint. The next one is made when this returns.
    fn resumed(&mut self) {}
}

/// Nobody looks on.
impl Observer for () {}
