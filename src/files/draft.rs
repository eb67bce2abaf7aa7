//! A file that has no name yet, or one that nobody asked for.
//!
//! Where the file system can make files without a name (`O_TMPFILE`), nothing is left over whatever ends
//! the process. Elsewhere it has a name beside the target that a signal's handler knows.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::signals::RemovedOnSignal;

/// How a name beside the target ends.
const SUFFIX: &str = ".part";

/// A file on its way to its name. Without one it is removed when it goes out of scope, or when a signal
/// ends the process.
#[derive(Debug)]
pub struct Draft {
    file: File,
    /// `None` where the file has no name.
    path: Option<TempPath>,
    folder: PathBuf,
    prefix: Box<OsStr>,
    /// Goes after `path`, which is removed by then.
    guard: RemovedOnSignal,
}

impl Draft {
    /// In this folder, with a name that begins with `prefix` where there has to be one; `mode` is what
    /// the umask may take from.
    pub fn new(folder: &Path, prefix: &OsStr, mode: u32) -> io::Result<Self> {
        match nameless(folder, mode) {
            Some(file) => Ok(Draft {
                file,
                path: None,
                folder: folder.into(),
                prefix: prefix.into(),
                guard: RemovedOnSignal::nameless(),
            }),
            // What is wrong with the folder is said by whoever tries next.
            None => Self::with_name(folder, prefix, mode),
        }
    }

    /// With a name that begins with `prefix`.
    pub fn with_name(folder: &Path, prefix: &OsStr, mode: u32) -> io::Result<Self> {
        let mut file = None;
        let path = unused(folder, prefix, |path| {
            let mut options = File::options();
            options.read(true).write(true).create_new(true).mode(mode);
            file = Some(options.open(path)?);
            Ok(())
        })?;
        Ok(Draft {
            file: file.ok_or(io::ErrorKind::NotFound)?,
            guard: RemovedOnSignal::new(&path)?,
            path: Some(path),
            folder: folder.into(),
            prefix: prefix.into(),
        })
    }

    /// The file.
    pub fn as_file(&self) -> &File {
        &self.file
    }

    /// Gives the file a name that nobody has.
    pub fn take_name(&mut self, target: &Path) -> io::Result<()> {
        match self.path.take() {
            None => self.link(target),
            Some(path) => match path.persist_noclobber(target) {
                Ok(()) => Ok(()),
                Err(error) => {
                    self.path = Some(error.path);
                    Err(error.error)
                }
            },
        }
    }

    /// Gives the file a name that another may have, which is replaced.
    pub fn replace(&mut self, target: &Path) -> io::Result<()> {
        if self.path.is_none() {
            match self.link(target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done,
            }
            let (folder, prefix) = (self.folder.clone(), self.prefix.clone());
            let path = unused(&folder, &prefix, |path| self.link(path))?;
            self.guard = RemovedOnSignal::new(&path)?;
            self.path = Some(path);
        }
        let Some(path) = self.path.take() else {
            return Ok(());
        };
        path.persist(target).map_err(|error| error.error)
    }

    /// Gives a file without a name its first.
    #[cfg(target_os = "linux")]
    fn link(&mut self, target: &Path) -> io::Result<()> {
        use rustix::fs::{AtFlags, CWD, linkat};
        let linked = linkat(CWD, own(&self.file), CWD, target, AtFlags::SYMLINK_FOLLOW);
        let error = match linked {
            Ok(()) => return Ok(()),
            Err(error) => io::Error::from(error),
        };
        // A file system that makes such files and cannot name them: what was written is not lost.
        let cannot = [libc::EPERM, libc::EXDEV, libc::EOPNOTSUPP, libc::ENOENT];
        if !error
            .raw_os_error()
            .is_some_and(|code| cannot.contains(&code))
        {
            return Err(error);
        }
        let mode = self.file.metadata()?.permissions();
        let named = Self::with_name(&self.folder, &self.prefix, 0o600)?;
        copy(&self.file, named.as_file())?;
        named.as_file().set_permissions(mode)?;
        named.as_file().sync_all()?;
        *self = named;
        self.take_name(target)
    }

    #[cfg(not(target_os = "linux"))]
    fn link(&mut self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file without a name, where there can be one and it can be given one later.
#[cfg(target_os = "linux")]
fn nameless(folder: &Path, mode: u32) -> Option<File> {
    let mut options = File::options();
    options.read(true).write(true).mode(mode);
    let file = options.custom_flags(libc::O_TMPFILE).open(folder).ok()?;
    fs::symlink_metadata(own(&file)).ok()?;
    Some(file)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path, _: u32) -> Option<File> {
    None
}

/// What leads to an open file.
#[cfg(target_os = "linux")]
fn own(file: &File) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Has `make` make something under a name that nobody has. Errors are those of the system, without the
/// name that nobody asked for.
fn unused(
    folder: &Path,
    prefix: &OsStr,
    mut make: impl FnMut(&Path) -> io::Result<()>,
) -> io::Result<TempPath> {
    let mut refused = None;
    tempfile::Builder::new()
        .prefix(prefix)
        .suffix(SUFFIX)
        .make_in(folder, |path| {
            make(path).inspect_err(|error| refused = error.raw_os_error())
        })
        .map(tempfile::NamedTempFile::into_temp_path)
        .map_err(|error| refused.map_or(error, io::Error::from_raw_os_error))
}

/// Copies all of a file; what is zero becomes a hole.
#[cfg(target_os = "linux")]
fn copy(from: &File, to: &File) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let size = from.metadata()?.len();
    to.set_len(size)?;
    let mut block = vec![0; 64 << 10];
    let mut at = 0;
    while at < size {
        let len = (size - at).min(block.len() as u64) as usize;
        let part = &mut block[..len];
        from.read_exact_at(part, at)?;
        if !ia64save_codec::image::is_zero(part) {
            to.write_all_at(part, at)?;
        }
        at += len as u64;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_be_seen_until_it_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let count = || fs::read_dir(folder.path()).unwrap().count();
        let mut draft = Draft::new(folder.path(), OsStr::new(".x."), 0o600).unwrap();
        // Only where there are such files: all file systems that tests usually run on have them.
        if draft.path.is_none() {
            assert_eq!(count(), 0);
        }
        draft.write_all(b"abc").unwrap();
        draft.take_name(&folder.path().join("a")).unwrap();
        assert_eq!(count(), 1);
    }

    #[test]
    fn copies_are_the_same_and_keep_holes() {
        let (from, to) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        std::os::unix::fs::FileExt::write_all_at(&from, b"abc", 200_000).unwrap();
        from.set_len(400_000).unwrap();
        copy(&from, &to).unwrap();
        let read = |file: &File| {
            let mut bytes = vec![0; 400_000];
            std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, 0).unwrap();
            bytes
        };
        assert!(read(&from) == read(&to));
        assert_eq!(to.metadata().unwrap().len(), 400_000);
    }
}
