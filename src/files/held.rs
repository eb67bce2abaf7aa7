//! An image that is replaced by what is made of it: of two edits at once none is lost.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::input::identity::{self, Stamp};
use crate::progress::{Notice, Progress};

/// An image that other edits wait for, and that is put back only where nobody has changed it meanwhile.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    stamp: Stamp,
    /// Locked for as long as this lives.
    _file: File,
}

impl Held {
    /// Where `out` is the image itself, or there is none: as [`Held::new`], before the image is read.
    pub fn where_same(
        image: &Path,
        out: Option<&Path>,
        progress: &dyn Progress,
    ) -> io::Result<Option<Self>> {
        let same = |out: &Path| {
            let there = identity::at(out);
            there.is_some() && there == identity::at(image)
        };
        let own = image.as_os_str() != "-" && image.is_file() && out.is_none_or(same);
        own.then(|| Held::new(image, progress)).transpose()
    }

    /// Waits for others of this kind, then holds what is there.
    pub fn new(path: &Path, progress: &dyn Progress) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        loop {
            let file = File::open(path).map_err(named)?;
            lock(&file, path, progress);
            let stamp = Stamp::of(&file.metadata().map_err(named)?);
            // Who held the lock before may have put another file in its place.
            if Stamp::at(path) == Some(stamp) {
                return Ok(Held {
                    path: path.into(),
                    stamp,
                    _file: file,
                });
            }
        }
    }

    /// To be asked before the image is replaced: whether it still is what was read.
    pub fn unchanged(&self) -> io::Result<()> {
        if Stamp::at(&self.path) == Some(self.stamp) {
            return Ok(());
        }
        let text = format!(
            "{}: somebody changed the image meanwhile: nothing was written, edit it again",
            self.path.display()
        );
        Err(io::Error::other(text))
    }
}

/// Waits for the lock, and says so. Not every file system can lock: what others do is noticed all the
/// same, in the end.
fn lock(file: &File, path: &Path, progress: &dyn Progress) {
    if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return;
    }
    progress.notice(&Notice::Locked(path));
    while file
        .lock()
        .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
    {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use std::fs;

    #[test]
    fn what_others_do_meanwhile_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, "one").unwrap();
        let held = Held::new(&path, &Silent).unwrap();
        held.unchanged().unwrap();
        // Another in its place, of the same size.
        let other = folder.path().join("other");
        fs::write(&other, "two").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(held.unchanged().is_err());
        let held = Held::new(&path, &Silent).unwrap();
        fs::write(&path, "longer").unwrap();
        assert!(held.unchanged().is_err());
        fs::remove_file(&path).unwrap();
        assert!(held.unchanged().is_err());
        assert!(Held::new(&path, &Silent).is_err());
        fs::write(&path, "one").unwrap();
        let of = |out: Option<&Path>| Held::where_same(&path, out, &Silent).unwrap().is_some();
        assert!(of(None) && of(Some(&path)));
        fs::write(&other, "two").unwrap();
        assert!(!of(Some(&other)) && !of(Some(Path::new("-"))));
        assert!(
            Held::where_same(Path::new("-"), None, &Silent)
                .unwrap()
                .is_none()
        );
    }
}
