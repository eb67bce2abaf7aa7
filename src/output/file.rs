//! An output file that is there as a whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read as _, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::durable;
use super::style::STDOUT;
use crate::input::signals::RemovedOnSignal;

const BUFFER: usize = 1 << 20;

/// A file that takes its name only when it is complete, or standard output.
///
/// It is written beside its target under another name. [`OutputFile::commit`] moves it there;
/// without that it is removed when it goes out of scope, or when a signal ends the process.
#[derive(Debug)]
pub struct OutputFile {
    name: String,
    sink: Sink,
    /// A reader that goes away early has seen what it wanted.
    listing: bool,
}

#[derive(Debug)]
enum Sink {
    /// Under a name of its own until it is complete.
    Temporary {
        file: BufWriter<NamedTempFile>,
        target: PathBuf,
        force: bool,
        kind: Kind,
        /// Goes after `file`, which is removed by then.
        guard: RemovedOnSignal,
    },
    /// Standard output, a device or a pipe: there is nothing to be moved.
    Direct(BufWriter<File>),
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

    fn start(target: &Path, force: bool, kind: Kind) -> io::Result<OutputFile> {
        let stdout = target.as_os_str() == "-";
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

    /// An error of the file, with its name. Half an image is of no use to anybody, so a reader that
    /// went away is no more silent than a disk that is full.
    fn named(&self, error: &io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe if !self.listing => {
                io::Error::other(format!("{}: {error}", self.name))
            }
            _ => named(&self.name, error),
        }
    }

    /// The file, for writing anywhere in it; `None` where the output takes bytes in order only.
    pub fn anywhere(&self) -> Option<&File> {
        match &self.sink {
            Sink::Temporary { file, .. } => Some(file.get_ref().as_file()),
            Sink::Direct(_) => None,
        }
    }

    /// Writes zeros, as a hole where the file system has such a thing.
    pub fn hole(&mut self, bytes: u64) -> io::Result<()> {
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
                self.flush()?;
                durable::sync(self.descriptor()).map_err(failed)
            }
        }
    }

    /// Completes the file: all of it is on the disk, then it gets its name.
    pub fn commit(mut self) -> io::Result<()> {
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
                guard,
            } => {
                let done = complete(file, &target, force, kind);
                drop(guard);
                done
            }
        };
        result.map_err(|error| named(&self.name, &error))
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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
fn hole(file: &mut BufWriter<NamedTempFile>, bytes: u64) -> io::Result<()> {
    file.flush()?;
    let file = file.get_mut().as_file_mut();
    let end = file.stream_position()? + bytes;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok(())
}

fn standard_output() -> io::Result<Sink> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(Sink::Direct(BufWriter::with_capacity(BUFFER, file)))
}

/// What becomes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is on the disk before it gets its name.
    Durable,
    /// Nobody else may read it.
    Secret,
}

fn create(target: &Path, force: bool, kind: Kind) -> io::Result<Sink> {
    let mut mode = 0o600; // guest memory holds secrets
    let mut target = target.to_owned();
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            let file = File::options().write(true).open(&target)?;
            return Ok(Sink::Direct(BufWriter::with_capacity(BUFFER, file)));
        }
        Ok(_) if !force => return Err(exists()),
        Ok(metadata) => {
            mode = metadata.permissions().mode() & 0o777;
            // A link keeps pointing at what it points at; that is what is replaced.
            target = fs::canonicalize(&target)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if kind == Kind::Secret {
        mode = 0o600;
    }
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    prefix.push(".");
    // What the system says, without the name that the user has not chosen.
    let mut refused = None;
    let file = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".part")
        .make_in(directory(&target), |path| {
            let mut options = File::options();
            options.read(true).write(true).create_new(true).mode(0o600);
            options
                .open(path)
                .inspect_err(|error| refused = error.raw_os_error())
        })
        .map_err(|error| refused.map_or(error, io::Error::from_raw_os_error))?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    let guard = RemovedOnSignal::new(file.path())?;
    let file = BufWriter::with_capacity(BUFFER, file);
    Ok(Sink::Temporary {
        file,
        target,
        force,
        kind,
        guard,
    })
}

fn complete(
    file: BufWriter<NamedTempFile>,
    target: &Path,
    force: bool,
    kind: Kind,
) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    if kind == Kind::Durable {
        file.as_file().sync_all()?;
    }
    if force {
        file.persist(target)?;
    } else {
        file.persist_noclobber(target)
            .map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => exists(),
                _ => error.error,
            })?;
    }
    if kind == Kind::Secret {
        return Ok(());
    }
    // The new name has to reach the disk as well. Some file systems cannot do that for a
    // directory, and the file is complete by now.
    let _ = File::open(directory(target)).and_then(|directory| directory.sync_all());
    Ok(())
}

fn directory(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn exists() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "the file exists, and --no-clobber keeps it",
    )
}

fn named(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn takes_its_name_when_complete() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let mut out = OutputFile::create(&target, false).unwrap();
        out.write_all(b"abc").unwrap();
        assert!(!target.exists());
        assert!(names(directory.path())[0].starts_with(".out."));
        out.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abc");
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn holes_read_as_zeros_and_nobody_else_reads() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let mut out = OutputFile::create(&target, false).unwrap();
        out.hole(5).unwrap();
        out.write_all(b"abc").unwrap();
        out.hole(1 << 20).unwrap();
        out.write_all(b"d").unwrap();
        out.hole(2).unwrap();
        out.commit().unwrap();
        let written = fs::read(&target).unwrap();
        assert_eq!(written.len(), 5 + 3 + (1 << 20) + 1 + 2);
        assert_eq!(
            (&written[4..9], written[8 + (1 << 20)]),
            (&b"\0abc\0"[..], b'd')
        );
        assert_eq!(
            fs::metadata(&target).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn leaves_nothing_behind_when_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let mut out = OutputFile::create(&directory.path().join("out"), false).unwrap();
        out.write_all(&vec![1; BUFFER * 2]).unwrap();
        drop(out);
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn replaces_only_by_force_and_keeps_the_mode() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
        let error = OutputFile::create(&target, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("out: the file exists"));

        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut out = OutputFile::create(&link, true).unwrap();
        out.write_all(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        out.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&target).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(names(directory.path()), ["link", "out"]);
    }

    #[test]
    fn does_not_replace_what_came_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let out = OutputFile::create(&target, false).unwrap();
        fs::write(&target, "theirs").unwrap();
        assert_eq!(
            out.commit().unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&target).unwrap(), b"theirs");
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn devices_are_written_to_and_directories_are_not() {
        let mut out = OutputFile::create(Path::new("/dev/null"), false).unwrap();
        out.write_all(b"abc").unwrap();
        out.commit().unwrap();
        let directory = tempfile::tempdir().unwrap();
        assert!(OutputFile::create(directory.path(), true).is_err());
        assert!(OutputFile::create(&directory.path().join("no/such"), true).is_err());
    }
}
