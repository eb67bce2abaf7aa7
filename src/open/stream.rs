//! Images that pass once, from their start to their end.

use std::io::{self, Read};

use bytes::Bytes;
use ia64save_codec::decode::{Buffer, Step};
use ia64save_codec::envelope::{Envelope, Foreign, Probe, probe};
use ia64save_codec::file::NotAnImage;
use ia64save_codec::image::Builder;
use ia64save_codec::{Limits, SaveFile};
use sha2::{Digest, Sha256};

use super::Options;
use crate::error::Error;
use crate::progress::Task;

/// Bytes read from a stream at a time.
const STEP: usize = 512 << 10;

/// Reads a stream, counting and digesting what passes.
struct Counted<'a> {
    inner: Box<dyn Read + Send>,
    progress: &'a dyn Task,
    digest: Option<Sha256>,
    passed: u64,
}

impl Counted<'_> {
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
                    self.progress.add(count as u64);
                    return Ok(count);
                }
            }
        }
    }

    /// Reads what is in front of the stream, and somewhat more.
    fn probe(&mut self, limits: &Limits) -> Result<(Envelope, Bytes), Reason> {
        let mut prefix = Vec::new();
        let mut end = false;
        loop {
            match probe(&prefix, end, limits).map_err(NotAnImage::from)? {
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

/// An image, and the digest of the file where it was asked for.
type Streamed = (SaveFile, Option<[u8; 32]>);

/// Reads a stream to the end of its image, or of the file for a digest.
pub(super) fn read(
    name: &str,
    size: Option<u64>,
    inner: Box<dyn Read + Send>,
    options: &Options,
) -> Result<Streamed, Error> {
    let progress = options.progress.begin(name, size);
    let digest = options.digest.then(Sha256::new);
    let mut source = Counted {
        inner,
        progress: &*progress,
        digest,
        passed: 0,
    };
    let (envelope, prefix) =
        source
            .probe(&options.image.limits)
            .map_err(|reason| match reason {
                Reason::Io(error) => Error::Io(error),
                Reason::Not(reason) => Error::not_an_image(name, reason),
            })?;
    let options = &options.image.byte_order(envelope.byte_order());
    let begin = envelope.stream_offset;
    let mut buffer = Buffer::new(options.decoder(begin), STEP);
    let mut builder = Builder::new(options, begin, None);
    // What was read beyond the envelope belongs to the stream.
    let mut ahead = prefix.get(begin as usize..).unwrap_or(&[]);
    let error = loop {
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
