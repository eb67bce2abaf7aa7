//! The reader of replies: sans-io. It offers space, is told how much was filled, and gives replies.
//!
//! ```text
//!             16 bytes                      length bytes
//!   Header --------------> (is it due?) --> Body --------------> Reply --> Header
//!                             |
//!                             +-- no: AgentError, for good
//! ```
//!
//! A header is held against the oldest request that has no reply: its id, its type, and the length
//! that this request allows. Only then is anything allocated.

use std::collections::VecDeque;

use super::error::AgentError;
use super::message::{Abort, Message};
use super::wire::{HEADER, Header, shown, u32_at};

/// A reply that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The request's id.
    pub id: u32,
    /// What it was.
    pub message: Message,
    /// Bytes of the shortest body of a good reply.
    pub least: usize,
    /// Bytes of the longest.
    pub most: usize,
}

/// A reply as it came: sound as a frame, not looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// To what.
    pub message: Message,
    /// An error number of the far side, 1 to 4095, with which it refused; then there is no body.
    pub status: Option<i32>,
    /// The body.
    pub body: Vec<u8>,
}

/// The reader.
#[derive(Debug, Default)]
pub struct Replies {
    due: VecDeque<Expected>,
    header: [u8; HEADER],
    /// Where the body goes, once its header is there.
    body: Option<(Header, Vec<u8>)>,
    filled: usize,
    spare: Vec<Vec<u8>>,
}

/// Bodies that are kept to be filled again.
const SPARES: usize = 4;

impl Replies {
    /// Nothing is due.
    pub fn new() -> Self {
        Self::default()
    }

    /// A request is on its way.
    pub fn expect(&mut self, expected: Expected) {
        self.due.push_back(expected);
    }

    /// The reply that is due next.
    pub fn due(&self) -> Option<Expected> {
        self.due.front().copied()
    }

    /// Bytes of the next reply that are there, its header included.
    pub fn had(&self) -> usize {
        if self.body.is_some() {
            HEADER + self.filled
        } else {
            self.filled
        }
    }

    /// Takes the body of a reply back, to spare an allocation.
    pub fn give_back(&mut self, body: Vec<u8>) {
        if self.spare.len() < SPARES {
            self.spare.push(body);
        }
    }

    /// Where the next bytes of the stream belong: never more than the reply at hand, never empty.
    pub fn space(&mut self) -> &mut [u8] {
        match &mut self.body {
            None => &mut self.header[self.filled..],
            Some((_, body)) => &mut body[self.filled..],
        }
    }

    /// The first `bytes` of the space are filled.
    ///
    /// # Errors
    /// Where it is no reply, or not the one that is due. Then the stream has no meaning any more.
    pub fn filled(&mut self, bytes: usize) -> Result<Option<Reply>, AgentError> {
        self.filled += bytes;
        if self.body.is_none() {
            if self.filled < HEADER {
                return Ok(None);
            }
            let header = self.check()?;
            let mut body = self.spare.pop().unwrap_or_default();
            body.resize(header.length as usize, 0);
            self.body = Some((header, body));
            self.filled = 0;
        }
        match self.body.take() {
            Some((header, body)) if self.filled == body.len() => {
                self.filled = 0;
                self.whole(header, body).map(Some)
            }
            body => {
                self.body = body;
                Ok(None)
            }
        }
    }

    /// A header that is there, against what is due.
    fn check(&self) -> Result<Header, AgentError> {
        let due = self.due();
        let wrong = |part, expected: String, found: String| {
            let message = due.map(|due| due.message);
            Err(AgentError::unexpected(message, part, expected, found))
        };
        let Some(header) = Header::parse(&self.header) else {
            return wrong(
                "mark of the header",
                "\"A6\" at offset 10".into(),
                shown(&self.header),
            );
        };
        let length = header.length as usize;
        if header.is_abort() {
            return if length == 8 && header.status == 0 {
                Ok(header)
            } else {
                wrong("abort", "8 bytes".into(), format!("{length} bytes"))
            };
        }
        let Some(due) = due else {
            return wrong("header", "nothing".into(), format!("{header:?}"));
        };
        if header.id != due.id {
            return wrong("id", due.id.to_string(), header.id.to_string());
        }
        if !header.answers(due.message) {
            let expected = format!("{:#06x}", due.message as u16 | 0x8000);
            return wrong("type", expected, format!("{:#06x}", header.kind));
        }
        match header.status {
            0 if length < due.least || length > due.most => {
                let expected = if due.least == due.most {
                    format!("{} bytes", due.least)
                } else {
                    format!("{} to {} bytes", due.least, due.most)
                };
                wrong("length", expected, format!("{length} bytes"))
            }
            0 => Ok(header),
            1..=4095 if length == 0 => Ok(header),
            1..=4095 => wrong(
                "length",
                "0 bytes, as it is refused".into(),
                format!("{length} bytes"),
            ),
            status => wrong("status", "0 to 4095".into(), status.to_string()),
        }
    }

    fn whole(&mut self, header: Header, body: Vec<u8>) -> Result<Reply, AgentError> {
        let due = self.due.front().copied();
        match due {
            Some(due) if !header.is_abort() => {
                self.due.pop_front();
                Ok(Reply {
                    message: due.message,
                    status: (header.status != 0).then_some(header.status as i32),
                    body,
                })
            }
            due => Err(AgentError::Aborted {
                message: due.map(|due| due.message),
                reason: Abort(u32_at(&body, 0)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: u32, id: u32, kind: u16, status: u32) -> Vec<u8> {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(id.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(*b"A6");
        bytes.extend(status.to_le_bytes());
        bytes
    }

    /// What comes out of a stream that arrives `cut` bytes at a time, with one reply due.
    fn read(bytes: &[u8], cut: usize) -> Result<Vec<Reply>, AgentError> {
        let mut replies = Replies::new();
        replies.expect(Expected {
            id: 7,
            message: Message::ReadPages,
            least: 4,
            most: 12,
        });
        let mut out = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let space = replies.space();
            let some = space.len().min(cut).min(rest.len());
            assert!(some > 0, "there is always space");
            space[..some].copy_from_slice(&rest[..some]);
            rest = &rest[some..];
            out.extend(replies.filled(some)?);
        }
        Ok(out)
    }

    fn refused(bytes: &[u8], part: &str) {
        for cut in [1, 3, 1000] {
            match read(bytes, cut) {
                Err(AgentError::Unexpected { part: found, .. }) => assert_eq!(found, part),
                other => panic!("{part}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_reply_comes_out_however_it_is_cut() {
        let mut bytes = header(8, 7, 0x8003, 0);
        bytes.extend(1..=8);
        for cut in 1..30 {
            let replies = read(&bytes, cut).unwrap();
            assert_eq!(replies.len(), 1);
            assert_eq!(replies[0].body, [1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!(replies[0].status, None);
        }
    }

    #[test]
    fn a_refusal_has_a_status_and_no_body() {
        let replies = read(&header(0, 7, 0x8003, 22), 5).unwrap();
        assert_eq!(replies[0].status, Some(22));
        refused(&header(4, 7, 0x8003, 22), "length");
        refused(&header(0, 7, 0x8003, 4096), "status");
    }

    #[test]
    fn what_is_not_due_is_refused_before_anything_is_allocated() {
        refused(b"Welcome to this machine!", "mark of the header");
        refused(&header(8, 8, 0x8003, 0), "id");
        refused(&header(8, 7, 0x8004, 0), "type");
        refused(&header(8, 7, 3, 0), "type");
        refused(&header(13, 7, 0x8003, 0), "length");
        refused(&header(3, 7, 0x8003, 0), "length");
        refused(&header(u32::MAX, 7, 0x8003, 0), "length");
        refused(&header(u32::MAX, 7, 0xffff, 0), "abort");
        let mut twice = header(4, 7, 0x8003, 0);
        twice.extend([0; 4]);
        twice.extend(header(4, 8, 0x8003, 0));
        refused(&twice, "header");
    }

    #[test]
    fn an_abort_says_why() {
        let mut bytes = header(8, 0, 0xffff, 0);
        bytes.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        let error = read(&bytes, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "agent: it gave up when read pages was due: a frame was longer than its limit"
        );
    }

    #[test]
    fn errors_name_the_message_and_what_was_expected() {
        let error = read(&header(13, 7, 0x8003, 0), 16).unwrap_err();
        assert_eq!(
            error.to_string(),
            "agent: reply to read pages, length: expected 4 to 12 bytes, found 13 bytes"
        );
        let error = read(b"Welcome to Linux", 16).unwrap_err();
        assert_eq!(
            error.to_string(),
            "agent: reply to read pages, mark of the header: expected \"A6\" at offset 10, \
             found \"Welcome to Linux\""
        );
    }
}
