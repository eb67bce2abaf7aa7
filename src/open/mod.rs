//! From a path to an image: the one place where bytes meet the codec.
//!
//! ```text
//! mapped file:  probe -> decoder over the mapping; its page records are found by the parallel
//!               scanner (crate::scan), which the decoder takes at its word
//! stream:       probe -> decode::Buffer, filled by read(2)
//! ```
//!
//! Both end in the same [`Builder`], so that every command sees one kind of image.

use std::fs::{self, Metadata};
use std::io::{self, Read, Write as _};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use ia64save_codec::decode::{Buffer, Step};
use ia64save_codec::elf::XenCore;
use ia64save_codec::envelope::{Envelope, Foreign, Probe, probe};
use ia64save_codec::file::{NotAnImage, probe_slice};
use ia64save_codec::grammar::Part;
use ia64save_codec::image::{Builder, Image, Options, Section};
use ia64save_codec::{Code, Error, SaveFile};
use sha2::{Digest, Sha256};

use crate::args::Reading;
use crate::exit::Failure;
use crate::input::identity::{self, Identity};
use crate::input::{self, Compression, Input, Kind, Mapped, Stored};
use crate::output::screen;
use crate::output::style::{self, Painted, WARNING};
use crate::progress::Progress;
use crate::scan::{self, Scanner, Span};

/// Bytes of a mapping that the decoder passes before their memory is let go of.
const HELD: u64 = 16 << 20;
/// Bytes that a walk over a mapping passes before their memory is let go of.
const PASSED: u64 = 4 << 20;
/// Bytes read from a stream at a time.
const STEP: usize = 512 << 10;

/// Bytes that tell a core.
const CORE_HEAD: usize = 20;

/// Checkpoints from which on their sections are more than memory should hold.
const MANY: usize = 8;
/// How often memory is let go of then: a walk passes a few MiB meanwhile.
const RELEASE: Duration = Duration::from_millis(2);

/// What to find out on the way.
#[allow(clippy::struct_excessive_bools)] // each is asked for by itself
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Which pages are all zero.
    pub zero: bool,
    /// The SHA-256 of the file.
    pub digest: bool,
    /// Random access to pages, even for a stream.
    pub random_access: bool,
    /// A core of `xm dump-core` will do as well.
    pub cores: bool,
    /// Of packed data that are damaged, what came out before will do.
    pub damaged: bool,
}

/// A file that was read.
pub struct Loaded {
    /// What the user called it.
    pub name: String,
    /// How it is packed.
    pub compression: Option<Compression>,
    /// What is in it.
    pub file: SaveFile,
    /// The SHA-256 of the uncompressed file.
    pub digest: Option<[u8; 32]>,
    /// The packed file as it lies there.
    stored: Option<Stored>,
    mapped: Option<Arc<Mapped>>,
    /// That of the regular file that was named.
    identity: Option<Identity>,
}

/// Lets go of the memory of a mapped image as a walk passes it, so that what is resident stays small.
#[derive(Clone, Debug, Default)]
pub struct Passing {
    mapped: Option<Arc<Mapped>>,
    held: u64,
}

impl Passing {
    /// More bytes were passed.
    pub fn over(&mut self, bytes: usize) {
        self.held += bytes as u64;
        if self.held >= PASSED
            && let Some(mapped) = &self.mapped
        {
            mapped.release(0..mapped.len());
            self.held = 0;
        }
    }
}

/// Says what is wrong with an input that is read all the same.
fn warn(text: &str) -> io::Result<()> {
    let warning = Painted(WARNING, "warning");
    writeln!(
        style::stderr(),
        "ia64save: {warning}: {}",
        style::safe(text)
    )
}

/// Finds out whether something is an image before it is copied anywhere.
fn judge(input: &mut Input, options: &Options, cores: bool) -> Result<(), Failure> {
    let mut count = CORE_HEAD;
    loop {
        let judged = input.peek(count, |head| {
            if cores && XenCore::looks_like_one(head) {
                return Ok(None);
            }
            probe(head, head.len() < count, &options.limits).map(Some)
        })?;
        let reason = match judged {
            Ok(Some(Probe::NeedMore(wanted))) => {
                count = wanted.max(count + 1);
                continue;
            }
            Ok(Some(Probe::Foreign(foreign))) if foreign != Foreign::Empty => {
                NotAnImage::Foreign(foreign)
            }
            Ok(_) => return Ok(()),
            Err(error) => error.into(),
        };
        return Err(Failure::not_an_image(&input.name, reason));
    }
}

fn named(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

/// Keeps a mapping alive for as long as a section borrows from it.
struct Owner(Arc<Mapped>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Loaded {
    /// Reads what the user named.
    pub fn open(path: &Path, reading: &Reading, wanted: Wanted) -> Result<Loaded, Failure> {
        let options = input::Options {
            mmap: !reading.no_mmap,
            unpack_limit: reading.unpack_limit,
            digest: wanted.digest,
            ..input::Options::default()
        };
        if path.as_os_str() == "-" {
            screen::say_waiting();
        } else if path.is_dir() {
            let text = "a folder: name a file in it, or let check or batch look through it";
            return Err(Failure::Usage(format!("{}: {text}", path.display())));
        }
        let mut input = Input::open(path, &options)?;
        let metadata = fs::metadata(path).ok();
        let identity = metadata
            .filter(Metadata::is_file)
            .as_ref()
            .map(identity::of);
        let mut wanted = wanted;
        if wanted.cores && input.peek(CORE_HEAD, XenCore::looks_like_one)? {
            // Its sections are anywhere.
            wanted.random_access = true;
        }
        let (name, compression, size) = (input.name.clone(), input.compression, input.size);
        let options = reading.options(wanted.zero);
        let stored = input.stored.clone();
        let mapped = match input.kind {
            Kind::Mapped(mapped) => Some(mapped),
            Kind::Stream(_) if wanted.random_access => {
                judge(&mut input, &options, wanted.cores)?;
                let (mapped, damage) = input.spool()?;
                match damage {
                    Some(damage) if wanted.damaged => warn(&damage.to_string())?,
                    Some(damage) => {
                        let error = io::Error::new(io::ErrorKind::InvalidData, damage);
                        return Err(Failure::Io(error));
                    }
                    None => {}
                }
                Some(mapped)
            }
            Kind::Stream(stream) => {
                let (file, digest) = from_stream(&name, size, stream, &options, wanted)?;
                if identity.is_some() && file.image.retained_too_much {
                    // What is too much to keep of a stream is no trouble in a file.
                    wanted.random_access = true;
                    return Self::open(path, reading, wanted);
                }
                return Ok(Loaded {
                    name,
                    compression,
                    file,
                    digest,
                    stored,
                    mapped: None,
                    identity,
                });
            }
        };
        let mapped = Arc::new(mapped.unwrap_or_else(|| Vec::new().into()));
        let file = from_mapping(&name, &mapped, &options, wanted.cores)?;
        let digest = if wanted.digest {
            let progress = Progress::new(&format!("{name}: digest"), Some(file.size));
            let digest = scan::digest(mapped.source(), file.size, progress.counter());
            Some(digest.map_err(|error| named(&name, &error))?)
        } else {
            None
        };
        Ok(Loaded {
            name,
            compression,
            file,
            digest,
            stored,
            mapped: Some(mapped),
            identity,
        })
    }

    /// Reads what is not a file yet, from its start to its end.
    pub fn from_reader(
        name: &str,
        reader: Box<dyn Read + Send>,
        reading: &Reading,
        wanted: Wanted,
    ) -> Result<Loaded, Failure> {
        let options = reading.options(wanted.zero);
        let (file, digest) = from_stream(name, None, reader, &options, wanted)?;
        Ok(Loaded {
            name: name.to_owned(),
            compression: None,
            file,
            digest,
            stored: None,
            mapped: None,
            identity: None,
        })
    }

    /// Bytes of the file as it lies there; `None` of a packed pipe that was not read to its end.
    pub fn file_size(&self) -> Option<u64> {
        match &self.stored {
            Some(stored) => stored.size(),
            None => Some(self.file.size),
        }
    }

    /// The SHA-256 of the file as it lies there, where it was asked for.
    pub fn file_digest(&self) -> Option<[u8; 32]> {
        match &self.stored {
            Some(stored) => stored.digest(),
            None => self.digest,
        }
    }

    /// Bytes of what is in a packed file.
    pub fn unpacked_size(&self) -> Option<u64> {
        self.stored.as_ref().map(|_| self.file.size)
    }

    /// The SHA-256 of what is in a packed file, where it was asked for.
    pub fn unpacked_digest(&self) -> Option<[u8; 32]> {
        self.digest.filter(|_| self.stored.is_some())
    }

    /// Goes on with what was read of a damaged image where the user wants that, and refuses where not.
    pub fn accept(&self, damaged: bool) -> Result<(), Failure> {
        let Some(error) = &self.image().error else {
            return Ok(());
        };
        if !damaged {
            let name = format!("{} (--damaged reads it as far as it goes)", self.name);
            return Err(Failure::Invalid(name, error.clone()));
        }
        warn(&format!(
            "{}: {error}: only what is before that is there",
            self.name
        ))?;
        Ok(())
    }

    /// Counts the bytes that a walk passes, and has their memory let go of.
    pub fn passing(&self) -> Passing {
        Passing {
            mapped: self.mapped.clone(),
            held: 0,
        }
    }

    /// Refuses to put something else in the place of the image itself.
    pub fn spare(&self, out: &Path) -> Result<(), Failure> {
        match identity::at(out) {
            Some(own) if Some(own) == self.identity => Err(Failure::Usage(format!(
                "{}: the image would be replaced by what is made of it: choose another OUT",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    /// Bytes of the whole file, where it is mapped or in memory; no bytes otherwise.
    pub fn data(&self) -> Bytes {
        self.image().data.clone().unwrap_or_default()
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.file.image
    }

    /// Bytes of the file, where they are at hand: those of a stream have passed, but for the
    /// sections that were kept. `None` where not even the first is there.
    pub fn bytes_at(&self, range: Range<u64>) -> Option<(u64, Vec<u8>)> {
        let cut = |start: u64, bytes: &[u8]| {
            let from = range.start.max(start);
            let to = range.end.min(start + bytes.len() as u64);
            let place = (from - start) as usize..(to.checked_sub(start)?) as usize;
            Some((from, bytes.get(place)?.to_vec())).filter(|(_, bytes)| !bytes.is_empty())
        };
        if let Some(mapped) = &self.mapped {
            return cut(0, mapped);
        }
        let mut pieces: Vec<_> = self
            .sections()
            .filter_map(|(offset, bytes)| cut(offset, &bytes))
            .collect();
        pieces.sort_by_key(|(offset, _)| *offset);
        // Neighbours belong to one line.
        let runs = pieces.chunk_by(|a, b| a.0 + a.1.len() as u64 == b.0);
        let run = runs.max_by_key(|run| run.iter().map(|(_, bytes)| bytes.len()).sum::<usize>())?;
        let bytes = run
            .iter()
            .flat_map(|(_, bytes)| bytes.iter().copied())
            .collect();
        Some((run[0].0, bytes))
    }

    /// Where pages are read from; `None` where they have passed.
    pub fn source(&self) -> Option<scan::Source<'_>> {
        self.mapped.as_ref().map(|mapped| mapped.source())
    }

    /// Lets go of the memory that reading a mapped file has taken so far; what is looked at again
    /// comes back.
    pub fn release(&self) {
        if let Some(mapped) = &self.mapped {
            mapped.release(0..mapped.len());
        }
    }

    /// Has the memory of a mapped image let go of while a command walks over all its sections. Those
    /// of one checkpoint are a few MiB and not worth it; an image with thousands of Remus rounds
    /// would come to be resident as a whole.
    pub fn keep_small<T>(&self, walk: impl FnOnce() -> T) -> T {
        if self.image().checkpoints.len() < MANY {
            return walk();
        }
        self.letting_go(walk)
    }

    /// Has the memory of a mapped image let go of while a command walks over all of it.
    pub fn letting_go<T>(&self, walk: impl FnOnce() -> T) -> T {
        let Some(mapped) = &self.mapped else {
            return walk();
        };
        let (done, wait) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while wait.recv_timeout(RELEASE) == Err(RecvTimeoutError::Timeout) {
                    mapped.release(0..mapped.len());
                }
            });
            let result = walk();
            drop(done);
            result
        })
    }

    /// To be asked when all is done: an error if the file changed its size under the mapping.
    pub fn verify(&self) -> Result<(), Failure> {
        let Some(mapped) = &self.mapped else {
            return Ok(());
        };
        mapped
            .verify()
            .map_err(|error| Failure::Io(named(&self.name, &error)))
    }

    /// What an image keeps of a stream: the sections, each with the words in front of it.
    fn sections(&self) -> impl Iterator<Item = (u64, Vec<u8>)> + '_ {
        let image = self.image();
        let head = image.prologue.map(|prologue| {
            let words = [
                prologue.p2m_size.to_le_bytes(),
                prologue.version.to_le_bytes(),
            ];
            (image.stream_offset, words.concat())
        });
        let plain = |section: &Section| (section.offset, section.bytes.to_vec());
        let after = |word: &[u8], section: &Section| {
            (
                section.offset - word.len() as u64,
                [word, &section.bytes].concat(),
            )
        };
        let memmap = image.memmap.as_ref().map(|section| {
            let num_pages = (section.bytes.len() / image.page_size) as u32;
            after(&num_pages.to_le_bytes(), section)
        });
        let own = image
            .arch_setup
            .as_ref()
            .map(plain)
            .into_iter()
            .chain(memmap);
        let tails = image.checkpoints.iter().flat_map(move |checkpoint| {
            let list = checkpoint.unallocated.as_ref().map(|list| {
                let first = list.pfns().take(4).flat_map(u64::to_le_bytes);
                let count = list.count.to_le_bytes();
                (list.count_offset, count.into_iter().chain(first).collect())
            });
            let map = checkpoint.vcpumap.as_ref();
            let map = map.map(|map| after(&map.max_virt_cpus.to_le_bytes(), &map.bitmap));
            let context = checkpoint.hvm_context.as_ref().map(|context| {
                let size = context.blob.bytes.len() as u64;
                after(&size.to_le_bytes(), &context.blob)
            });
            let magic = checkpoint
                .magic_pfns
                .as_ref()
                .map(|magic| plain(&magic.section));
            let shared_info = checkpoint.shared_info.as_ref().map(plain);
            let vcpus = checkpoint.vcpus.iter();
            let vcpus = vcpus.flat_map(|vcpu| [Some(&vcpu.context), vcpu.privregs.as_ref()]);
            let vcpus = vcpus.flatten().map(plain);
            vcpus.chain(
                [list, map, context, magic, shared_info]
                    .into_iter()
                    .flatten(),
            )
        });
        let trailing = image.trailing.iter().map(|t| (t.offset, t.first.to_vec()));
        head.into_iter().chain(own).chain(tails).chain(trailing)
    }
}

fn from_mapping(
    name: &str,
    mapped: &Arc<Mapped>,
    options: &Options,
    cores: bool,
) -> Result<SaveFile, Failure> {
    let data = Bytes::from_owner(Owner(Arc::clone(mapped)));
    if cores && XenCore::looks_like_one(&data) {
        return SaveFile::of_core(&data).map_err(|error| {
            // An ELF core of another kind is called what every command calls it.
            match probe_slice(&data, &options.limits) {
                Err(reason) if error.code == Code::ForeignFormat && error.path == "elf" => {
                    Failure::not_an_image(name, reason)
                }
                _ => Failure::Invalid(name.into(), error),
            }
        });
    }
    let envelope = probe_slice(&data, &options.limits)
        .map_err(|reason| Failure::not_an_image(name, reason))?;
    let options = &Options {
        byte_order: envelope.byte_order(),
        ..*options
    };
    let end = data.len() as u64;
    let progress = Progress::new(name, Some(end));
    let scanner = Scanner::new(mapped.source()).counting(progress.counter());
    let mut decoder = options.decoder(envelope.stream_offset);
    let mut builder = Builder::new(options, envelope.stream_offset, Some(data.clone()));
    let mut scanned = None;
    let mut released = 0;
    let error = loop {
        let offset = decoder.offset();
        if offset - released > HELD {
            mapped.release(0..mapped.len());
            released = offset;
        }
        if decoder.part() == Part::Pages && scanned != Some(offset) {
            let span = Span {
                start: offset,
                end,
                page_size: options.page_size,
            };
            let (headers, zero) = if options.zero {
                let pages = scanner.pages(span).map_err(|error| named(name, &error))?;
                (pages.headers, Some(pages.zero.into_words()))
            } else {
                let headers = scanner.headers(span);
                (headers.map_err(|error| named(name, &error))?, None)
            };
            if let Err(error) = decoder.skip_page_records(headers.gmfns.len() as u64) {
                break Some(error);
            }
            builder.add_pages(offset, headers.gmfns, zero);
            scanned = Some(decoder.offset());
        }
        match decoder.decode(&data[decoder.offset() as usize..], true) {
            Ok(Step::Event { offset, event, .. }) => {
                if let Err(error) = builder.push(&decoder, offset, &event) {
                    break Some(error);
                }
            }
            Ok(Step::NeedMore(_) | Step::Done) => break None,
            Err(error) => break Some(error),
        }
    };
    let image = builder.finish(&decoder, error);
    Ok(SaveFile::new(envelope, &data, image, end))
}

/// Reads a stream, counting and digesting what passes.
struct Source<'a> {
    inner: Box<dyn Read + Send>,
    progress: &'a Progress,
    digest: Option<Sha256>,
    passed: u64,
}

impl Source<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    if let Some(digest) = &mut self.digest {
                        digest.update(&space[..count]);
                    }
                    self.passed += count as u64;
                    self.progress.counter().add(count as u64);
                    return Ok(count);
                }
            }
        }
    }

    /// Reads what is in front of the stream, and somewhat more.
    fn probe(&mut self, options: &Options) -> Result<(Envelope, Bytes), Reason> {
        let mut prefix = Vec::new();
        let mut end = false;
        loop {
            match probe(&prefix, end, &options.limits).map_err(NotAnImage::from)? {
                Probe::Found(envelope) => return Ok((envelope, prefix.into())),
                Probe::Foreign(Foreign::Empty) => return Ok((Envelope::bare(), prefix.into())),
                Probe::Foreign(foreign) => return Err(NotAnImage::Foreign(foreign).into()),
                Probe::NeedMore(wanted) => {
                    let have = prefix.len();
                    prefix.resize(wanted.max(have + 1), 0);
                    let count = self.read(&mut prefix[have..])?;
                    prefix.truncate(have + count);
                    end = count == 0;
                }
            }
        }
    }
}

/// Why nothing can be read from a stream.
enum Reason {
    Io(io::Error),
    Not(NotAnImage),
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Reason::Io(error)
    }
}

impl From<NotAnImage> for Reason {
    fn from(reason: NotAnImage) -> Self {
        Reason::Not(reason)
    }
}

type Streamed = (SaveFile, Option<[u8; 32]>);

fn from_stream(
    name: &str,
    size: Option<u64>,
    inner: Box<dyn Read + Send>,
    options: &Options,
    wanted: Wanted,
) -> Result<Streamed, Failure> {
    let progress = Progress::new(name, size);
    let digest = wanted.digest.then(Sha256::new);
    let mut source = Source {
        inner,
        progress: &progress,
        digest,
        passed: 0,
    };
    let (envelope, prefix) = source.probe(options).map_err(|reason| match reason {
        Reason::Io(error) => Failure::Io(error),
        Reason::Not(reason) => Failure::not_an_image(name, reason),
    })?;
    let options = &Options {
        byte_order: envelope.byte_order(),
        ..*options
    };
    let begin = envelope.stream_offset;
    let mut buffer = Buffer::new(options.decoder(begin), STEP);
    let mut builder = Builder::new(options, begin, None);
    // What was read beyond the envelope belongs to the stream.
    let mut ahead = prefix.get(begin as usize..).unwrap_or(&[]);
    let error: Option<Error> = loop {
        let (decoder, step) = buffer.step();
        match step {
            Ok(Step::NeedMore(_)) => {
                let space = buffer.space();
                let count = if ahead.is_empty() {
                    source.read(space)?
                } else {
                    let count = ahead.len().min(space.len());
                    space[..count].copy_from_slice(&ahead[..count]);
                    ahead = &ahead[count..];
                    count
                };
                buffer.filled(count);
            }
            Ok(Step::Event { offset, event, .. }) => {
                if let Err(error) = builder.push(decoder, offset, &event) {
                    break Some(error);
                }
            }
            Ok(Step::Done) => break None,
            Err(error) => break Some(error),
        }
    };
    let image = builder.finish(buffer.decoder(), error);
    if source.digest.is_some() {
        // A digest is of the whole file, whatever stopped the decoder.
        let mut rest = vec![0; STEP];
        while source.read(&mut rest)? > 0 {}
    }
    let file = SaveFile::new(envelope, &prefix, image, source.passed);
    Ok((file, source.digest.map(|digest| digest.finalize().into())))
}
