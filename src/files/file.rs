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

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read as _, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::draft::Draft;
use super::durable;
use super::packing::{Compress, Packer};
use super::patient::Patient;
use super::standard::{STDOUT, is_stdout};

const BUFFER: usize = 1 << 20;

/// Links that are followed to where a file is to be made.
const MOST_LINKS: usize = 40;

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

/// What becomes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is on the disk before it gets its name.
    Durable,
    /// Nobody else may read it.
    Secret,
    /// As durable, and the umask says who may read it.
    Public,
}

fn create(target: &Path, force: bool, kind: Kind) -> io::Result<Sink> {
    let mut mode = None;
    let mut target = target.to_owned();
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            let file = File::options().write(true).open(&target)?;
            return Ok(direct(file));
        }
        Ok(_) if !force => return Err(exists()),
        Ok(metadata) => {
            mode = Some(metadata.permissions().mode() & 0o777);
            // A link keeps pointing at what it points at; that is what is replaced.
            target = fs::canonicalize(&target)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let link = fs::symlink_metadata(&target).is_ok();
            if link && !force {
                return Err(exists());
            }
            target = led_to(target)?;
        }
        Err(error) => return Err(error),
    }
    let new = match kind {
        Kind::Durable | Kind::Secret => 0o600, // guest memory holds secrets
        Kind::Public => 0o666,
    };
    let draft = Draft::new(directory(&target), &prefix(&target)?, new)?;
    if let Some(mode) = mode.filter(|_| kind != Kind::Secret) {
        draft
            .as_file()
            .set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(Sink::Temporary {
        file: BufWriter::with_capacity(BUFFER, draft),
        target,
        force,
        kind,
    })
}

/// Where links that lead to nothing lead to.
fn led_to(mut target: PathBuf) -> io::Result<PathBuf> {
    for _ in 0..MOST_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = directory(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// How a name beside the target begins. Not all of a long name: what is behind it needs room too.
fn prefix(target: &Path) -> io::Result<OsString> {
    const MOST: usize = 100;
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let name = name.as_bytes();
    let mut prefix = OsString::from(".");
    prefix.push(OsStr::from_bytes(&name[..name.len().min(MOST)]));
    prefix.push(".");
    Ok(prefix)
}

/// All of the file is where it shall be.
fn finished(file: BufWriter<Draft>, kind: Kind) -> io::Result<Draft> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    if kind != Kind::Secret {
        file.as_file().sync_all()?;
    }
    Ok(file)
}

fn complete(file: BufWriter<Draft>, target: &Path, force: bool, kind: Kind) -> io::Result<()> {
    let mut draft = finished(file, kind)?;
    if force {
        draft.replace(target)?;
    } else {
        draft
            .take_name(target)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(),
                _ => error,
            })?;
    }
    settle(target, kind)
}

/// Sees to it that the new name reaches the disk as well.
fn settle(target: &Path, kind: Kind) -> io::Result<()> {
    if kind == Kind::Secret {
        return Ok(());
    }
    // Some file systems cannot do that for a folder, and some folders cannot be opened by who may write
    // to them. A disk that fails is told of.
    match File::open(directory(target)).and_then(|folder| folder.sync_all()) {
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EIO | libc::ENOSPC | libc::EDQUOT)
            ) =>
        {
            let text = format!("written, but its name may not be on the disk: {error}");
            Err(io::Error::new(error.kind(), text))
        }
        _ => Ok(()),
    }
}

fn directory(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What is said where `--no-clobber` keeps the file at `path`.
pub fn kept(path: &Path) -> io::Error {
    named(&path.display().to_string(), &exists())
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

    #[test]
    fn names_of_any_length_work_with_and_without_names_beside_them() {
        for named in [false, true] {
            for len in [1, 99, 100, 101, 243, 250, 255] {
                let directory = tempfile::tempdir().unwrap();
                let target = directory.path().join("n".repeat(len));
                for content in ["one", "two"] {
                    let draft = if named {
                        Draft::with_name(directory.path(), &prefix(&target).unwrap(), 0o600)
                    } else {
                        Draft::new(directory.path(), &prefix(&target).unwrap(), 0o600)
                    };
                    let mut file = BufWriter::new(draft.unwrap());
                    file.write_all(content.as_bytes()).unwrap();
                    complete(file, &target, true, Kind::Durable).unwrap();
                    assert_eq!(fs::read_to_string(&target).unwrap(), content);
                    assert_eq!(names(directory.path()).len(), 1);
                }
            }
        }
    }

    #[test]
    fn a_file_with_a_name_beside_its_target_does_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let draft = || {
            let draft = Draft::with_name(directory.path(), &prefix(&target).unwrap(), 0o600);
            let mut file = BufWriter::new(draft.unwrap());
            file.write_all(b"abc").unwrap();
            file
        };
        let dropped = draft();
        assert!(names(directory.path())[0].starts_with(".out."));
        drop(dropped);
        assert!(names(directory.path()).is_empty());
        complete(draft(), &target, false, Kind::Durable).unwrap();
        let error = complete(draft(), &target, false, Kind::Durable).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_gets_its_file_where_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        std::os::unix::fs::symlink("folder/file", path("second")).unwrap();
        std::os::unix::fs::symlink("second", path("first")).unwrap();
        let error = OutputFile::create(&path("first"), false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        OutputFile::create(&path("first"), true)
            .unwrap()
            .commit()
            .unwrap();
        assert!(path("folder/file").is_file());
        assert!(fs::symlink_metadata(path("first")).unwrap().is_symlink());
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        assert!(OutputFile::create(&path("loop"), true).is_err());
    }

    #[test]
    fn other_names_of_a_file_go_on_leading_to_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("out"), "old").unwrap();
        fs::hard_link(path("out"), path("other")).unwrap();
        let mut out = OutputFile::create(&path("out"), true).unwrap();
        out.write_all(b"new").unwrap();
        out.commit().unwrap();
        assert_eq!(fs::read(path("out")).unwrap(), b"new");
        assert_eq!(fs::read(path("other")).unwrap(), b"old");
    }

    #[test]
    fn the_umask_says_who_reads_what_holds_no_guest() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        // What the umask is, a file made in the usual way tells.
        fs::write(path("plain"), "").unwrap();
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        let public = OutputFile::create_public(&path("public"), false).unwrap();
        public.commit().unwrap();
        assert_eq!(mode("public"), mode("plain"));
        let draft = Draft::with_name(directory.path(), OsStr::new(".x."), 0o666).unwrap();
        let file = BufWriter::new(draft);
        complete(file, &path("named"), false, Kind::Public).unwrap();
        assert_eq!(mode("named"), mode("plain"));
        OutputFile::create(&path("image"), false)
            .unwrap()
            .commit()
            .unwrap();
        assert_eq!(mode("image"), 0o600);
    }

    #[test]
    fn the_first_free_name_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("a"), "theirs").unwrap();
        let mut out = OutputFile::create(&path("a"), true).unwrap();
        out.write_all(b"ours").unwrap();
        let name = out.commit_as([path("a"), path("b"), path("c")]).unwrap();
        assert_eq!(name, path("b"));
        assert_eq!(fs::read(path("a")).unwrap(), b"theirs");
        assert_eq!(fs::read(path("b")).unwrap(), b"ours");
        let out = OutputFile::create(&path("a"), true).unwrap();
        assert!(out.commit_as([path("a"), path("b")]).is_err());
        assert_eq!(names(directory.path()), ["a", "b"]);
    }
}
