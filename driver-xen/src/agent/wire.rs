//! The bytes of the protocol, as `agent/PROTOCOL.md` has them: pure functions, little-endian.

use super::error::AgentError;
use super::message::Message;
use crate::transport::{Argument, Direction, DomainId, Hypercall};
use ia64save_codec::transfer::ports::Errno;

/// The version of the protocol.
pub const VERSION: u32 = 1;
/// Bytes of a header.
pub const HEADER: usize = 16;
/// What a hello begins with, both ways.
pub const MAGIC: [u8; 8] = *b"ia64save";
/// What every header has at offset 10.
pub const MARK: [u8; 2] = *b"A6";
/// Set in the type of a reply.
const REPLY: u16 = 0x8000;
/// Type of the message with which an agent ends a connection.
const ABORT: u16 = 0xffff;
/// Bytes of a hello's reply.
const HELLO_REPLY: usize = 64;
/// Bytes of a hypercall before its buffers.
const CALL: usize = 64;
/// Stands for the arguments where a link names its holder.
const ARGUMENT: u32 = u32::MAX;

/// The header of a reply, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the body.
    pub length: u32,
    /// The request's id.
    pub id: u32,
    /// The request's type with the bit of a reply.
    pub kind: u16,
    /// An error number of the far side, or 0.
    pub status: u32,
}

impl Header {
    /// Whether the agent ends the connection with it.
    pub fn is_abort(self) -> bool {
        self.kind == ABORT
    }

    /// Whether it is a reply to this message.
    pub fn answers(self, message: Message) -> bool {
        self.kind == message as u16 | REPLY
    }

    /// Reads one; `None` where the mark is missing.
    pub fn parse(bytes: &[u8; HEADER]) -> Option<Header> {
        (bytes[10..12] == MARK).then(|| Header {
            length: u32_at(bytes, 0),
            id: u32_at(bytes, 4),
            kind: u16::from_le_bytes([bytes[8], bytes[9]]),
            status: u32_at(bytes, 12),
        })
    }
}

/// What an agent can do: its reply to hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a page, a power of two from 512 to 65536.
    pub page_size: usize,
    /// Bytes of the longest body of a request.
    pub frame: usize,
    /// Pages of one message.
    pub pages: usize,
    /// Buffers of a hypercall.
    pub buffers: usize,
    /// Addresses that the agent puts into a hypercall.
    pub links: usize,
    /// Bytes of a hypercall's body and of all buffers that only come back.
    pub memory: usize,
    /// Regions at a time.
    pub regions: usize,
    /// Pages of a region.
    pub region_pages: u64,
}

/// A request begun: a header, whose length [`sealed`] fills in.
fn begun(message: Message, id: u32, mut frame: Vec<u8>, body: usize) -> Vec<u8> {
    frame.clear();
    frame.reserve(HEADER + body);
    frame.extend([0; 4]);
    frame.extend(id.to_le_bytes());
    frame.extend((message as u16).to_le_bytes());
    frame.extend(MARK);
    frame.extend([0; 4]);
    frame
}

fn sealed(mut frame: Vec<u8>) -> Vec<u8> {
    let length = (frame.len() - HEADER) as u32;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame
}

/// Hello, for this one version.
pub fn hello(id: u32) -> Vec<u8> {
    let mut frame = begun(Message::Hello, id, Vec::new(), 16);
    frame.extend(MAGIC);
    frame.extend(VERSION.to_le_bytes());
    frame.extend(VERSION.to_le_bytes());
    sealed(frame)
}

/// The reply to hello, whose numbers have to make sense.
pub fn hello_reply(body: &[u8]) -> Result<Limits, AgentError> {
    let wrong = |part, expected: &str, found: String| {
        Err(AgentError::unexpected(
            Message::Hello,
            part,
            expected,
            found,
        ))
    };
    if body.len() != HELLO_REPLY {
        return wrong("length", "64 bytes", format!("{} bytes", body.len()));
    }
    if body[..8] != MAGIC {
        return wrong("magic", "\"ia64save\"", shown(&body[..8]));
    }
    let number = |at| u32_at(body, at);
    let page_size = number(12);
    let limits = Limits {
        page_size: page_size as usize,
        frame: number(24) as usize,
        pages: number(28) as usize,
        buffers: number(32) as usize,
        links: number(36) as usize,
        memory: usize::try_from(u64_at(body, 40)).unwrap_or(usize::MAX),
        regions: number(48) as usize,
        region_pages: u64_at(body, 56),
    };
    if number(8) != VERSION {
        return wrong("version", "1", number(8).to_string());
    }
    if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
        return wrong(
            "page size",
            "a power of two, 512 to 65536",
            page_size.to_string(),
        );
    }
    if number(16) != 0 {
        return wrong("byte order", "0 (little-endian)", number(16).to_string());
    }
    if number(20) != 8 {
        return wrong("bytes of a pointer", "8", number(20).to_string());
    }
    if !(1..=65536).contains(&limits.pages) {
        return wrong("pages of a message", "1 to 65536", limits.pages.to_string());
    }
    if !(4096..=1 << 30).contains(&limits.memory) {
        return wrong(
            "memory for a hypercall",
            "4096 to 2^30 bytes",
            limits.memory.to_string(),
        );
    }
    let least = (HEADER + limits.pages * (8 + limits.page_size)).max(limits.memory);
    if limits.frame < least {
        return wrong(
            "longest frame",
            &format!("at least {least} bytes, for its pages and its memory"),
            limits.frame.to_string(),
        );
    }
    if limits.buffers < 2 || limits.links < 2 {
        return wrong(
            "buffers and links",
            "at least 2 of each",
            format!("{} and {}", limits.buffers, limits.links),
        );
    }
    Ok(limits)
}

fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(8)
}

/// Bytes of the longest buffer that any hypercall of up to this many buffers and links may have
/// beside small ones of together 4096 bytes.
pub fn longest_buffer(limits: &Limits) -> usize {
    let beside = CALL + 8 * limits.buffers.min(64) + 16 * limits.links.min(64) + 4096 + 16;
    limits.memory.saturating_sub(beside) & !7
}

/// A hypercall. The caller has seen to it that it [is sound](Hypercall::is_sound).
///
/// # Errors
/// `E2BIG` where it is more than the agent can hold.
pub fn hypercall(
    id: u32,
    call: &Hypercall<'_, '_>,
    limits: &Limits,
    frame: Vec<u8>,
) -> Result<Vec<u8>, Errno> {
    let in_arguments = |argument: &&Argument| !matches!(argument, Argument::Value(_));
    let links = call.links.len() + call.arguments.iter().filter(in_arguments).count();
    let (mut sent, mut all) = (CALL + 8 * call.buffers.len() + 16 * links, 0);
    for buffer in call.buffers.iter() {
        all += padded(buffer.bytes.len());
        if buffer.direction != Direction::Out {
            sent += padded(buffer.bytes.len());
        }
    }
    let most = CALL + 8 * call.buffers.len() + 16 * links + all;
    if call.buffers.len() > limits.buffers
        || links > limits.links
        || most > limits.memory - 8
        || sent > limits.frame
    {
        return Err(Errno::E2BIG);
    }
    let mut frame = begun(Message::Hypercall, id, frame, sent);
    frame.extend(call.number.to_le_bytes());
    for argument in &call.arguments {
        let value = match argument {
            Argument::Value(value) => *value,
            Argument::Buffer(_) | Argument::Region(_) => 0,
        };
        frame.extend(value.to_le_bytes());
    }
    frame.extend((call.buffers.len() as u32).to_le_bytes());
    frame.extend((links as u32).to_le_bytes());
    frame.extend([0; 8]);
    for buffer in call.buffers.iter() {
        let flags: u32 = match buffer.direction {
            Direction::In => 1,
            Direction::Out => 2,
            Direction::InOut => 3,
        };
        frame.extend((buffer.bytes.len() as u32).to_le_bytes());
        frame.extend(flags.to_le_bytes());
    }
    let mut link = |holder: u32, offset: usize, kind: u32, target: u32| {
        for word in [holder, offset as u32, kind, target] {
            frame.extend(word.to_le_bytes());
        }
    };
    for (index, argument) in call.arguments.iter().enumerate() {
        match *argument {
            Argument::Value(_) => {}
            Argument::Buffer(buffer) => link(ARGUMENT, index, 0, buffer as u32),
            Argument::Region(region) => {
                // A number that never was a region's is one that the agent does not know.
                let number = u32::try_from(region.0).unwrap_or(u32::MAX);
                link(ARGUMENT, index, 1, number);
            }
        }
    }
    for one in call.links {
        link(one.holder as u32, one.offset, 0, one.target as u32);
    }
    for buffer in call.buffers.iter() {
        if buffer.direction != Direction::Out {
            frame.extend_from_slice(buffer.bytes);
            frame.resize(frame.len().next_multiple_of(8), 0);
        }
    }
    Ok(sealed(frame))
}

/// Bytes of the reply to a hypercall.
pub fn hypercall_reply_length(call: &Hypercall<'_, '_>) -> usize {
    let out = call.buffers.iter().filter(|b| b.direction != Direction::In);
    8 + out.map(|b| padded(b.bytes.len())).sum::<usize>()
}

/// Puts what a hypercall gave into its buffers; its result.
pub fn hypercall_reply(body: &[u8], call: &mut Hypercall<'_, '_>) -> Result<i64, AgentError> {
    let expected = hypercall_reply_length(call);
    if body.len() != expected {
        return Err(AgentError::unexpected(
            Message::Hypercall,
            "length",
            format!("{expected} bytes"),
            format!("{} bytes", body.len()),
        ));
    }
    let result = u64_at(body, 0) as i64;
    if result < -4095 {
        return Err(AgentError::unexpected(
            Message::Hypercall,
            "result",
            "-4095 or above",
            result.to_string(),
        ));
    }
    let mut at = 8;
    for buffer in call.buffers.iter_mut() {
        if buffer.direction != Direction::In {
            let length = buffer.bytes.len();
            buffer.bytes.copy_from_slice(&body[at..at + length]);
            at += padded(length);
        }
    }
    for link in call.links {
        call.buffers[link.holder].bytes[link.offset..link.offset + 8].fill(0);
    }
    Ok(result)
}

/// The beginning of a message about pages; for [`Message::WritePages`] the pages follow, and
/// [`seal_pages`].
pub fn pages(
    message: Message,
    id: u32,
    domain: DomainId,
    frames: &[u64],
    more: usize,
    frame: Vec<u8>,
) -> Vec<u8> {
    let mut frame = begun(message, id, frame, 16 + 8 * frames.len() + more);
    frame.extend(u32::from(domain).to_le_bytes());
    frame.extend((frames.len() as u32).to_le_bytes());
    frame.extend([0; 8]);
    for number in frames {
        frame.extend(number.to_le_bytes());
    }
    sealed(frame)
}

/// Counts the pages that were put behind a [`pages`].
pub fn seal_pages(frame: Vec<u8>) -> Vec<u8> {
    sealed(frame)
}

/// How each page of a reply went. Errors are numbers of the far side, 1 to 4095.
pub fn page_results(
    message: Message,
    body: &[u8],
    results: &mut [Result<(), Errno>],
) -> Result<usize, AgentError> {
    let expected = 4 * results.len();
    if body.len() < expected {
        return Err(AgentError::unexpected(
            message,
            "length",
            format!("at least {expected} bytes"),
            format!("{} bytes", body.len()),
        ));
    }
    let mut good = 0;
    for (index, result) in results.iter_mut().enumerate() {
        *result = match u32_at(body, 4 * index) {
            0 => {
                good += 1;
                Ok(())
            }
            number @ 1..=4095 => Err(Errno(number as i32)),
            number => {
                return Err(AgentError::unexpected(
                    message,
                    "error of a page",
                    "0 to 4095",
                    number.to_string(),
                ));
            }
        };
    }
    Ok(good)
}

/// Address space of so many pages.
pub fn reserve(id: u32, pages: u64) -> Vec<u8> {
    let mut frame = begun(Message::Reserve, id, Vec::new(), 8);
    frame.extend(pages.to_le_bytes());
    sealed(frame)
}

/// The number of a region.
pub fn reserve_reply(body: &[u8]) -> Result<u32, AgentError> {
    if body.len() == 8 {
        return Ok(u32_at(body, 0));
    }
    let found = format!("{} bytes", body.len());
    Err(AgentError::unexpected(
        Message::Reserve,
        "length",
        "8 bytes",
        found,
    ))
}

/// Some bytes of a region.
pub fn read_region(id: u32, region: u32, offset: u64, length: u32) -> Vec<u8> {
    let mut frame = begun(Message::ReadRegion, id, Vec::new(), 16);
    frame.extend(region.to_le_bytes());
    frame.extend(length.to_le_bytes());
    frame.extend(offset.to_le_bytes());
    sealed(frame)
}

/// A region goes.
pub fn release(id: u32, region: u32) -> Vec<u8> {
    let mut frame = begun(Message::Release, id, Vec::new(), 8);
    frame.extend(region.to_le_bytes());
    frame.extend([0; 4]);
    sealed(frame)
}

/// Bytes for people: as text where they are text, else in hex.
pub fn shown(bytes: &[u8]) -> String {
    if bytes.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
        return format!("{:?}", String::from_utf8_lossy(bytes));
    }
    bytes.iter().fold(String::from("0x"), |mut text, byte| {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The `u32` at an offset that is there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
