//! An output file that is there as a whole or not at all.
//!
//! | what is in the way | what becomes of it |
//! |---|---|
//! | a file | replaced once the new one is whole, which takes its permissions; with `--no-clobber` refused |
//! | a link | goes on leading where it leads; the file there is replaced |
//! | a link that leads nowhere | the file is made where it leads; with `--no-clobber` refused, as the name is taken |
//! | a file with several names | this name leads to the new file, the others go on leading to the old one |
//! | a device, a pipe | written to |
//!
//! Who may read a new file: its owner alone where guest memory or registers may be in it, a report and a
//! tree among them; whom the umask says where there is none (an inventory, manual pages).

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::draft::Draft;
use super::durable;
use super::packing::{Compress, Packer};
use super::patient::Patient;
use super::place::{self, Kind, Start, complete, directory, finished, named, settle};
use super::standard::{STDOUT, is_stdout};

pub(super) const BUFFER: usize = 1 << 20;

/// A file that takes its name only when it is complete, or standard output.
///
/// It is written without a name where the file system can do that, and beside its target under another
/// name where not. [`OutputFile::commit`] gives it its name; without that it is gone when it goes out of
/// scope, or when a signal ends the process.
#[derive(Debug)]
pub struct OutputFile {
    name: String,
    sink: Sink,
    /// A reader that goes away early has seen what it wanted.
    listing: bool,
    /// What the bytes go through first.
    packer: Option<Packer>,
}

#[derive(Debug)]
enum Sink {
    /// Not under its name until it is complete.
    Temporary {
        file: BufWriter<Draft>,
        target: PathBuf,
        force: bool,
        kind: Kind,
    },
    /// Standard output, a device or a pipe: there is nothing to be moved.
    Direct(BufWriter<Patient>),
}

impl OutputFile {
    /// Starts a file that will be called `target`; `-` is standard output. A file of that name is
    /// replaced with `force` only. Errors name the target.
    pub fn create(target: &Path, force: bool) -> io::Result<OutputFile> {
        Self::start(target, force, Kind::Durable)
    }

    /// As [`Self::create`], for what was taken out of guest memory: only its owner may read it,
    /// whatever the umask says and whoever could read a file of that name before. It can be taken out
    /// again, so nobody waits for the disk.
    pub fn create_secret(target: &Path, force: bool) -> io::Result<OutputFile> {
        Self::start(target, force, Kind::Secret)
    }

    /// As [`Self::create`], for what holds nothing of a guest: the umask says who may read it.
    pub fn create_public(target: &Path, force: bool) -> io::Result<OutputFile> {
        Self::start(target, force, Kind::Public)
    }

    fn start(target: &Path, force: bool, kind: Kind) -> io::Result<OutputFile> {
        let stdout = is_stdout(target);
        let name = if stdout {
            STDOUT.into()
        } else {
            target.display().to_string()
        };
        let sink = if stdout {
            standard_output()
        } else {
            create(target, force, kind)
        };
        match sink {
            Ok(sink) => Ok(OutputFile {
                name,
                sink,
                listing: false,
                packer: None,
            }),
            Err(error) => Err(named(&name, &error)),
        }
    }

    /// Says that the output is a list for a person or a filter, of which the first lines may be enough.
    #[must_use]
    pub fn listing(mut self) -> Self {
        self.listing = true;
        self
    }

    /// Packs what is written from here on.
    pub fn packed(mut self, how: Compress) -> io::Result<Self> {
        let packer = Packer::new(how);
        self.packer = packer.map_err(|error| named(&self.name, &error))?;
        Ok(self)
    }

    /// Waits no longer than this for whoever reads a pipe or the like and takes nothing, and no longer than
    /// the work is wanted.
    pub fn patiently(mut self, patience: Duration) -> io::Result<Self> {
        let stops = self.unsafe_kind()?.is_some();
        if let (Sink::Direct(file), true) = (&mut self.sink, stops) {
            file.get_mut().wait_at_most(patience);
        }
        Ok(self)
    }

    /// Writes what the packer still has: without its end what is packed is cut short.
    fn finish_packing(&mut self) -> io::Result<()> {
        if let Some(packer) = self.packer.take() {
            let last = packer.finish().map_err(|error| self.named(&error))?;
            self.write_all(&last)?;
        }
        Ok(())
    }

    /// An error of the file, with its name. Half an image is of no use to anybody, so a reader that
    /// went away is no more silent than a disk that is full.
    pub(super) fn named(&self, error: &io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe if !self.listing => {
                io::Error::other(format!("{}: {error}", self.name))
            }
            _ => named(&self.name, error),
        }
    }

    /// The file, for writing anywhere in it; `None` where the output takes bytes in order only.
    pub fn anywhere(&self) -> Option<&File> {
        if self.packer.is_some() {
            return None;
        }
        match &self.sink {
            Sink::Temporary { file, .. } => Some(file.get_ref().as_file()),
            Sink::Direct(_) => None,
        }
    }

    /// Writes zeros, as a hole where the file system has such a thing.
    pub fn hole(&mut self, bytes: u64) -> io::Result<()> {
        if self.packer.is_some() {
            return io::copy(&mut io::repeat(0).take(bytes), self).map(drop);
        }
        let result = match &mut self.sink {
            Sink::Temporary { file, .. } => hole(file, bytes),
            Sink::Direct(file) => io::copy(&mut io::repeat(0).take(bytes), file).map(drop),
        };
        result.map_err(|error| self.named(&error))
    }

    /// What it is that nothing can make safe; `None` where all that is written can be made to outlive the
    /// machine.
    pub fn unsafe_kind(&self) -> io::Result<Option<&'static str>> {
        durable::unsafe_kind(self.descriptor()).map_err(|error| named(&self.name, &error))
    }

    /// What the bytes are written to.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.sink {
            Sink::Temporary { file, .. } => file.get_ref().as_file().as_fd(),
            Sink::Direct(file) => file.get_ref().as_fd(),
        }
    }

    /// Completes the file, as [`Self::commit`] does, where something that cannot be undone depends on it:
    /// whatever the bytes went to is on the disk, its name too, and every error counts.
    pub fn commit_safely(mut self) -> io::Result<()> {
        let name = self.name.clone();
        let failed = |error: io::Error| named(&name, &error);
        match &self.sink {
            Sink::Temporary { target, .. } => {
                let folder = directory(target).to_owned();
                self.commit()?;
                durable::sync_folder(&folder).map_err(failed)
            }
            Sink::Direct(_) => {
                self.finish_packing()?;
                self.flush()?;
                durable::sync(self.descriptor()).map_err(failed)
            }
        }
    }

    /// Completes the file: all of it is on the disk, then it gets its name.
    pub fn commit(mut self) -> io::Result<()> {
        self.finish_packing()?;
        if matches!(self.sink, Sink::Direct(_)) {
            return self.flush();
        }
        let result = match self.sink {
            Sink::Direct(_) => Ok(()),
            Sink::Temporary {
                file,
                target,
                force,
                kind,
            } => complete(file, &target, force, kind),
        };
        result.map_err(|error| named(&self.name, &error))
    }

    /// Completes the file under the first of `names` that nobody has, whatever it was to be called; all
    /// of them in the folder that it was made for. Gives the name.
    pub fn commit_as(self, names: impl IntoIterator<Item = PathBuf>) -> io::Result<PathBuf> {
        let Sink::Temporary { file, kind, .. } = self.sink else {
            let error = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(named(&self.name, &error));
        };
        let result = (|| {
            let mut draft = finished(file, kind)?;
            for name in names {
                match draft.take_name(&name) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    done => {
                        done?;
                        settle(&name, kind)?;
                        return Ok(name);
                    }
                }
            }
            Err(io::ErrorKind::AlreadyExists.into())
        })();
        result.map_err(|error: io::Error| named(&self.name, &error))
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(mut packer) = self.packer.take() {
            let packed = packer.pack(bytes).map_err(|error| self.named(&error))?;
            self.write_all(&packed)?;
            self.packer = Some(packer);
            return Ok(bytes.len());
        }
        let result = match &mut self.sink {
            Sink::Temporary { file, .. } => file.write(bytes),
            Sink::Direct(file) => file.write(bytes),
        };
        result.map_err(|error| self.named(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = match &mut self.sink {
            Sink::Temporary { file, .. } => file.flush(),
            Sink::Direct(file) => file.flush(),
        };
        result.map_err(|error| self.named(&error))
    }
}

/// Makes the file longer by what reads as zeros.
fn hole(file: &mut BufWriter<Draft>, bytes: u64) -> io::Result<()> {
    file.flush()?;
    let mut file = file.get_ref().as_file();
    let end = file.stream_position()? + bytes;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok(())
}

fn direct(file: File) -> Sink {
    Sink::Direct(BufWriter::with_capacity(BUFFER, Patient::new(file)))
}

fn standard_output() -> io::Result<Sink> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(direct(file))
}

fn create(target: &Path, force: bool, kind: Kind) -> io::Result<Sink> {
    Ok(match place::start(target, force, kind)? {
        Start::Device(file) => direct(file),
        Start::Draft(draft, target) => Sink::Temporary {
            file: BufWriter::with_capacity(BUFFER, draft),
            target,
            force,
            kind,
        },
    })
}
