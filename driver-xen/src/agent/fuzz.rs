//! Entries for fuzzers: whatever an agent may say, the driver neither panics nor believes it.

use ia64save_codec::transfer::ports::{Errno, PageResult};

use super::client::Agent;
use super::error::AgentError;
use super::exchange::Exchange;
use super::replies::{Expected, Replies, Reply};
use super::stream::Options;
use crate::transport::{Argument, Buffer, Hypercall, Layout, Link, Transport};

/// An agent that says what a fuzzer wants.
struct Canned<'a> {
    replies: Replies,
    /// What it says.
    data: &'a [u8],
    /// Bytes that arrive at once.
    cut: usize,
    /// It knows the headers, and only what is in the bodies is made up.
    helped: bool,
    /// The header or body that is being handed out in `helped` mode.
    made: Vec<u8>,
    due: std::collections::VecDeque<Expected>,
}

impl Canned<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.data.split_first().unwrap_or((&0, &[]));
        self.data = rest;
        *first
    }

    /// A reply to what is due, with a sound header most of the time.
    fn make(&mut self) {
        let Some(due) = self.due.pop_front() else {
            return;
        };
        let choice = self.byte();
        let (length, status) = match choice {
            0..=199 => {
                let between = (due.most - due.least) * usize::from(choice % 5) / 4;
                (due.least + between, 0)
            }
            200..=229 => (0, u32::from(choice)),
            230..=239 => (due.most + 1, 0),
            _ => (due.least.saturating_sub(1), 0),
        };
        self.made.extend((length as u32).to_le_bytes());
        self.made.extend(due.id.to_le_bytes());
        self.made
            .extend((due.message as u16 | 0x8000).to_le_bytes());
        self.made.extend(*b"A6");
        self.made.extend(u32::to_le_bytes(status));
        let some = length.min(self.data.len());
        self.made.extend(&self.data[..some]);
        self.data = &self.data[some..];
        self.made.resize(self.made.len() + length - some, 0);
    }
}

impl Exchange for Canned<'_> {
    fn send(&mut self, _: Vec<u8>, expected: Expected) -> Result<(), AgentError> {
        self.replies.expect(expected);
        self.due.push_back(expected);
        Ok(())
    }

    fn receive(&mut self) -> Result<Reply, AgentError> {
        let due = self.replies.due();
        loop {
            if self.helped && self.made.is_empty() {
                self.make();
            }
            let source: &[u8] = if self.helped { &self.made } else { self.data };
            let space = self.replies.space();
            assert!(!space.is_empty(), "a reader that wants nothing never ends");
            let some = space.len().min(self.cut).min(source.len());
            if some == 0 {
                return Err(AgentError::Ended {
                    message: due.map_or(super::message::Message::Hello, |due| due.message),
                    had: self.replies.had(),
                    status: None,
                });
            }
            space[..some].copy_from_slice(&source[..some]);
            if self.helped {
                self.made.drain(..some);
            } else {
                self.data = &self.data[some..];
            }
            if let Some(reply) = self.replies.filled(some)? {
                let most = due.map_or(0, |due| due.most);
                assert!(reply.body.len() <= most, "more than was asked for");
                return Ok(reply);
            }
        }
    }

    fn give_back(&mut self, body: Vec<u8>) {
        self.replies.give_back(body);
    }
}

/// What a session came to: enough to compare two of them.
type Session = (Vec<Result<u64, Errno>>, Vec<u8>, Option<AgentError>);

/// Every operation, upon what the agent says.
fn session(data: &[u8], cut: usize, helped: bool) -> Result<Session, AgentError> {
    let options = Options {
        chunk: 8192,
        window: 20000,
        ..Options::default()
    };
    let canned = Canned {
        replies: Replies::new(),
        data,
        cut,
        helped,
        made: Vec::new(),
        due: std::collections::VecDeque::new(),
    };
    let mut agent = Agent::over(canned, &options)?;
    let page_size = agent.geometry().page_size;
    let frames = [1, 2, 3, 4, 5];
    let mut out = vec![0; frames.len() * page_size];
    let mut results: [PageResult; 5] = [Ok(()); 5];
    let mut said = Vec::new();
    let layout = Layout::packed(page_size);
    let unit = |result: Result<(), Errno>| result.map(|()| 0);
    let read = agent.read_foreign(1, &frames, &mut out, layout, &mut results);
    said.push(unit(read));
    said.extend(results.map(unit));
    let written = agent.write_foreign(1, &frames, &out, layout, &mut results);
    said.push(unit(written));
    said.extend(results.map(unit));
    said.push(unit(agent.clear_foreign(1, &frames, &mut results)));
    let (mut holder, mut target) = ([0; 24], [0; 100]);
    let region = agent.reserve(2 * page_size);
    let first = region.map_or(Argument::Value(9), Argument::Region);
    said.push(agent.hypercall(&mut Hypercall {
        number: 48,
        arguments: [
            first,
            Argument::Buffer(0),
            Argument::Value(0),
            Argument::Value(0),
            Argument::Value(0),
        ],
        buffers: &mut [Buffer::in_out(&mut holder), Buffer::output(&mut target)],
        links: &[Link {
            holder: 0,
            offset: 8,
            target: 1,
        }],
    }));
    if let Ok(region) = region {
        said.push(unit(agent.read_region(region, 100, &mut out[..page_size])));
        said.push(unit(agent.release(region)));
    }
    assert_eq!(holder[8..16], [0; 8], "an address came through");
    out.extend(holder);
    out.extend(target);
    Ok((said, out, agent.failure().cloned()))
}

/// The driver's side of the agent's protocol. The first byte chooses how: whether the replies' headers
/// are made sound (so that what is behind them is reached), and whether the agent's greeting is.
///
/// Panics where a session depends on how its bytes arrive, which it must not, or where the driver
/// takes more than it asked for.
pub fn agent_protocol(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let mut all = Vec::new();
    if choice & 2 == 0 {
        let greeting = greeting();
        if choice & 1 == 0 {
            all.extend(&greeting);
        } else {
            all.push(0); // the choice that means: a good reply
            all.extend(&greeting[super::wire::HEADER..]);
        }
    }
    all.extend(data);
    let helped = choice & 1 != 0;
    let whole = session(&all, usize::MAX, helped);
    let cut = session(&all, 1 + usize::from(choice >> 2), helped);
    assert_eq!(whole, cut, "how it arrives must not matter");
}

/// What a small agent says to hello.
pub fn greeting() -> Vec<u8> {
    let mut frame = Vec::new();
    let words = |frame: &mut Vec<u8>, words: &[u32]| {
        for word in words {
            frame.extend(word.to_le_bytes());
        }
    };
    words(&mut frame, &[64, 1]);
    frame.extend(0x8001u16.to_le_bytes());
    frame.extend(*b"A6");
    words(&mut frame, &[0]);
    frame.extend(*b"ia64save");
    words(&mut frame, &[1, 4096, 0, 8, 16 + 16 * 4104, 16, 8, 16]);
    words(&mut frame, &[40000, 0, 2, 0, 4, 0]);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// xorshift64.
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state >> 16
    }

    #[test]
    fn whatever_an_agent_says_the_driver_survives() {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..20_000 {
            let length = random(&mut state) as usize % 400;
            let mut data: Vec<u8> = (0..length).map(|_| random(&mut state) as u8).collect();
            // Few bytes are something: errors of pages are mostly zero.
            let sparse = random(&mut state) as usize % 8;
            for byte in data.iter_mut().skip(1) {
                if random(&mut state) as usize % 8 < sparse {
                    *byte = 0;
                }
            }
            agent_protocol(&data);
        }
    }

    #[test]
    fn a_good_agent_gets_through_the_whole_session() {
        // Sound headers, shortest replies, zeros.
        let mut all = vec![0];
        all.extend(&greeting()[16..]);
        // 5 pages by 2 a message: 3 replies that have all their pages.
        let (said, _, failure) = session(&all, usize::MAX, true).unwrap();
        // Nothing more is said: every reply is as short as it may be, and for pages that is too short.
        assert!(matches!(
            failure,
            Some(AgentError::Unexpected { part: "pages", .. })
        ));
        assert_eq!(said[0], Err(Errno::EPROTO));
        // With 4 as the choice, replies are as long as they may be.
        for pages in [2, 2, 1] {
            all.push(4);
            all.extend(vec![0; pages * 4100]);
        }
        let (said, _, failure) = session(&all, usize::MAX, true).unwrap();
        assert_eq!(failure, None);
        assert!(said.iter().all(Result::is_ok), "{said:?}");
    }

    #[test]
    fn greetings_that_make_no_sense_are_refused_by_name() {
        let good = greeting();
        let changed = |at: usize, value: u32| {
            let mut bytes = good.clone();
            bytes[16 + at..20 + at].copy_from_slice(&value.to_le_bytes());
            match session(&bytes, 7, false) {
                Err(AgentError::Unexpected { part, .. }) => part,
                other => panic!("{at}: {other:?}"),
            }
        };
        assert_eq!(changed(0, 0), "magic");
        assert_eq!(changed(8, 2), "version");
        assert_eq!(changed(12, 12288), "page size");
        assert_eq!(changed(12, 1 << 20), "page size");
        assert_eq!(changed(16, 1), "byte order");
        assert_eq!(changed(20, 4), "bytes of a pointer");
        assert_eq!(changed(24, 10000), "longest frame");
        assert_eq!(changed(28, 0), "pages of a message");
        assert_eq!(changed(32, 1), "buffers and links");
        assert_eq!(changed(44, 1), "memory for a hypercall");
    }
}
