//! Whether what was written to a descriptor outlives the machine, and seeing to it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What cannot be made safe, by name; `None` for a regular file and a block device. A descriptor that was
/// closed when the program started is /dev/null by now.
pub fn unsafe_kind(descriptor: impl AsFd) -> io::Result<Option<&'static str>> {
    let kind = file(descriptor.as_fd())?.metadata()?.file_type();
    Ok(if kind.is_file() || kind.is_block_device() {
        None
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else if io::IsTerminal::is_terminal(&descriptor.as_fd()) {
        Some("a terminal")
    } else if kind.is_char_device() {
        Some("a device that keeps nothing")
    } else {
        Some("no file")
    })
}

/// All that was written is on the disk when this returns. Every error counts; what cannot be made safe is
/// none.
pub fn sync(descriptor: impl AsFd) -> io::Result<()> {
    match unsafe_kind(&descriptor)? {
        None => file(descriptor.as_fd())?.sync_data(),
        Some(_) => Ok(()),
    }
}

/// The names in a folder are on the disk when this returns. Every error counts.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let named = |error: io::Error| {
        let text = format!("the folder {}: {error}", folder.display());
        io::Error::new(error.kind(), text)
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(named)
}

fn file(descriptor: BorrowedFd<'_>) -> io::Result<File> {
    descriptor.try_clone_to_owned().map(File::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_can_be_made_safe_is_told_from_what_cannot() {
        let regular = tempfile::tempfile().unwrap();
        assert_eq!(unsafe_kind(&regular).unwrap(), None);
        sync(&regular).unwrap();
        let (pipe, _other) = io::pipe().unwrap();
        assert_eq!(unsafe_kind(&pipe).unwrap(), Some("a pipe"));
        let (socket, _other) = UnixStream::pair().unwrap();
        assert_eq!(unsafe_kind(&socket).unwrap(), Some("a socket"));
        let null = File::open("/dev/null").unwrap();
        assert_eq!(
            unsafe_kind(&null).unwrap(),
            Some("a device that keeps nothing")
        );
        for nothing in [pipe.as_fd(), socket.as_fd(), null.as_fd()] {
            sync(nothing).unwrap();
        }
    }

    #[test]
    fn a_folder_that_cannot_be_synced_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        sync_folder(folder.path()).unwrap();
        let gone = folder.path().join("gone");
        let error = sync_folder(&gone).unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
    }
}
