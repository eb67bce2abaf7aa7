//! The state machine.

use alloc::vec::Vec;

use super::Event;
use crate::code::Code;
use crate::detect::{Detection, Head};
use crate::dialect::{Dialect, Guest};
use crate::envelope::ByteOrder;
use crate::era::Era;
use crate::error::Error;
use crate::grammar::{self, Parsed, Part, Prologue};
use crate::limits::Limits;

/// What a decoder makes of the input it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Show at least this many bytes, counted from the first that is not consumed yet, or say that
    /// the input has ended.
    NeedMore(usize),
    /// A part of the stream.
    Event {
        /// Where it begins, absolute.
        offset: u64,
        /// Bytes that it takes.
        consumed: usize,
        /// The part.
        event: Event<'a>,
    },
    /// The stream has ended where a stream may end.
    Done,
}

/// Reads one stream. See the [module](super) for how to feed it.
#[derive(Clone, Debug)]
pub struct Decoder {
    pub(super) page_size: usize,
    pub(super) limits: Limits,
    pub(super) dialect: Option<Dialect>,
    pub(super) era: Option<Era>,
    pub(super) guest: Option<Guest>,
    pub(super) byte_order: ByteOrder,
    /// Offset of the next byte.
    pub(super) offset: u64,
    pub(super) part: Part,
    pub(super) prologue: Prologue,
    pub(super) head: Option<Head>,
    pub(super) detection: Option<Detection>,
    pub(super) checkpoint: u32,
    /// The end of the checkpoint has been reported.
    pub(super) reported: bool,
    /// Page records so far, and in this checkpoint.
    pub(super) records: u64,
    pub(super) records_here: u64,
    /// Unallocated pfns that are still to come, and how many there were.
    pub(super) unallocated_left: u32,
    pub(super) unallocated_count: u32,
    pub(super) online: Vec<u32>,
    /// Index into `online` of the vcpu at hand.
    pub(super) vcpu: usize,
    pub(super) failed: Option<Error>,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder {
            page_size: crate::PAGE_SIZE,
            limits: Limits::default(),
            dialect: None,
            era: None,
            guest: None,
            byte_order: ByteOrder::Little,
            offset: 0,
            part: Part::Prologue,
            prologue: Prologue {
                p2m_size: 0,
                version: 0,
            },
            head: None,
            detection: None,
            checkpoint: 0,
            reported: false,
            records: 0,
            records_here: 0,
            unallocated_left: 0,
            unallocated_count: 0,
            online: Vec::new(),
            vcpu: 0,
            failed: None,
        }
    }
}

impl Decoder {
    /// A decoder for ia64 pages that finds out the dialect by itself.
    pub fn new() -> Self {
        Decoder::default()
    }

    /// Bytes of a page; 16384 on ia64.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    pub fn page_size(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a page has at least one byte");
        self.page_size = bytes;
        self
    }

    /// How much the input may make the decoder ask for.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads as this dialect, whatever the stream looks like. A decoder on a live connection wants
    /// this: it then never asks for bytes beyond the part at hand.
    #[must_use]
    pub fn dialect(mut self, dialect: Option<Dialect>) -> Self {
        self.dialect = dialect;
        self
    }

    /// Understands as this era, whatever the stream looks like, and reads as its dialect.
    #[must_use]
    pub fn era(mut self, era: Option<Era>) -> Self {
        self.era = era;
        self.dialect = era.map(Era::dialect).or(self.dialect);
        self
    }

    /// Reads as this kind of guest, whatever `arch_setup.flags` says.
    #[must_use]
    pub fn guest(mut self, guest: Option<Guest>) -> Self {
        self.guest = guest;
        self
    }

    /// The order of the lengths of device-model records, which is that of the envelope
    /// ([`Envelope::byte_order`](crate::envelope::Envelope::byte_order)); little-endian otherwise.
    #[must_use]
    pub fn byte_order(mut self, order: ByteOrder) -> Self {
        self.byte_order = order;
        self
    }

    /// Where in the file the stream begins, for offsets.
    #[must_use]
    pub fn starting_at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Offset of the next byte, absolute.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The part that comes next.
    pub fn part(&self) -> Part {
        self.part
    }

    /// What the head said, once it has been read.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Takes `count` whole page records as read, `count * (8 + page size)` bytes: for a caller who
    /// has found them by itself, side by side, in a file. Only where [`Decoder::part`] is
    /// [`Part::Pages`].
    pub fn skip_page_records(&mut self, count: u64) -> Result<(), Error> {
        if self.part != Part::Pages {
            return Err(Error::new(Code::OutOfOrder, self.offset, self.part.name())
                .expected("page records are next")
                .found(self.part.name()));
        }
        self.count_records(count)?;
        let bytes = count.saturating_mul(8 + self.page_size as u64);
        self.offset = self.offset.saturating_add(bytes);
        Ok(())
    }

    /// Makes what it can of `input`, the bytes at [`Decoder::offset`] and after. `end` says that
    /// nothing follows them.
    pub fn decode<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let step = self.step(input, end);
        match &step {
            Ok(Step::Event { consumed, .. }) => self.offset += *consumed as u64,
            Err(error) => self.failed = Some(error.clone()),
            Ok(_) => {}
        }
        step
    }

    pub(super) fn step<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        match self.part {
            Part::Prologue => self.prologue(input, end),
            Part::ArchSetup => self.arch_setup(input, end),
            Part::Memmap => self.memmap(input, end),
            Part::Pages | Part::PagesEnd => self.pages(input, end),
            Part::UnallocatedCount => {
                self.produce(input, end, grammar::unallocated_count, |this, count| {
                    this.unallocated_count = count;
                    this.unallocated_left = count;
                    this.part = Part::Unallocated;
                    Ok(Event::UnallocatedCount(count))
                })
            }
            Part::Unallocated => self.unallocated(input, end),
            Part::Vcpumap
            | Part::Context
            | Part::Privregs
            | Part::SharedInfo
            | Part::MagicPfns
            | Part::HvmContext => self.tail(input, end),
            Part::Boundary | Part::DeviceModel => self.boundary(input, end),
            Part::Trailing if input.is_empty() => {
                Ok(if end { Step::Done } else { Step::NeedMore(1) })
            }
            Part::Trailing => Ok(Step::Event {
                offset: self.offset,
                consumed: input.len(),
                event: Event::Trailing(input),
            }),
            Part::End => Ok(Step::Done),
        }
    }

    /// Runs one production and turns its answer into a step.
    pub(super) fn produce<'a, T>(
        &mut self,
        input: &'a [u8],
        end: bool,
        production: impl Fn(&'a [u8]) -> Parsed<'a, T>,
        then: impl FnOnce(&mut Self, T) -> Result<Event<'a>, Error>,
    ) -> Result<Step<'a>, Error> {
        match production(input) {
            Ok((rest, value)) => {
                let event = then(self, value)?;
                let consumed = input.len() - rest.len();
                Ok(Step::Event {
                    offset: self.offset,
                    consumed,
                    event,
                })
            }
            Err(nom::Err::Incomplete(needed)) => {
                let more = match needed {
                    nom::Needed::Size(more) => more.get(),
                    nom::Needed::Unknown => 1,
                };
                let whole = input.len().saturating_add(more);
                if end {
                    Err(self.truncated(input.len(), whole))
                } else {
                    Ok(Step::NeedMore(whole))
                }
            }
            Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => Err(self.fault(fault)),
        }
    }
}
