//! Any image that can be encoded decodes to what it was made from.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use ia64save_codec::decode::{Event, Step};
use ia64save_codec::encode::Encoder;
use ia64save_codec::grammar::{Memmap, PAGES_END, PageRun, Part, PfnRun, Prologue, Vcpumap};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Dialect, Error, Guest};
use ia64save_generate::generate;

use crate::input::PAGE_SIZES;
use crate::mutate::params;

/// The first byte decides: parts with anything in them, or an image that is sound.
pub fn encode(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else {
        return;
    };
    let mut recipe = Unstructured::new(rest);
    if which % 4 > 0 {
        if let Ok(stream) = Stream::arbitrary(&mut recipe) {
            anything(&stream);
        }
    } else if let Ok(params) = params(&mut recipe) {
        sound(&generate(&params));
    }
}

/// Bytes that cost few of the input: a pattern, and some that are set.
#[derive(Arbitrary, Clone, Debug)]
struct Filling {
    pattern: u8,
    places: Vec<(u16, u8)>,
}

impl Filling {
    fn bytes(&self, size: usize) -> Vec<u8> {
        let mut bytes = vec![self.pattern; size];
        for (at, byte) in &self.places {
            if let Some(place) = bytes.get_mut(usize::from(*at)) {
                *place = *byte;
            }
        }
        bytes
    }
}

/// What a stream may consist of, whether or not a saver would have written it.
#[derive(Arbitrary, Clone, Debug)]
struct Stream {
    dialect: u8,
    hvm: bool,
    page_size: u8,
    p2m_size: u64,
    arch_setup: Filling,
    memmap: (u8, Filling),
    pages: Vec<(u64, u8)>,
    unallocated: Vec<u64>,
    max_virt_cpus: u8,
    vcpus: Vec<u8>,
    vcpumap_rest: u8,
    context: Filling,
    page: Filling,
    magic_pfns: Filling,
    hvm_context: (u16, Filling),
    trailing: Filling,
    trailing_size: u8,
}

impl Stream {
    fn kind(&self) -> (Dialect, Guest) {
        let dialect = Dialect::ALL[usize::from(self.dialect) % Dialect::ALL.len()];
        if self.hvm && dialect.supports(Guest::Hvm) {
            (dialect, Guest::Hvm)
        } else {
            (dialect, Guest::Pv)
        }
    }

    fn page_size(&self) -> usize {
        PAGE_SIZES[usize::from(self.page_size) % PAGE_SIZES.len()]
    }

    fn vcpumap(&self, dialect: Dialect) -> (u64, Vec<u8>) {
        let max = u64::from(self.max_virt_cpus);
        let size = dialect.spec().vcpumap.size(max).unwrap_or(0) as usize;
        let mut map = vec![0; size];
        for vcpu in self.vcpus.iter().take(4) {
            if let Some(byte) = map.get_mut(usize::from(vcpu / 8)) {
                *byte |= 1 << (vcpu % 8);
            }
        }
        // Bits that are no vcpu's.
        if let Some(last) = map.last_mut()
            && size as u64 * 8 >= max + 8
        {
            *last |= self.vcpumap_rest;
        }
        (max, map)
    }
}

/// What was encoded, event by event.
struct Writer {
    encoder: Encoder,
    bytes: Vec<u8>,
    parts: Vec<(Part, u64)>,
}

impl Writer {
    fn put(&mut self, event: &Event<'_>) {
        let (part, offset) = (self.encoder.part(), self.encoder.offset());
        let piece = self.encoder.encode(event);
        let piece = piece.unwrap_or_else(|error| panic!("{part}: {error}"));
        piece.write_to(&mut self.bytes);
        self.parts.push((part, offset));
    }
}

/// Encodes it, and decodes it as what it is.
fn anything(stream: &Stream) {
    let (dialect, guest) = stream.kind();
    let (spec, page_size) = (dialect.spec(), stream.page_size());
    let mut writer = Writer {
        encoder: Encoder::new(dialect, guest).page_size(page_size),
        bytes: Vec::new(),
        parts: Vec::new(),
    };
    let page = stream.page.bytes(page_size);
    writer.put(&Event::Prologue(Prologue {
        p2m_size: stream.p2m_size,
        version: spec.version as u64,
    }));
    writer.put(&Event::ArchSetup {
        layout: spec.arch_setup,
        bytes: &stream.arch_setup.bytes(spec.arch_setup.size()),
    });
    if spec.version.has_memmap() {
        let num_pages = u32::from(stream.memmap.0 % 4);
        let bytes = stream.memmap.1.bytes(num_pages as usize * page_size);
        let bytes = &bytes[..];
        writer.put(&Event::Memmap(Memmap { num_pages, bytes }));
    }
    let mut records = Vec::new();
    for (gmfn, fill) in &stream.pages {
        if *gmfn != PAGES_END && records.len() < 100_000 {
            records.extend_from_slice(&gmfn.to_le_bytes());
            records.resize(records.len() + page_size, *fill);
        }
    }
    if !records.is_empty() {
        writer.put(&Event::Pages(PageRun::new(&records, page_size)));
    }
    writer.put(&Event::PagesEnd);
    let list: Vec<u8> = stream
        .unallocated
        .iter()
        .flat_map(|p| p.to_le_bytes())
        .collect();
    writer.put(&Event::UnallocatedCount(stream.unallocated.len() as u32));
    if !list.is_empty() {
        writer.put(&Event::Unallocated(PfnRun::new(&list)));
    }
    while writer.encoder.part() != Part::Boundary {
        tail(stream, &mut writer, &page);
    }
    let whole = writer.bytes.len();
    writer
        .bytes
        .extend(stream.trailing.bytes(stream.trailing_size.into()));
    reads_back(stream, &writer, whole);
}

fn tail(stream: &Stream, writer: &mut Writer, page: &[u8]) {
    let (dialect, _) = stream.kind();
    let spec = dialect.spec();
    // The vcpus that the map has named, in turn.
    let (max_virt_cpus, map) = stream.vcpumap(dialect);
    let mut online: Vec<u32> = Vec::new();
    if writer.parts.iter().any(|(part, _)| *part == Part::Vcpumap) {
        let bytes = &map[..];
        let map = Vcpumap {
            max_virt_cpus,
            bytes,
        };
        online.extend(map.online());
    } else {
        online.push(0);
    }
    let done = |wanted: Part| {
        writer
            .parts
            .iter()
            .filter(|(part, _)| *part == wanted)
            .count()
    };
    let vcpu = |part| online.get(done(part)).copied().unwrap_or(0);
    let event_of = writer.encoder.part();
    let context = stream.context.bytes(spec.context.size());
    let magic = stream.magic_pfns.bytes(spec.magic_pfns.len() * 8);
    let blob = stream.hvm_context.1.bytes(stream.hvm_context.0.into());
    let event = match event_of {
        Part::Vcpumap => Event::Vcpumap(Vcpumap {
            max_virt_cpus,
            bytes: &map,
        }),
        Part::Context => Event::Context {
            vcpu: vcpu(Part::Context),
            layout: spec.context,
            bytes: &context,
        },
        Part::Privregs => Event::Privregs {
            vcpu: vcpu(Part::Privregs),
            bytes: page,
        },
        Part::SharedInfo => Event::SharedInfo(page),
        Part::MagicPfns => Event::MagicPfns {
            order: spec.magic_pfns,
            bytes: &magic,
        },
        Part::HvmContext => Event::HvmContext(&blob),
        other => panic!("{other} in a tail"),
    };
    writer.put(&event);
}

/// The parts are where the encoder put them, and an image gives the bytes again.
fn reads_back(stream: &Stream, writer: &Writer, whole: usize) {
    let (dialect, guest) = stream.kind();
    let options = Options::default()
        .page_size(stream.page_size())
        .dialect(Some(dialect))
        .guest(Some(guest));
    let mut decoder = options.decoder(0);
    let mut wanted = writer.parts.iter();
    let mut rest = &writer.bytes[..];
    let mut last = None;
    loop {
        let part = decoder.part();
        match decoder.decode(rest, true) {
            Ok(Step::Event {
                event: Event::CheckpointEnd { .. },
                offset,
                ..
            }) => {
                assert_eq!(offset, whole as u64);
                assert_eq!(wanted.next(), None);
                break;
            }
            Ok(Step::Event {
                event: Event::Detected(_),
                ..
            }) => {}
            Ok(Step::Event {
                offset,
                consumed,
                event,
            }) => {
                rest = &rest[consumed..];
                // A long run comes in pieces.
                let run = matches!(event, Event::Pages(_) | Event::Unallocated(_));
                if !(run && last == Some(part)) {
                    let (part, at) = wanted.next().expect("no part that was not written");
                    assert_eq!((decoder_part(&event), offset), (*part, *at));
                }
                last = Some(part);
            }
            other => panic!("{part}: {other:?}"),
        }
    }
    if writer.bytes.len() == whole {
        let bytes = Bytes::from(writer.bytes.clone());
        let image = Image::parse(&bytes, &options);
        assert_eq!(image.error, None);
        assert!(image.checkpoints[0].complete);
        let pfns = stream.pages.iter().map(|(gmfn, _)| *gmfn);
        let pages = &image.checkpoints[0].pages;
        let kept = pages.len();
        assert!(
            pfns.filter(|pfn| *pfn != PAGES_END)
                .take(kept)
                .eq(pages.pfns().iter().copied())
        );
        assert!(write(&image) == writer.bytes, "written as it was");
    }
}

fn decoder_part(event: &Event<'_>) -> Part {
    match event {
        Event::Prologue(_) => Part::Prologue,
        Event::ArchSetup { .. } => Part::ArchSetup,
        Event::Memmap(_) => Part::Memmap,
        Event::Pages(_) | Event::PagesEnd => Part::Pages,
        Event::UnallocatedCount(_) => Part::UnallocatedCount,
        Event::Unallocated(_) => Part::Unallocated,
        Event::Vcpumap(_) => Part::Vcpumap,
        Event::Context { .. } => Part::Context,
        Event::Privregs { .. } => Part::Privregs,
        Event::SharedInfo(_) => Part::SharedInfo,
        Event::MagicPfns { .. } => Part::MagicPfns,
        Event::HvmContext(_) => Part::HvmContext,
        Event::Detected(_) | Event::CheckpointEnd { .. } => Part::Boundary,
        Event::DeviceModel { .. } => Part::DeviceModel,
        Event::Trailing(_) => Part::Trailing,
    }
}

/// A sound image is read as its plan says, and written as it was.
fn sound(made: &ia64save_generate::GeneratedImage) {
    let options = Options::default()
        .page_size(made.page_size)
        .dialect(Some(made.dialect));
    let image = Image::parse(&made.bytes, &options);
    assert_eq!(image.error, None, "{made:?}");
    assert_eq!(image.guest(), Some(made.guest));
    assert_eq!(image.checkpoints.len(), made.plan.rounds.len());
    for (checkpoint, round) in image.checkpoints.iter().zip(&made.plan.rounds) {
        assert_eq!(checkpoint.pages.pfns(), round.pages);
        let list = checkpoint.unallocated.as_ref().expect("a list");
        assert!(list.pfns().eq(round.unallocated.iter().copied()));
        let vcpus = checkpoint.vcpus.iter().map(|vcpu| vcpu.id);
        assert!(vcpus.eq(made.plan.vcpus.iter().copied()));
    }
    assert!(write(&image) == made.bytes, "written as it was");
}

fn write(image: &Image) -> Vec<u8> {
    let mut out = Vec::new();
    let written = image.write(|piece| {
        piece.write_to(&mut out);
        Ok::<(), Error>(())
    });
    assert_eq!(written, Ok(out.len() as u64));
    out
}
