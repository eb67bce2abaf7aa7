//! Opens what the user named: a file, a device, a pipe or standard input, compressed or not.

mod compression;
pub mod identity;
mod mapped;
mod mapping;
mod passing;
mod source;
mod stored;

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::fd::AsFd;
use std::path::Path;

pub use compression::{Compression, Damage};
pub use mapped::Mapped;
pub use mapping::Mapping;
pub use passing::Passing;
pub use source::Source;
pub use stored::Stored;

use compression::{HEAD, Unpacking};

/// Files up to this size are read: nobody can cut short what is in memory, and a mapping would not
/// be cheaper.
const SMALL: u64 = 1 << 20;
/// Bytes that a pipe should hold, so that both ends change places less often.
const PIPE: usize = 1 << 20;

/// How to open inputs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Map regular files.
    pub mmap: bool,
    /// Bytes that decompressing xz may take. `xz -9` needs 65 MiB.
    pub xz_memory: u64,
    /// Bytes that a copy in the temporary folder may take; half of what is free there without.
    pub unpack_limit: Option<u64>,
    /// The SHA-256 of a packed file as it lies there.
    pub digest: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            mmap: true,
            xz_memory: 128 << 20,
            unpack_limit: None,
            digest: false,
        }
    }
}

/// Something to read.
#[derive(Debug)]
pub struct Input {
    /// What the user called it.
    pub name: String,
    /// Bytes of the image, where known before reading it.
    pub size: Option<u64>,
    /// The image, uncompressed.
    pub kind: Kind,
    /// How it is stored.
    pub compression: Option<Compression>,
    /// What is found out of a packed file while it is read.
    pub stored: Option<Stored>,
    unpack_limit: Option<u64>,
}

/// The ways to get at an image.
pub enum Kind {
    /// All of it, anywhere.
    Mapped(Mapped),
    /// From its start to its end, once.
    Stream(Box<dyn Read + Send>),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Mapped(mapped) => f.debug_tuple("Mapped").field(mapped).finish(),
            Kind::Stream(_) => f.write_str("Stream(..)"),
        }
    }
}

impl Input {
    /// Opens a path; `-` is standard input. Errors name the input.
    pub fn open(path: &Path, options: &Options) -> io::Result<Input> {
        let stdin = path.as_os_str() == "-";
        let name = if stdin {
            "standard input".into()
        } else {
            path.display().to_string()
        };
        let file = if stdin {
            io::stdin().as_fd().try_clone_to_owned().map(File::from)
        } else {
            File::open(path)
        };
        file.and_then(|file| Self::from_file(&name, file, options))
            .map_err(|error| named(&name, &error))
    }

    fn from_file(name: &str, mut file: File, options: &Options) -> io::Result<Input> {
        let metadata = file.metadata()?;
        // Standard input may be a file too, but then not necessarily from its start.
        let whole = metadata.is_file() && io::Seek::stream_position(&mut file)? == 0;
        if !whole {
            enlarge_pipe(&file);
        }
        // What has to be read to recognise compression, and to tell small files from large ones.
        let ahead = if whole && metadata.len() <= SMALL {
            SMALL + 1
        } else {
            HEAD as u64
        };
        let mut head = Vec::new();
        file.by_ref().take(ahead).read_to_end(&mut head)?;
        let compression = Compression::of(&head);

        let mut facts = None;
        let (size, kind) = if let Some(compression) = compression {
            let there = whole.then_some(metadata.len());
            let stored = Box::new(Cursor::new(head).chain(file));
            let (own, stored) = Stored::new(stored, there, options.digest);
            facts = Some(own);
            let decoder = compression.decoder(Box::new(stored), options.xz_memory)?;
            let unpacking = Unpacking::new(compression, decoder);
            (None, Kind::stream(name, Box::new(unpacking)))
        } else if whole && ahead > SMALL && head.len() as u64 <= SMALL {
            (Some(head.len() as u64), Kind::Mapped(Mapped::from(head)))
        } else if whole && options.mmap && metadata.len() > SMALL {
            (Some(metadata.len()), Kind::Mapped(Mapped::map(file, name)?))
        } else {
            let size = (whole && metadata.len() > SMALL).then_some(metadata.len());
            (
                size,
                Kind::stream(name, Box::new(Cursor::new(head).chain(file))),
            )
        };
        Ok(Input {
            name: name.into(),
            size,
            kind,
            compression,
            stored: facts,
            unpack_limit: options.unpack_limit,
        })
    }

    /// What `what` says of the first bytes, up to `count`. They stay to be read.
    pub fn peek<T>(&mut self, count: usize, what: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        match &mut self.kind {
            Kind::Mapped(mapped) => Ok(what(&mapped[..count.min(mapped.len())])),
            Kind::Stream(stream) => {
                let mut head = Vec::new();
                let read = stream.by_ref().take(count as u64).read_to_end(&mut head);
                let found = what(&head);
                let rest = std::mem::replace(stream, Box::new(io::empty()));
                // What ended it ends it again behind these bytes.
                let rest: Box<dyn Read + Send> = match read {
                    Ok(_) => rest,
                    Err(error) => match Damage::of(&error) {
                        Some(damage) => Box::new(Damaged(damage.clone())),
                        None => return Err(error),
                    },
                };
                *stream = Box::new(Cursor::new(head).chain(rest));
                Ok(found)
            }
        }
    }

    /// Gives random access. A stream is copied to a file without a name for that, which may take what
    /// the options say.
    ///
    /// Of packed data that are damaged, what came out before is there, and the damage beside it.
    pub fn spool(self) -> io::Result<(Mapped, Option<Damage>)> {
        match self.kind {
            Kind::Mapped(mapped) => Ok((mapped, None)),
            Kind::Stream(mut stream) => {
                let folder = std::env::temp_dir();
                let spool = |error: io::Error| {
                    let what = format!("a copy of {} in {}", self.name, folder.display());
                    named(&what, &error)
                };
                let (most, why) = match self.unpack_limit {
                    Some(limit) => (limit, "--unpack-limit allows"),
                    None => (free(&folder) / 2, "half of what is free there"),
                };
                let mut file = tempfile::tempfile().map_err(spool)?;
                let full = || {
                    let text = format!(
                        "it would take more than {most} bytes, {why}: unpack it where there is room, \
                         set TMPDIR, or give --unpack-limit"
                    );
                    spool(io::Error::new(io::ErrorKind::StorageFull, text))
                };
                let damage = copy(&mut stream, &mut file, most, spool, full)?;
                Ok((Mapped::map(file, &self.name).map_err(spool)?, damage))
            }
        }
    }
}

/// Bytes that are free where temporary files are.
#[cfg(target_os = "linux")]
fn free(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(u64::MAX, |there| {
        there.f_bavail.saturating_mul(there.f_frsize)
    })
}

#[cfg(not(target_os = "linux"))]
fn free(_: &Path) -> u64 {
    u64::MAX
}

impl Kind {
    fn stream(name: &str, inner: Box<dyn Read + Send>) -> Kind {
        Kind::Stream(Box::new(Named {
            name: name.into(),
            inner,
        }))
    }
}

/// As `io::copy`, in larger steps, up to so many bytes, and with something to say of what could not be
/// written. Damage ends it, and is given back.
fn copy(
    from: &mut dyn Read,
    to: &mut dyn io::Write,
    mut most: u64,
    failed: impl Fn(io::Error) -> io::Error,
    full: impl Fn() -> io::Error,
) -> io::Result<Option<Damage>> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(len) => {
                most = most.checked_sub(len as u64).ok_or_else(&full)?;
                to.write_all(&buffer[..len]).map_err(&failed)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => match Damage::of(&error) {
                Some(damage) => return Ok(Some(damage.clone())),
                None => return Err(error),
            },
        }
    }
}

/// Fails as what was read before did.
struct Damaged(Damage);

impl Read for Damaged {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::InvalidData, self.0.clone()))
    }
}

/// Has errors say where they come from.
struct Named {
    name: String,
    inner: Box<dyn Read + Send>,
}

impl Read for Named {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner
            .read(buffer)
            .map_err(|error| named(&self.name, &error))
    }
}

/// The error with a name; damage stays what it is.
pub(crate) fn named(name: &str, error: &io::Error) -> io::Error {
    match Damage::of(error) {
        Some(damage) => io::Error::new(error.kind(), damage.named(name)),
        None => io::Error::new(error.kind(), format!("{name}: {error}")),
    }
}

fn enlarge_pipe(file: &File) {
    // Fails where it is no pipe or the user may not have more: it works without.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(file, PIPE);
    #[cfg(not(target_os = "linux"))]
    let _ = (file, PIPE);
}

#[cfg(test)]
mod tests;
