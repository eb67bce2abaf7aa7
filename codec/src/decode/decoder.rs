//! The state machine.

use alloc::format;
use alloc::vec::Vec;

use super::Event;
use crate::code::Code;
use crate::detect::{self, Detection, Follow, Head};
use crate::dialect::{ArchSetupLayout, Dialect, Guest, MagicPfn, Version};
use crate::envelope::ByteOrder;
use crate::era::Era;
use crate::error::Error;
use crate::grammar::{self, PAGES_END, Parsed, Part, Prologue, Shape, u64_at};
use crate::limits::Limits;
use crate::ram::RamMap;
use crate::size;

/// Records in one run. Bounds how far the decoder looks before the caller does, so that what it has
/// looked at is still in the cache then.
const RUN: usize = 256;

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

    fn step<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
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
    fn produce<'a, T>(
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

    fn prologue<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        self.produce(input, end, grammar::prologue, |this, prologue| {
            if Version::from_word(prologue.version).is_none() {
                return Err(Error::new(Code::VersionUnknown, this.offset + 8, "version")
                    .length(8)
                    .expected("1, 2 or 3")
                    .found(format!("{:#x}", prologue.version)));
            }
            this.prologue = prologue;
            this.part = Part::ArchSetup;
            Ok(Event::Prologue(prologue))
        })
    }

    fn arch_setup<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        let Some(version) = Version::from_word(self.prologue.version) else {
            return Err(self.impossible());
        };
        let layout = match self.dialect {
            Some(dialect) => dialect.spec().arch_setup,
            None => match grammar::arch_setup_layout(input, version) {
                Ok((_, layout)) => layout,
                Err(_) => ArchSetupLayout::Plain,
            },
        };
        self.produce(input, end, grammar::arch_setup(layout), |this, bytes| {
            let base = layout.size() - 40;
            let word = |at: usize| u64_at(bytes, base + at).unwrap_or(0);
            let flags = word(0);
            let guest = this.guest.unwrap_or(if flags & 1 == 1 {
                Guest::Hvm
            } else {
                Guest::Pv
            });
            let ram = if version.has_memmap() {
                RamMap::default()
            } else {
                RamMap::flat(this.prologue.p2m_size)
            };
            let head = Head {
                page_size: this.page_size,
                p2m_size: this.prologue.p2m_size,
                version,
                setup: layout,
                flags,
                flags_offset: this.offset + base as u64,
                maxmem: word(16),
                xsi_va: word(24),
                vhpt_byte: bytes[base + 36],
                guest,
                ram,
            };
            let supported = match this.dialect {
                Some(dialect) => dialect.supports(guest) && dialect.spec().version == version,
                None => !head.candidates().is_empty(),
            };
            if !supported {
                return Err(this.unsupported(&head));
            }
            this.head = Some(head);
            this.part = Shape::after_arch_setup(version);
            Ok(Event::ArchSetup { layout, bytes })
        })
    }

    fn memmap<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        let page_size = self.page_size;
        let production = grammar::memmap(page_size, &self.limits);
        self.produce(input, end, production, |this, memmap| {
            if let Some(head) = &mut this.head {
                head.ram = RamMap::from_memmap(memmap.bytes, page_size);
            }
            this.part = Part::Pages;
            Ok(Event::Memmap(memmap))
        })
    }

    fn pages<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        if u64_at(input, 0) == Some(PAGES_END) {
            return self.produce(input, end, grammar::page_end, |this, ()| {
                this.part = Part::UnallocatedCount;
                Ok(Event::PagesEnd)
            });
        }
        // A run stops at the limit, so that the complaint stands at the first record too many.
        let room = self.limits.page_records.saturating_sub(self.records);
        let most = size::place(room.clamp(1, RUN as u64));
        self.produce(
            input,
            end,
            grammar::page_run(self.page_size, most),
            |this, run| {
                this.count_records(run.len() as u64)?;
                Ok(Event::Pages(run))
            },
        )
    }

    fn count_records(&mut self, count: u64) -> Result<(), Error> {
        let limit = self.limits.page_records;
        if self.records.saturating_add(count) > limit {
            let at = limit.saturating_sub(self.records);
            let offset = self.offset.saturating_add(at * (8 + self.page_size as u64));
            let path = self.within(format!("pages[{}]", self.records_here + at));
            return Err(Error::new(Code::LimitExceeded, offset, path)
                .expected(format!("at most {limit} page records"))
                .found("one more"));
        }
        self.records += count;
        self.records_here += count;
        Ok(())
    }

    fn unallocated<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        if self.unallocated_left > 0 {
            let left = self.unallocated_left;
            return self.produce(input, end, grammar::unallocated_run(left), |this, run| {
                this.unallocated_left -= run.len() as u32;
                Ok(Event::Unallocated(run))
            });
        }
        let Some(head) = &self.head else {
            return Err(self.impossible());
        };
        let (detection, news) = match (&self.detection, self.dialect) {
            (Some(known), _) => (known.clone(), false),
            (None, Some(dialect)) => (Detection::given(dialect, self.era, head.guest), true),
            (None, None) => match detect::detect(head, &self.limits, input, end) {
                Ok(Some(found)) => (found, true),
                Ok(None) => return Err(detect::none(head, self.offset, input)),
                Err(wanted) => return Ok(Step::NeedMore(wanted)),
            },
        };
        self.part = Shape {
            dialect: detection.best(),
            guest: detection.guest,
        }
        .tail();
        self.online = alloc::vec![0];
        self.vcpu = 0;
        self.detection = Some(detection.clone());
        if news {
            let event = Event::Detected(detection);
            return Ok(Step::Event {
                offset: self.offset,
                consumed: 0,
                event,
            });
        }
        self.step(input, end)
    }

    fn tail<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        let Some(detection) = &self.detection else {
            return Err(self.impossible());
        };
        let shape = Shape {
            dialect: detection.best(),
            guest: detection.guest,
        };
        let spec = shape.dialect.spec();
        let page_size = self.page_size;
        let vcpu = self.online.get(self.vcpu).copied().unwrap_or(0);
        match self.part {
            Part::Vcpumap => {
                let production = grammar::vcpumap(spec.vcpumap, &self.limits);
                self.produce(input, end, production, |this, map| {
                    this.online = map.online().collect();
                    this.vcpu = 0;
                    this.part = shape.after_vcpu(Part::Vcpumap, !this.online.is_empty());
                    Ok(Event::Vcpumap(map))
                })
            }
            Part::Context => {
                let layout = spec.context;
                self.produce(
                    input,
                    end,
                    grammar::section(layout.size()),
                    |this, bytes| {
                        let more = this.vcpu + 1 < this.online.len();
                        this.part = shape.after_vcpu(Part::Context, more);
                        if this.part != Part::Privregs {
                            this.vcpu += 1;
                        }
                        Ok(Event::Context {
                            vcpu,
                            layout,
                            bytes,
                        })
                    },
                )
            }
            Part::Privregs => {
                self.produce(input, end, grammar::section(page_size), |this, bytes| {
                    this.vcpu += 1;
                    this.part = shape.after_vcpu(Part::Privregs, this.vcpu < this.online.len());
                    Ok(Event::Privregs { vcpu, bytes })
                })
            }
            Part::SharedInfo => {
                self.produce(input, end, grammar::section(page_size), |this, bytes| {
                    this.part = shape.after_shared_info();
                    Ok(Event::SharedInfo(bytes))
                })
            }
            Part::MagicPfns => {
                let order = match self.magic_pfns(detection, input, end) {
                    Ok(order) => order,
                    Err(wanted) => return Ok(Step::NeedMore(wanted)),
                };
                self.produce(
                    input,
                    end,
                    grammar::magic_pfns(order.len()),
                    |this, bytes| {
                        this.part = Part::HvmContext;
                        Ok(Event::MagicPfns { order, bytes })
                    },
                )
            }
            _ => {
                let production = grammar::hvm_context(&self.limits);
                self.produce(input, end, production, |this, bytes| {
                    this.part = Part::Boundary;
                    Ok(Event::HvmContext(bytes))
                })
            }
        }
    }

    /// The order of the magic pfns: that of the era, where it was found out or given. Of a dialect that
    /// was given the eras may differ in it; the size of the HVM context, which follows, tells. `Err` holds
    /// the bytes that it takes; a stream has as many in any case.
    fn magic_pfns(
        &self,
        detection: &Detection,
        input: &[u8],
        end: bool,
    ) -> Result<&'static [MagicPfn], usize> {
        let usual = detection.best_era().magic_pfns();
        let orders = Era::of(detection.best()).map(Era::magic_pfns);
        let mut others = orders.filter(|order| *order != usual);
        let (Some(other), true, None) = (others.next(), detection.given, self.era) else {
            return Ok(usual);
        };
        let wanted = 8 * (1 + usual.len().min(other.len()));
        if input.len() < wanted && !end {
            return Err(wanted);
        }
        let vcpus = self.online.len() as u64;
        let is_size =
            u64_at(input, 8 * other.len()).is_some_and(|size| detect::is_hvm_size(vcpus, size));
        Ok(if is_size && other.len() < usual.len() {
            other
        } else {
            usual
        })
    }

    /// The end of a checkpoint is reported as soon as it is known; what follows is looked at next.
    fn boundary<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        if !self.reported {
            self.reported = true;
            let event = Event::CheckpointEnd {
                index: self.checkpoint,
            };
            return Ok(Step::Event {
                offset: self.offset,
                consumed: 0,
                event,
            });
        }
        let (Some(head), Some(detection)) = (&self.head, &self.detection) else {
            return Err(self.impossible());
        };
        let (dialect, order) = (detection.best(), self.byte_order);
        match detect::follows(head, dialect, &self.limits, order, input, end) {
            Err(wanted) => return Ok(Step::NeedMore(wanted)),
            Ok(Follow::End) => self.part = Part::End,
            Ok(Follow::Trailing) => self.part = Part::Trailing,
            Ok(Follow::Checkpoint) => self.next_checkpoint()?,
            Ok(Follow::DeviceModel(record)) => {
                let header = record.kind.header_size();
                let length = size::index(record.length.unwrap_or(0));
                let consumed = header.saturating_add(length);
                let Some(data) = input.get(header..consumed) else {
                    return Err(self.impossible());
                };
                self.next_checkpoint()?;
                return Ok(Step::Event {
                    offset: self.offset,
                    consumed,
                    event: Event::DeviceModel {
                        kind: record.kind,
                        order,
                        data,
                    },
                });
            }
        }
        self.step(input, end)
    }

    fn next_checkpoint(&mut self) -> Result<(), Error> {
        self.checkpoint += 1;
        self.reported = false;
        self.records_here = 0;
        self.part = Part::Pages;
        let limit = self.limits.checkpoints;
        if size::index(self.checkpoint) >= limit {
            return Err(Error::new(Code::LimitExceeded, self.offset, self.path())
                .expected(format!("at most {limit} checkpoints"))
                .found("one more"));
        }
        Ok(())
    }
}
