//! Opens what the user named: a file, a device, a pipe or standard input, compressed or not.

mod compression;
pub mod identity;
mod mapped;
pub mod signals;

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::fd::AsFd;
use std::path::Path;

pub use compression::{Compression, Damage};
pub use mapped::{Mapped, Mapping};

use compression::{HEAD, Unpacking};

/// Files up to this size are read: nobody can cut short what is in memory, and a mapping would not
/// be cheaper.
const SMALL: u64 = 1 << 20;
/// Bytes that a pipe should hold, so that both ends change places less often.
const PIPE: usize = 1 << 20;

/// How to open inputs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Map regular files.
    pub mmap: bool,
    /// Bytes that decompressing xz may take. `xz -9` needs 65 MiB.
    pub xz_memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            mmap: true,
            xz_memory: 128 << 20,
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

        let (size, kind) = if let Some(compression) = compression {
            let stored = Box::new(Cursor::new(head).chain(file));
            let decoder = compression.decoder(stored, options.xz_memory)?;
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
        })
    }

    /// Whether the first bytes, up to `count`, are what `what` looks for. They stay to be read.
    pub fn peek(&mut self, count: usize, what: impl FnOnce(&[u8]) -> bool) -> io::Result<bool> {
        match &mut self.kind {
            Kind::Mapped(mapped) => Ok(what(&mapped[..count.min(mapped.len())])),
            Kind::Stream(stream) => {
                let mut head = Vec::new();
                stream.by_ref().take(count as u64).read_to_end(&mut head)?;
                let found = what(&head);
                let rest = std::mem::replace(stream, Box::new(io::empty()));
                *stream = Box::new(Cursor::new(head).chain(rest));
                Ok(found)
            }
        }
    }

    /// Gives random access. A stream is copied to a file without a name for that.
    pub fn spool(self) -> io::Result<Mapped> {
        match self.kind {
            Kind::Mapped(mapped) => Ok(mapped),
            Kind::Stream(mut stream) => {
                let spool = |error: io::Error| {
                    let folder = std::env::temp_dir();
                    let what = format!("a copy of {} in {}", self.name, folder.display());
                    named(&what, &error)
                };
                let mut file = tempfile::tempfile().map_err(spool)?;
                copy(&mut stream, &mut file, spool)?;
                Mapped::map(file, &self.name).map_err(spool)
            }
        }
    }
}

impl Kind {
    fn stream(name: &str, inner: Box<dyn Read + Send>) -> Kind {
        Kind::Stream(Box::new(Named {
            name: name.into(),
            inner,
        }))
    }
}

/// As `io::copy`, in larger steps, and with something to say of what could not be written.
fn copy(
    from: &mut dyn Read,
    to: &mut dyn io::Write,
    failed: impl Fn(io::Error) -> io::Error,
) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => to.write_all(&buffer[..len]).map_err(&failed)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
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
fn named(name: &str, error: &io::Error) -> io::Error {
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
