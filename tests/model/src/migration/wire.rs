//! Connections: bytes under way in both directions, and what became of either end.

use std::collections::VecDeque;

use super::bounds::{Cuts, Stranger};

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// The source, to move the domain.
    Source,
    /// The source, to ask.
    Asking,
    /// The network: the words of another connection once more.
    Copy,
    /// Somebody else.
    Stranger,
}

/// One direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pipe {
    /// What was sent at once, in the order in which it was.
    under_way: VecDeque<Vec<u8>>,
    /// Who sends has closed: behind the last byte comes the end.
    pub closed: bool,
}

impl Pipe {
    /// Sends.
    pub fn send(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.under_way.push_back(bytes.to_vec());
        }
    }

    /// How much may arrive next: nothing, all that was sent at once, or part of it.
    pub fn may_arrive(&self, cuts: Cuts) -> Vec<usize> {
        let Some(length) = self.under_way.front().map(Vec::len) else {
            return Vec::new();
        };
        match cuts {
            Cuts::Halves if length > 1 => vec![length / 2, length],
            Cuts::EveryByte if length > 1 => vec![1, length],
            _ => vec![length],
        }
    }

    /// Some of it arrives.
    pub fn arrive(&mut self, count: usize) -> Vec<u8> {
        let Some(first) = self.under_way.front_mut() else {
            return Vec::new();
        };
        let bytes = first.drain(..count.min(first.len())).collect();
        if first.is_empty() {
            self.under_way.pop_front();
        }
        bytes
    }

    /// What would arrive.
    pub fn next(&self, count: usize) -> &[u8] {
        let first = self.under_way.front().map_or(&[][..], Vec::as_slice);
        &first[..count.min(first.len())]
    }

    /// The end is all that comes.
    pub fn has_ended(&self) -> bool {
        self.closed && self.under_way.is_empty()
    }

    /// Nothing of it arrives any more.
    pub fn lose(&mut self) {
        self.under_way.clear();
    }
}

/// A connection, without what either end makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wire {
    pub who: Who,
    pub to_target: Pipe,
    pub to_source: Pipe,
    /// It is broken: nothing is carried that was not under way, and any end may notice at any time.
    pub broken: bool,
    /// Nobody is at that end any more.
    pub source_left: bool,
    pub target_left: bool,
    /// All that was said to the target: kept where it may come once more.
    pub said: Vec<u8>,
}

impl Wire {
    /// Opens one.
    pub fn new(who: Who) -> Self {
        Wire {
            who,
            to_target: Pipe::default(),
            to_source: Pipe::default(),
            broken: false,
            source_left: false,
            target_left: false,
            said: Vec::new(),
        }
    }

    /// The source's end says something.
    pub fn tell_target(&mut self, bytes: &[u8], kept: bool) {
        if kept {
            self.said.extend_from_slice(bytes);
        }
        if !self.broken && !self.target_left {
            self.to_target.send(bytes);
        }
    }

    /// The target's end says something.
    pub fn tell_source(&mut self, bytes: &[u8]) {
        if !self.broken && !self.source_left {
            self.to_source.send(bytes);
        }
    }

    /// The source's end goes away, as a process does that ends: what it has said may still arrive.
    pub fn leave_source(&mut self) {
        self.source_left = true;
        self.to_target.closed = true;
        self.to_source = Pipe::default();
        self.tidy();
    }

    /// The target's end goes away.
    pub fn leave_target(&mut self) {
        self.target_left = true;
        self.to_source.closed = true;
        self.to_target = Pipe::default();
        self.tidy();
    }

    /// What nobody will ever look at makes no difference.
    fn tidy(&mut self) {
        if self.source_left && self.target_left {
            let said = std::mem::take(&mut self.said);
            let who = if said.is_empty() {
                Who::Stranger
            } else {
                self.who
            };
            *self = Wire {
                source_left: true,
                target_left: true,
                said,
                ..Wire::new(who)
            };
        }
    }
}

impl Stranger {
    /// All he says.
    pub fn words(self) -> Vec<u8> {
        match self {
            Stranger::Babbles => b"SSH-2.0-x\n".to_vec(),
            Stranger::Asks => format!("ia64save-outcome 1 {}\n", super::TOKEN).into_bytes(),
            Stranger::TakesTheName => {
                let request = format!("ia64save-migrate 1 {} xen-3.3\n", super::TOKEN);
                let frame = [1, 0, 0, 0, b'x', 0, 0, 0, 0];
                [request.as_bytes(), &frame, b"commit\n"].concat()
            }
        }
    }
}
