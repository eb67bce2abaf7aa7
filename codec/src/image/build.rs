//! An image out of a decoder's events.

use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;

use super::checkpoint::{
    Checkpoint, DeviceModelRecord, HvmContext, MagicPfns, Trailing, Unallocated, Vcpu, Vcpumap,
};
use super::index::PageIndex;
use super::{Image, Section};
use crate::code::Code;
use crate::decode::{Decoder, Event, Step};
use crate::dialect::{Dialect, Guest};
use crate::envelope::ByteOrder;
use crate::era::Era;
use crate::error::Error;
use crate::grammar::PageRun;
use crate::limits::Limits;
use crate::wire::start_info::START_INFO_MAGIC;

/// Bytes kept of what trails the stream.
const TRAILING_KEPT: usize = 64;
/// Pages that look like start_info and are kept while streaming.
const PAGES_KEPT: usize = 16;

/// How to read an image: what is usual, and setters for the rest.
///
/// ```
/// use ia64save_codec::Guest;
/// use ia64save_codec::image::Options;
/// let options = Options::default().page_size(4096).guest(Some(Guest::Hvm));
/// assert_eq!(options.page_size, 4096);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Bytes of a page; 16384 on ia64.
    pub page_size: usize,
    /// How much the input may make the reader hold.
    pub limits: Limits,
    /// Read as this dialect instead of finding out.
    pub dialect: Option<Dialect>,
    /// Understand as this era instead of finding out; it overrules `dialect`.
    pub era: Option<Era>,
    /// Read as this kind of guest instead of looking at `arch_setup.flags`.
    pub guest: Option<Guest>,
    /// Look at every page and note which are all zero.
    pub zero: bool,
    /// The order of the length of a device-model record: that of the envelope
    /// ([`Envelope::byte_order`](crate::envelope::Envelope::byte_order)).
    pub byte_order: ByteOrder,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            page_size: crate::PAGE_SIZE,
            limits: Limits::default(),
            dialect: None,
            era: None,
            guest: None,
            zero: false,
            byte_order: ByteOrder::Little,
        }
    }
}

impl Options {
    /// Bytes of a page; 16384 on ia64.
    #[must_use]
    pub fn page_size(mut self, bytes: usize) -> Self {
        self.page_size = bytes;
        self
    }

    /// How much the input may make the reader hold.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Read as this dialect instead of finding out.
    #[must_use]
    pub fn dialect(mut self, dialect: Option<Dialect>) -> Self {
        self.dialect = dialect;
        self
    }

    /// Understand as this era instead of finding out.
    #[must_use]
    pub fn era(mut self, era: Option<Era>) -> Self {
        self.era = era;
        self
    }

    /// Read as this kind of guest instead of looking at `arch_setup.flags`.
    #[must_use]
    pub fn guest(mut self, guest: Option<Guest>) -> Self {
        self.guest = guest;
        self
    }

    /// Look at every page and note which are all zero.
    #[must_use]
    pub fn zero(mut self, zero: bool) -> Self {
        self.zero = zero;
        self
    }

    /// The order of the length of a device-model record.
    #[must_use]
    pub fn byte_order(mut self, order: ByteOrder) -> Self {
        self.byte_order = order;
        self
    }

    /// A decoder that reads so, for a stream that begins at `offset` of its file.
    pub fn decoder(&self, offset: u64) -> Decoder {
        Decoder::new()
            .page_size(self.page_size)
            .limits(self.limits)
            .dialect(self.dialect)
            .era(self.era)
            .guest(self.guest)
            .byte_order(self.byte_order)
            .starting_at(offset)
    }
}

/// Collects events into an [`Image`].
///
/// With `data`, the whole file in memory or mapped, sections are borrowed from it. Without, they
/// are copied, and [`Limits::retained_bytes`] bounds them.
#[derive(Debug)]
pub struct Builder {
    options: Options,
    image: Image,
    retained: usize,
    ranges: usize,
}

impl Builder {
    /// For a stream that begins at `stream_offset`.
    pub fn new(options: &Options, stream_offset: u64, data: Option<Bytes>) -> Self {
        let image = Image {
            page_size: options.page_size,
            stream_offset,
            end: stream_offset,
            prologue: None,
            head: None,
            arch_setup: None,
            memmap: None,
            detection: None,
            checkpoints: Vec::new(),
            trailing: None,
            byte_order: options.byte_order,
            error: None,
            retained_too_much: false,
            data,
        };
        Builder {
            options: *options,
            image,
            retained: 0,
            ranges: 0,
        }
    }

    /// Reads a stream that begins at `stream_offset` of `data` to its end.
    pub fn parse(data: &Bytes, stream_offset: u64, options: &Options) -> Image {
        let mut decoder = options.decoder(stream_offset);
        let mut builder = Builder::new(options, stream_offset, Some(data.clone()));
        let mut rest = usize::try_from(stream_offset)
            .ok()
            .and_then(|at| data.get(at..))
            .unwrap_or(&[]);
        let outcome = loop {
            match decoder.decode(rest, true) {
                Ok(Step::Event {
                    offset,
                    consumed,
                    event,
                }) => {
                    rest = &rest[consumed..];
                    if let Err(error) = builder.push(&decoder, offset, &event) {
                        break Err(error);
                    }
                }
                // Asked for more after the end was announced: the decoder has no more to say.
                Ok(Step::NeedMore(_) | Step::Done) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        builder.finish(&decoder, outcome.err())
    }

    /// Takes one event. `decoder` is the one that gave it.
    pub fn push(&mut self, decoder: &Decoder, offset: u64, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::Prologue(prologue) => self.image.prologue = Some(*prologue),
            Event::ArchSetup { bytes, .. } => {
                self.image.arch_setup = Some(self.section(offset, bytes)?);
            }
            Event::Memmap(memmap) => {
                self.image.memmap = Some(self.section(offset + 4, memmap.bytes)?);
            }
            Event::Pages(run) => self.pages(offset, run)?,
            Event::PagesEnd => self.pages_here(offset).terminate(offset),
            Event::UnallocatedCount(count) => {
                self.here().unallocated = Some(Unallocated {
                    count_offset: offset,
                    count: *count,
                    offset: offset + 4,
                    runs: Vec::new(),
                });
            }
            Event::Unallocated(run) => self.unallocated(offset, run.pfns())?,
            Event::Detected(detection) => self.image.detection = Some(detection.clone()),
            Event::Vcpumap(map) => {
                let bitmap = self.section(offset + 8, map.bytes)?;
                self.here().vcpumap = Some(Vcpumap {
                    max_virt_cpus_offset: offset,
                    max_virt_cpus: map.max_virt_cpus,
                    bitmap,
                });
            }
            Event::Context {
                vcpu,
                layout,
                bytes,
            } => {
                let context = self.section(offset, bytes)?;
                let vcpu = Vcpu {
                    id: *vcpu,
                    layout: *layout,
                    context,
                    privregs: None,
                };
                self.here().vcpus.push(vcpu);
            }
            Event::Privregs { bytes, .. } => {
                let page = self.section(offset, bytes)?;
                if let Some(vcpu) = self.here().vcpus.last_mut() {
                    vcpu.privregs = Some(page);
                }
            }
            Event::SharedInfo(bytes) => {
                self.here().shared_info = Some(self.section(offset, bytes)?);
            }
            Event::MagicPfns { order, bytes } => {
                let section = self.section(offset, bytes)?;
                self.here().magic_pfns = Some(MagicPfns { order, section });
            }
            Event::HvmContext(bytes) => {
                let blob = self.section(offset + 8, bytes)?;
                self.here().hvm_context = Some(HvmContext {
                    size_offset: offset,
                    blob,
                });
            }
            Event::CheckpointEnd { .. } => self.here().complete = true,
            Event::DeviceModel { kind, order, data } => {
                let header = kind.header_size() as u64;
                let data_offset = offset + header;
                let bytes = match &self.image.data {
                    Some(all) => all.slice_ref(data),
                    // As of what trails: as much as says what it is.
                    None => Bytes::copy_from_slice(&data[..data.len().min(TRAILING_KEPT)]),
                };
                if let Some(last) = self.image.checkpoints.last_mut() {
                    last.device_model = Some(DeviceModelRecord {
                        kind: *kind,
                        order: *order,
                        signature_offset: offset,
                        size: data.len() as u64,
                        data: Section {
                            offset: data_offset,
                            bytes,
                        },
                    });
                }
            }
            Event::Trailing(bytes) => self.trailing(offset, bytes),
        }
        if self.image.head.is_none() || matches!(event, Event::Memmap(_)) {
            self.image.head = decoder.head().cloned();
        }
        Ok(())
    }

    /// Takes page records of the checkpoint at hand, after those it has: for a caller who found them
    /// by itself and told the decoder ([`Decoder::skip_page_records`]). `zero` has one bit a record.
    pub fn add_pages(&mut self, offset: u64, pfns: Vec<u64>, zero: Option<Vec<u64>>) {
        self.pages_here(offset).append(pfns, zero);
    }

    /// The image, and `error` where reading ended early.
    pub fn finish(mut self, decoder: &Decoder, error: Option<Error>) -> Image {
        for checkpoint in &mut self.image.checkpoints {
            checkpoint.pages.finish();
        }
        if self.image.head.is_none() {
            self.image.head = decoder.head().cloned();
        }
        self.image.end = decoder.offset();
        self.image.error = error;
        self.image.narrow();
        self.image
    }

    /// The checkpoint that is being read; a complete one is left behind.
    fn here(&mut self) -> &mut Checkpoint {
        let checkpoints = &mut self.image.checkpoints;
        if checkpoints.last().is_none_or(|last| last.complete) {
            checkpoints.push(Checkpoint::default());
        }
        let last = checkpoints.len() - 1;
        &mut checkpoints[last]
    }

    fn pages_here(&mut self, offset: u64) -> &mut PageIndex {
        let page_size = self.options.page_size;
        let pages = &mut self.here().pages;
        if pages.stride() == 0 {
            *pages = PageIndex::new(offset, page_size);
        }
        pages
    }

    fn pages(&mut self, offset: u64, run: &PageRun<'_>) -> Result<(), Error> {
        let zero = self.options.zero;
        let keep = self.image.data.is_none();
        let pages = self.pages_here(offset);
        if !zero && !keep {
            pages.extend(run.gmfns());
            return Ok(());
        }
        for record in run.records() {
            let pages = &mut self.here().pages;
            let number = pages.len();
            pages.extend(core::iter::once(record.gmfn));
            if zero {
                pages.push_zero(is_zero(record.page));
            }
            if keep && record.page.starts_with(START_INFO_MAGIC) {
                let kept = self.retain(offset, record.page)?;
                let checkpoint = self.here();
                if checkpoint.kept.len() == PAGES_KEPT {
                    checkpoint.kept.remove(0);
                }
                checkpoint.kept.push((number, kept));
            }
        }
        Ok(())
    }

    fn unallocated(&mut self, offset: u64, pfns: impl Iterator<Item = u64>) -> Result<(), Error> {
        let limit = self.options.limits.unallocated_ranges;
        let before = self.ranges;
        let Some(list) = self.here().unallocated.as_mut() else {
            return Ok(());
        };
        let had = list.runs.len();
        for (index, pfn) in pfns.enumerate() {
            list.push(pfn);
            if before + list.runs.len() - had > limit {
                let at = offset + index as u64 * 8;
                return Err(Error::new(Code::LimitExceeded, at, "unallocated")
                    .length(8)
                    .expected(format!("at most {limit} ranges of unallocated pfns"))
                    .found("one more"));
            }
        }
        self.ranges = before + list.runs.len() - had;
        Ok(())
    }

    fn trailing(&mut self, offset: u64, bytes: &[u8]) {
        let trailing = self.image.trailing.get_or_insert_with(|| Trailing {
            offset,
            size: 0,
            first: Bytes::new(),
        });
        trailing.size += bytes.len() as u64;
        let missing = TRAILING_KEPT - trailing.first.len();
        if missing > 0 {
            let more = &bytes[..bytes.len().min(missing)];
            trailing.first = [&trailing.first[..], more].concat().into();
        }
    }

    fn section(&mut self, offset: u64, bytes: &[u8]) -> Result<Section, Error> {
        let bytes = match &self.image.data {
            Some(data) => data.slice_ref(bytes),
            None => self.retain(offset, bytes)?,
        };
        Ok(Section { offset, bytes })
    }

    fn retain(&mut self, offset: u64, bytes: &[u8]) -> Result<Bytes, Error> {
        let limit = self.options.limits.retained_bytes;
        self.retained = self.retained.saturating_add(bytes.len());
        if self.retained > limit {
            self.image.retained_too_much = true;
            let path = format!(
                "checkpoint[{}]",
                self.image.checkpoints.len().saturating_sub(1)
            );
            return Err(Error::new(Code::LimitExceeded, offset, path)
                .expected(format!(
                    "at most {limit} bytes of vcpus and device state in a stream"
                ))
                .found("more (a file that can be mapped has no such limit)"));
        }
        Ok(Bytes::copy_from_slice(bytes))
    }
}

/// Whether a page holds nothing but zeros.
pub fn is_zero(page: &[u8]) -> bool {
    // Blocks let the compiler use wide registers; the early exit keeps full pages cheap.
    page.chunks(1024)
        .all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_anywhere_makes_a_page_not_zero() {
        for len in [0, 1, 7, 64, 1024 - 1, 1024, 1024 + 1, 16384] {
            let mut page = alloc::vec![0; len];
            assert!(is_zero(&page));
            for at in 0..len {
                page[at] = 0x80;
                assert!(!is_zero(&page), "byte {at} of {len}");
                page[at] = 0;
            }
        }
    }
}
