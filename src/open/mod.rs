//! From a path to an image: the one place where bytes meet the codec.
//!
//! ```text
//! mapped file:  probe -> decoder over the mapping; its page records are found by the parallel
//!               scanner (crate::scan), which the decoder takes at its word        (`mapping`)
//! stream:       probe -> decode::Buffer, filled by read(2)                        (`stream`)
//! ```
//!
//! Both end in the same [`Builder`](ia64save_codec::image::Builder), so that whoever looks sees one kind of
//! image.

mod mapping;
mod options;
mod stream;

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use ia64save_codec::elf::XenCore;
use ia64save_codec::envelope::{Foreign, Probe, probe};
use ia64save_codec::file::NotAnImage;
use ia64save_codec::image;

pub use options::Options;

use crate::error::Error;
use crate::input::{Input, Kind, identity, named};
use crate::loaded::Loaded;
use crate::progress::Notice;
use crate::scan;

/// Bytes that tell a core.
const CORE_HEAD: usize = 20;

/// Reads the file at `path`; `-` is standard input. Compressed files are unpacked.
pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Loaded, Error> {
    let path = path.as_ref();
    if path.as_os_str() == "-" {
        options.progress.notice(&Notice::StandardInput);
    } else if path.is_dir() {
        let name = path.display().to_string();
        return Err(Error::Folder { name });
    }
    let mut input = Input::open(path, &options.input())?;
    let metadata = fs::metadata(path).ok();
    let identity = metadata
        .filter(Metadata::is_file)
        .as_ref()
        .map(identity::of);
    // The sections of a core are anywhere.
    let random_access =
        options.random_access || options.cores && input.peek(CORE_HEAD, XenCore::looks_like_one)?;
    let (name, compression, size) = (input.name.clone(), input.compression, input.size);
    let stored = input.stored.clone();
    let mapped = match input.kind {
        Kind::Mapped(mapped) => Some(mapped),
        Kind::Stream(_) if random_access => {
            judge(&mut input, &options.image, options.cores)?;
            let (mapped, damage) = input.spool()?;
            match damage {
                Some(damage) if options.damaged => {
                    options.progress.notice(&Notice::Damaged(&damage));
                }
                Some(damage) => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, damage);
                    return Err(Error::Io(error));
                }
                None => {}
            }
            Some(mapped)
        }
        Kind::Stream(stream) => {
            let (file, digest) = stream::read(&name, size, stream, options)?;
            if identity.is_some() && file.image.retained_too_much {
                // What is too much to keep of a stream is no trouble in a file.
                return open(path, &options.clone().random_access(true));
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
    let file = mapping::read(&name, &mapped, options)?;
    let digest = if options.digest {
        let what = format!("{name}: digest");
        let task = options.progress.begin(&what, Some(file.size));
        let digest = scan::digest(mapped.source(), file.size, &*task);
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
    reader: impl Read + Send + 'static,
    options: &Options,
) -> Result<Loaded, Error> {
    let (file, digest) = stream::read(name, None, Box::new(reader), options)?;
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

/// Finds out whether something is an image before it is copied anywhere.
fn judge(input: &mut Input, options: &image::Options, cores: bool) -> Result<(), Error> {
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
        return Err(Error::not_an_image(&input.name, reason));
    }
}
