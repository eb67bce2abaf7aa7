//! The transport over an agent: what is asked, cut into messages, with many of them on the way.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::ops::Range;
use std::process::Command;

use ia64save_codec::transfer::ports::{Errno, PageResult};

use super::error::AgentError;
use super::exchange::Exchange;
use super::message::Message;
use super::replies::Expected;
use super::stream::{Options, Streams};
use super::wire::{self, Limits};
use crate::transport::{Argument, DomainId, Geometry, Hypercall, Layout, Region, Transport};

/// Pages that one descriptor page of xencomm can list.
const BUFFER_PAGES: usize = 2047;

/// A control domain elsewhere, by way of its agent.
///
/// What of one call is cut into several messages is pipelined; calls are not, so that the order of
/// their effects is that of the calls. Once the connection is broken, every call fails with the same
/// number, and [`Agent::failure`] says why.
#[derive(Debug)]
pub struct Agent<E: Exchange = Streams> {
    exchange: E,
    limits: Limits,
    id: u32,
    failure: Option<AgentError>,
    /// Bytes of pages in one message, and bytes on the way.
    chunk: usize,
    window: usize,
    /// Length of every region, by its number.
    regions: BTreeMap<u32, u64>,
}

impl Agent<Streams> {
    /// Starts a command that leads to an agent, such as ssh, and greets it.
    pub fn spawn(command: Command, options: &Options) -> Result<Self, AgentError> {
        Agent::over(Streams::spawn(command, options)?, options)
    }

    /// Greets the agent at the other end of a pair of streams; see [`Streams::connect`].
    pub fn connect(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
        options: &Options,
    ) -> Result<Self, AgentError> {
        Agent::over(Streams::connect(reader, writer, options), options)
    }
}

impl<E: Exchange> Agent<E> {
    /// Greets the agent at the other end of an exchange.
    pub fn over(mut exchange: E, options: &Options) -> Result<Self, AgentError> {
        exchange.send(
            wire::hello(1),
            Expected {
                id: 1,
                message: Message::Hello,
                least: 64,
                most: 64,
            },
        )?;
        let reply = exchange.receive()?;
        if let Some(status) = reply.status {
            let found = format!("refused: {}", Errno(status));
            return Err(AgentError::unexpected(Message::Hello, "status", "0", found));
        }
        Ok(Agent {
            limits: wire::hello_reply(&reply.body)?,
            exchange,
            id: 1,
            failure: None,
            chunk: options.chunk,
            window: options.window,
            regions: BTreeMap::new(),
        })
    }

    /// What the agent can do.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Why the connection is broken; `None` while it is not.
    pub fn failure(&self) -> Option<&AgentError> {
        self.failure.as_ref()
    }

    /// Pages that go into one message.
    fn pages_per_message(&self) -> usize {
        (self.chunk / self.limits.page_size).clamp(1, self.limits.pages)
    }

    /// Sends `count` requests, as many on the way as the window holds, and reads their replies.
    ///
    /// `request(i, id, frame)` builds the `i`-th in the frame it is given, and says how long the body of
    /// a good reply is; `reply(i, body)` reads it. A request that is refused ends the sending; those on
    /// the way are waited for, and its number is the error.
    fn pipeline(
        &mut self,
        message: Message,
        count: usize,
        mut request: impl FnMut(usize, u32, Vec<u8>) -> (Vec<u8>, Range<usize>),
        mut reply: impl FnMut(usize, &[u8]) -> Result<(), AgentError>,
    ) -> Result<(), Errno> {
        if let Some(failure) = &self.failure {
            return Err(failure.errno());
        }
        let (mut sent, mut read, mut refused) = (0, 0, None);
        let mut sizes = std::collections::VecDeque::new();
        let mut on_the_way = 0;
        let result = loop {
            while sent < count && refused.is_none() {
                if on_the_way >= self.window && !sizes.is_empty() {
                    break;
                }
                self.id = self.id.wrapping_add(1);
                let spare = self.exchange.spare();
                let (frame, length) = request(sent, self.id, spare);
                let size = frame.len() + length.end;
                let expected = Expected {
                    id: self.id,
                    message,
                    least: length.start,
                    most: length.end,
                };
                if let Err(error) = self.exchange.send(frame, expected) {
                    self.failure = Some(error);
                    break;
                }
                sizes.push_back(size);
                on_the_way += size;
                sent += 1;
            }
            if self.failure.is_some() || read == sent {
                break Ok(());
            }
            match self.exchange.receive() {
                Ok(one) => {
                    if let Some(status) = one.status {
                        refused = refused.or(Some(Errno(status)));
                    } else if let Err(error) = reply(read, &one.body) {
                        break Err(error);
                    }
                    self.exchange.give_back(one.body);
                }
                Err(error) => break Err(error),
            }
            on_the_way -= sizes.pop_front().unwrap_or(0);
            read += 1;
        };
        if let Err(error) = result {
            self.failure = Some(error);
        }
        match (&self.failure, refused) {
            (Some(failure), _) => Err(failure.errno()),
            (None, Some(errno)) => Err(errno),
            (None, None) => Ok(()),
        }
    }

    /// A message whose good reply is empty but for the errors of its pages, for every so many pages.
    fn change_pages(
        &mut self,
        message: Message,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
        data: Option<(&[u8], Layout)>,
    ) -> Result<(), Errno> {
        let page_size = self.limits.page_size;
        let per = self.pages_per_message();
        let chunk = |index: usize| index * per..frames.len().min((index + 1) * per);
        self.pipeline(
            message,
            frames.len().div_ceil(per),
            |index, id, frame| {
                let pages = chunk(index);
                let more = if data.is_some() {
                    pages.len() * page_size
                } else {
                    0
                };
                let mut frame =
                    wire::pages(message, id, domain, &frames[pages.clone()], more, frame);
                if let Some((data, layout)) = data {
                    for page in pages.clone() {
                        let range = layout.page(page, page_size).unwrap_or_default();
                        frame.extend_from_slice(&data[range]);
                    }
                    frame = wire::seal_pages(frame);
                }
                (frame, 4 * pages.len()..4 * pages.len())
            },
            |index, body| wire::page_results(message, body, &mut results[chunk(index)]).map(drop),
        )
    }
}

impl<E: Exchange> Transport for Agent<E> {
    fn failure(&self) -> Option<String> {
        self.failure.as_ref().map(ToString::to_string)
    }

    fn geometry(&self) -> Geometry {
        Geometry {
            page_size: self.limits.page_size,
            buffer: wire::longest_buffer(&self.limits).min(BUFFER_PAGES * self.limits.page_size),
            batch: self.limits.pages,
        }
    }

    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        if !call.is_sound() {
            return Err(Errno::EINVAL);
        }
        for argument in &call.arguments {
            if let Argument::Region(region) = argument {
                self.region(*region)?;
            }
        }
        let longest = self.geometry().buffer;
        if call.buffers.iter().any(|b| b.bytes.len() > longest) {
            return Err(Errno::E2BIG);
        }
        let spare = self.exchange.spare();
        let mut built = wire::hypercall(self.id.wrapping_add(1), call, &self.limits, spare)?;
        let length = wire::hypercall_reply_length(call);
        let mut result = 0;
        self.pipeline(
            Message::Hypercall,
            1,
            |_, _, _| (std::mem::take(&mut built), length..length),
            |_, body| {
                result = wire::hypercall_reply(body, call)?;
                Ok(())
            },
        )?;
        u64::try_from(result).map_err(|_| Errno(-result as i32))
    }

    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let page_size = self.limits.page_size;
        if results.len() != frames.len() || !layout.fits(frames.len(), page_size, out.len()) {
            return Err(Errno::EINVAL);
        }
        let per = self.pages_per_message();
        let chunk = |index: usize| index * per..frames.len().min((index + 1) * per);
        self.pipeline(
            Message::ReadPages,
            frames.len().div_ceil(per),
            |index, id, frame| {
                let pages = &frames[chunk(index)];
                let frame = wire::pages(Message::ReadPages, id, domain, pages, 0, frame);
                (frame, 4 * pages.len()..pages.len() * (4 + page_size))
            },
            |index, body| {
                let pages = chunk(index);
                let results = &mut results[pages.clone()];
                let good = wire::page_results(Message::ReadPages, body, results)?;
                let data = &body[4 * pages.len()..];
                if data.len() != good * page_size {
                    return Err(AgentError::unexpected(
                        Message::ReadPages,
                        "pages",
                        format!("{good} pages of {page_size} bytes"),
                        format!("{} bytes", data.len()),
                    ));
                }
                let there = pages.zip(results).filter(|(_, result)| result.is_ok());
                for ((page, _), data) in there.zip(data.chunks_exact(page_size)) {
                    let range = layout.page(page, page_size).unwrap_or_default();
                    out[range].copy_from_slice(data);
                }
                Ok(())
            },
        )
    }

    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let page_size = self.limits.page_size;
        if results.len() != frames.len() || !layout.fits(frames.len(), page_size, data.len()) {
            return Err(Errno::EINVAL);
        }
        let data = Some((data, layout));
        self.change_pages(Message::WritePages, domain, frames, results, data)
    }

    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        if results.len() != frames.len() {
            return Err(Errno::EINVAL);
        }
        self.change_pages(Message::ClearPages, domain, frames, results, None)
    }

    fn reserve(&mut self, bytes: usize) -> Result<Region, Errno> {
        if bytes == 0 || !bytes.is_multiple_of(self.limits.page_size) {
            return Err(Errno::EINVAL);
        }
        let pages = (bytes / self.limits.page_size) as u64;
        let mut number = 0;
        self.pipeline(
            Message::Reserve,
            1,
            |_, id, _| (wire::reserve(id, pages), 8..8),
            |_, body| {
                number = wire::reserve_reply(body)?;
                Ok(())
            },
        )?;
        if self.regions.insert(number, bytes as u64).is_some() {
            let found = format!("{number}, which is in use");
            let error =
                AgentError::unexpected(Message::Reserve, "region", "a number of its own", found);
            let errno = error.errno();
            self.failure = Some(error);
            return Err(errno);
        }
        Ok(Region(u64::from(number)))
    }

    fn read_region(&mut self, region: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno> {
        let (number, size) = self.region(region)?;
        let end = (offset as u64).checked_add(out.len() as u64);
        if end.is_none_or(|end| end > size) {
            return Err(Errno::EFAULT);
        }
        let length = out.len();
        let per = self.chunk.clamp(1, self.limits.frame);
        let chunk = |index: usize| index * per..length.min((index + 1) * per);
        self.pipeline(
            Message::ReadRegion,
            length.div_ceil(per),
            |index, id, _| {
                let part = chunk(index);
                let at = (offset + part.start) as u64;
                let frame = wire::read_region(id, number, at, part.len() as u32);
                (frame, part.len()..part.len())
            },
            |index, body| {
                out[chunk(index)].copy_from_slice(body);
                Ok(())
            },
        )
    }

    fn release(&mut self, region: Region) -> Result<(), Errno> {
        let (number, _) = self.region(region)?;
        self.pipeline(
            Message::Release,
            1,
            |_, id, _| (wire::release(id, number), 0..0),
            |_, _| Ok(()),
        )?;
        self.regions.remove(&number);
        Ok(())
    }
}

impl<E: Exchange> Agent<E> {
    /// Number and length of a region that is there.
    fn region(&self, region: Region) -> Result<(u32, u64), Errno> {
        u32::try_from(region.0)
            .ok()
            .and_then(|number| Some((number, *self.regions.get(&number)?)))
            .ok_or(Errno::EINVAL)
    }
}
