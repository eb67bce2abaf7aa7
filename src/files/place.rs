//! Where a file takes its name, and what is in the way there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::draft::Draft;

/// Links that are followed to where a file is to be made.
const MOST_LINKS: usize = 40;

/// What becomes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is on the disk before it gets its name.
    Durable,
    /// Nobody else may read it.
    Secret,
    /// As durable, and the umask says who may read it.
    Public,
}

/// What is at a path where a file is to be made.
pub(super) enum Start {
    /// A device or a pipe, which is written to.
    Device(File),
    /// Nothing, or what is replaced; and where that is.
    Draft(Draft, PathBuf),
}

/// Starts a file that will be called `target`, or opens what is no file.
pub(super) fn start(target: &Path, force: bool, kind: Kind) -> io::Result<Start> {
    let mut mode = None;
    let mut target = target.to_owned();
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            let file = File::options().write(true).open(&target)?;
            return Ok(Start::Device(file));
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
    Ok(Start::Draft(draft, target))
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
pub(super) fn prefix(target: &Path) -> io::Result<OsString> {
    const MOST: usize = 100;
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let name = name.as_bytes();
    let mut prefix = OsString::from(".");
    prefix.push(OsStr::from_bytes(&name[..name.len().min(MOST)]));
    prefix.push(".");
    Ok(prefix)
}

/// All of the file is where it shall be.
pub(super) fn finished(file: BufWriter<Draft>, kind: Kind) -> io::Result<Draft> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    if kind != Kind::Secret {
        file.as_file().sync_all()?;
    }
    Ok(file)
}

/// All of the file is where it shall be, under its name.
pub(super) fn complete(
    file: BufWriter<Draft>,
    target: &Path,
    force: bool,
    kind: Kind,
) -> io::Result<()> {
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
pub(super) fn settle(target: &Path, kind: Kind) -> io::Result<()> {
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

/// The folder of a path.
pub(crate) fn directory(target: &Path) -> &Path {
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

/// An error with the name of its file.
pub(crate) fn named(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}
