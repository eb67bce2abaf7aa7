//! Three readers of one stream. Whatever they are given, they must see the same.

use ia64save_codec::decode::{Buffer, Decoder, Event, Step};
use ia64save_codec::encode::Encoder;
use ia64save_codec::{Dialect, Error, Guest};

use crate::generate::Random;

/// What a reader saw: every part with its place, runs joined, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The parts.
    pub parts: Vec<Part>,
    /// Where the stream ended, or why it could not be read on.
    pub outcome: Result<u64, Error>,
}

/// A part of the stream.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it begins.
    pub offset: u64,
    /// What it is, without its bytes.
    pub what: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (offset, what, size) = (self.offset, &self.what, self.bytes.len());
        write!(f, "{offset}: {what}, {size} bytes")
    }
}

impl Reading {
    fn new() -> Self {
        Reading {
            parts: Vec::new(),
            outcome: Ok(0),
        }
    }

    fn take(&mut self, offset: u64, event: &Event<'_>) {
        let (what, bytes): (String, &[u8]) = match event {
            Event::Prologue(prologue) => (format!("{prologue:?}"), &[]),
            Event::ArchSetup { layout, bytes } => (format!("arch_setup {layout:?}"), bytes),
            Event::Memmap(memmap) => (format!("memmap {}", memmap.num_pages), memmap.bytes),
            Event::Pages(run) => ("pages".into(), run.bytes()),
            Event::PagesEnd => ("pages end".into(), &[]),
            Event::UnallocatedCount(count) => (format!("unallocated {count}"), &[]),
            Event::Unallocated(run) => ("unallocated".into(), run.bytes()),
            Event::Detected(detection) => (format!("{detection:?}"), &[]),
            Event::Vcpumap(map) => (format!("vcpumap {}", map.max_virt_cpus), map.bytes),
            Event::Context {
                vcpu,
                layout,
                bytes,
            } => (format!("context {vcpu} {layout:?}"), bytes),
            Event::Privregs { vcpu, bytes } => (format!("privregs {vcpu}"), bytes),
            Event::SharedInfo(bytes) => ("shared_info".into(), bytes),
            Event::MagicPfns { order, bytes } => (format!("{order:?}"), bytes),
            Event::HvmContext(bytes) => ("hvm context".into(), bytes),
            Event::CheckpointEnd { index } => (format!("end of checkpoint {index}"), &[]),
            Event::DeviceModel { kind, order, data } => (format!("{kind} {order}"), data),
            Event::Trailing(bytes) => ("trailing".into(), bytes),
        };
        let run = ["pages", "unallocated", "trailing"].contains(&what.as_str());
        match self.parts.last_mut() {
            Some(last) if run && last.what == what => last.bytes.extend_from_slice(bytes),
            _ => self.parts.push(Part {
                offset,
                what,
                bytes: bytes.to_vec(),
            }),
        }
    }
}

/// Reads a stream that is all there.
pub fn whole(mut decoder: Decoder, input: &[u8]) -> Reading {
    let mut reading = Reading::new();
    let mut rest = input;
    reading.outcome = loop {
        match decoder.decode(rest, true) {
            Ok(Step::Event {
                offset,
                consumed,
                event,
            }) => {
                reading.take(offset, &event);
                rest = &rest[consumed..];
            }
            Ok(Step::Done) => break Ok(decoder.offset()),
            Ok(Step::NeedMore(n)) => panic!("{n} bytes wanted behind the end"),
            Err(error) => break Err(error),
        }
    };
    reading
}

/// Reads a stream that comes in pieces, through a [`Buffer`]; `sizes` says how much comes next.
pub fn pieces(decoder: Decoder, input: &[u8], mut sizes: impl FnMut() -> usize) -> Reading {
    let mut reading = Reading::new();
    let mut buffer = Buffer::new(decoder, 1);
    let mut rest = input;
    reading.outcome = loop {
        match buffer.next() {
            Ok(Step::Event { offset, event, .. }) => reading.take(offset, &event),
            Ok(Step::NeedMore(_)) => {
                let space = buffer.space();
                let count = sizes().max(1).min(space.len()).min(rest.len());
                space[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                buffer.filled(count);
            }
            Ok(Step::Done) => break Ok(buffer.decoder().offset()),
            Err(error) => break Err(error),
        }
    };
    reading
}

/// Reads a stream that comes in pieces of random sizes, few bytes to many pages.
pub fn random_pieces(decoder: Decoder, input: &[u8], seed: u64) -> Reading {
    let mut random = Random::new(seed, &[]);
    pieces(decoder, input, || {
        let most = random.pick(&[3, 40, 5000, 70_000]);
        random.below(most) as usize
    })
}

/// Reads a stream that comes byte by byte.
pub fn bytewise(decoder: Decoder, input: &[u8]) -> Reading {
    pieces(decoder, input, || 1)
}

/// Reads a stream and writes it again, event by event.
///
/// # Errors
/// Those of the decoder and of the encoder.
pub fn rewrite(mut decoder: Decoder, mut encoder: Encoder, input: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Step::Event {
        consumed, event, ..
    } = decoder.decode(rest, true)?
    {
        let piece = encoder.encode(&event)?;
        assert_eq!(piece.len(), consumed, "{event:?}");
        piece.write_to(&mut out);
        rest = &rest[consumed..];
    }
    assert_eq!(encoder.finish()?, out.len() as u64);
    Ok(out)
}

/// An encoder and a decoder for one kind of image.
pub fn pair(dialect: Dialect, guest: Guest, page_size: usize) -> (Decoder, Encoder) {
    let decoder = Decoder::new().page_size(page_size).dialect(Some(dialect));
    (decoder, Encoder::new(dialect, guest).page_size(page_size))
}
